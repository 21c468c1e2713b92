package peers

import (
	"encoding/binary"
	"fmt"

	"gohap/lbcore/hash"
	"gohap/stick"
)

// shared is a table as a section shares it; fixed after New.
type shared struct {
	TableConfig
	id     uint64 // ours on the wire
	define []byte // the payload that tells of it
	data   []stick.Data
	most   int // bytes that a message about an entry may take, server keys aside
	keyLen uint64
}

// wireKeyLen returns the length of keys as a definition tells it: that of text with
// the zero that ends it in the reference's memory.
func wireKeyLen(t *stick.Table) uint64 {
	if t.Config.Key == stick.KeyString {
		return uint64(t.KeyLen) + 1
	}
	return uint64(t.KeyLen)
}

func newShared(c TableConfig, id uint64) *shared {
	t := c.Table
	s := &shared{TableConfig: c, id: id, keyLen: wireKeyLen(t), most: 32 + t.KeyLen}
	var bits uint64
	var params []byte
	for d := range stick.DataKinds {
		n := t.Elements(d)
		if n == 0 {
			continue
		}
		s.data = append(s.data, d)
		bits |= 1 << d
		if d.Array() || d.Form() == stick.Rate {
			params = appendVarint(params, uint64(d))
		}
		if d.Array() {
			params = appendVarint(params, uint64(n))
		}
		if d.Form() == stick.Rate {
			params = appendVarint(params, uint64(t.Period(d)))
		}
		s.most += n * map[stick.Form]int{stick.Sint: maxVarint, stick.Uint: 5, stick.Wide: maxVarint, stick.Rate: 15, stick.Dict: 300}[d.Form()]
	}
	b := appendVarint(nil, id)
	b = appendVarint(b, uint64(len(c.Name)))
	b = append(b, c.Name...)
	b = appendVarint(b, uint64(t.Config.Key))
	b = appendVarint(b, s.keyLen)
	b = appendVarint(b, bits)
	b = appendVarint(b, uint64(t.Expire))
	s.define = append(b, params...)
	return s
}

// appendEntry appends the payload of an update: its number, with the time that is
// left if timed, key and values.
func (s *shared) appendEntry(b []byte, e stick.Entry, seq uint32, timed bool, texts *sentTexts, now uint32) []byte {
	b = binary.BigEndian.AppendUint32(b, seq)
	if timed {
		b = binary.BigEndian.AppendUint32(b, e.Left(now))
	}
	key := e.Key()
	if s.Table.Config.Key == stick.KeyString {
		b = appendVarint(b, uint64(len(key)))
	}
	b = append(b, key...)
	for _, d := range s.data {
		for i := range s.Table.Elements(d) {
			switch d.Form() {
			case stick.Sint:
				b = appendVarint(b, uint64(int64(int32(e.Get(d, i)))))
			case stick.Rate:
				age, cur, prev := e.RateParts(d, i, now)
				b = appendVarint(b, uint64(age))
				b = appendVarint(b, uint64(cur))
				b = appendVarint(b, uint64(prev))
			case stick.Dict:
				b = texts.append(b, e.Text(d))
			default:
				b = appendVarint(b, e.Get(d, i))
			}
		}
	}
	return b
}

// Shard returns the part, from 1 to shards, to which a section that distributes
// keys counts one: the same as the reference.
func Shard(t *stick.Table, key []byte, shards int) int {
	if t.Config.Key == stick.KeyInteger { // the reference hashes it as it has it in memory
		key = []byte{key[3], key[2], key[1], key[0]}
	}
	return int(hash.XXH64(key, hash.XXH64([]byte(t.Name), 0))%uint64(shards)) + 1
}

// definition is what the other side says of a table, checked against ours.
type definition struct {
	id       uint64
	bits     uint64
	elements [stick.DataKinds]uint16
}

// readDefine reads a definition; name is of b.
func readDefine(b []byte) (d definition, name []byte, key stick.KeyType, keyLen uint64, err error) {
	r := Reader{B: b}
	d.id = r.Number()
	name = r.Bytes(r.Number())
	kind := r.Number()
	keyLen = r.Number()
	d.bits = r.Number()
	r.Number() // how long entries live over there
	if r.Bad {
		return d, nil, 0, 0, fmt.Errorf("a table's definition is cut short")
	}
	key = stick.KeyType(min(kind, 255))
	for k := range stick.DataKinds {
		if d.bits&(1<<k) != 0 && !k.Array() {
			d.elements[k] = 1
		}
	}
	for len(r.B) > 0 {
		k := r.Number()
		if k >= uint64(stick.DataKinds) {
			break // what it has behind nobody can tell
		}
		kind := stick.Data(k)
		if kind.Array() {
			n := r.Number()
			if n >= 1<<16 { // more than a message holds
				return d, nil, 0, 0, fmt.Errorf("table %s: %v of %d elements", name, kind, n)
			}
			d.elements[k] = uint16(n)
		}
		if kind.Form() == stick.Rate {
			r.Number()
		}
	}
	if r.Bad {
		return d, nil, 0, 0, fmt.Errorf("table %s: its definition is cut short", name)
	}
	return d, name, key, keyLen, nil
}

// datum is a value of an update.
type datum struct {
	d         stick.Data
	i         uint16
	n         uint64 // or the age of a rate
	cur, prev uint32
	text      string
}

// readValues reads the values of an update.
func readValues(r *Reader, d *definition, texts *gotTexts, to []datum) []datum {
	for k := range stick.DataKinds {
		if d.bits&(1<<k) == 0 {
			continue
		}
		for i := range d.elements[k] {
			v := datum{d: k, i: i}
			switch k.Form() {
			case stick.Rate:
				v.n, v.cur, v.prev = r.Number(), uint32(r.Number()), uint32(r.Number())
			case stick.Dict:
				v.text = texts.read(r)
			default:
				v.n = r.Number()
			}
			if r.Bad {
				return to
			}
			if i < stick.MaxElements { // what is beyond no table here has
				to = append(to, v)
			}
		}
	}
	return to
}

// readKey reads a key of a table.
func (s *shared) readKey(r *Reader) []byte {
	n := uint64(s.Table.KeyLen)
	if s.Table.Config.Key == stick.KeyString {
		n = r.Number()
	}
	key := r.Bytes(n)
	return key[:min(len(key), s.Table.KeyLen)]
}

// learn stores what a peer says of a key; ok is false when the table is full.
func (s *shared) learn(key []byte, values []datum, left, now uint32) (ok bool) {
	if ok = store(s.Table, key, values, left, now, func(d stick.Data) bool { return d != stick.ConnCur || s.RecvOnly }); ok && s.WriteTo != nil {
		store(s.WriteTo, key, values, left, now, func(d stick.Data) bool {
			return d == stick.ServerID || d == stick.ServerKey || d == stick.GPT0 || d == stick.GPT
		})
	}
	return ok
}

// store writes those values into a table that it has and that are wanted.
func store(t *stick.Table, key []byte, values []datum, left, now uint32, want func(stick.Data) bool) bool {
	e, _, ok := t.Create(key, now)
	if !ok {
		return false
	}
	for i := range values {
		v := &values[i]
		if !want(v.d) {
			continue
		}
		switch v.d.Form() {
		case stick.Rate:
			e.SetRateParts(v.d, int(v.i), now, uint32(v.n), v.cur, v.prev)
		case stick.Dict:
			e.SetText(v.d, v.text)
		default:
			e.Set(v.d, int(v.i), v.n)
		}
	}
	e.TouchLearned(now, left)
	e.Release()
	return true
}
