package proxy

import (
	"encoding/binary"

	"gohap/lbcore/sample"
	"gohap/stick"
)

// keySamples are the types of values that keys are made of.
var keySamples = [...]sample.Type{
	stick.KeyInteger: sample.SInt, stick.KeyIPv4: sample.IPv4, stick.KeyIPv6: sample.IPv6, stick.KeyString: sample.Str, stick.KeyBinary: sample.Bin,
}

// KeyType returns the type that a value is cast to, to be a key of the table.
func (t *Table) KeyType() sample.Type { return keySamples[t.Config.Key] }

// KeyOf casts a value to the key that it is in the table, which it puts into the
// arena of c; ok is false for one that is none: what cannot be cast, or is empty.
// On the loop of c; the table must have been settled.
func (t *Table) KeyOf(c *sample.Context, s *sample.Sample) (key []byte, ok bool) {
	if !s.Cast(c, t.KeyType()) {
		return nil, false
	}
	var raw [16]byte
	b := s.Data
	switch t.Config.Key {
	case stick.KeyInteger:
		b = binary.BigEndian.AppendUint32(raw[:0], uint32(s.Int))
	case stick.KeyIPv4:
		a := s.IP.As4()
		b = append(raw[:0], a[:]...)
	case stick.KeyIPv6:
		raw = s.IP.As16()
		b = raw[:]
	}
	if key, ok = t.Key(c.Arena.Rest(t.Config.KeyLen), b); !ok {
		key = key[:0]
	}
	return c.Arena.Keep(key), ok
}
