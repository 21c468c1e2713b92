package stick

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
)

// Key appends to dst the key that a table has for raw: text cut to its length,
// binary cut or filled up with zeros; integers and addresses have their bytes in
// network order already, and another length of them is no key.
func (t *Table) Key(dst, raw []byte) (key []byte, ok bool) {
	switch t.Config.Key {
	case KeyString: // reference: an empty one too
		return append(dst, raw[:min(len(raw), t.keyLen)]...), true
	case KeyBinary: // reference: nothing at all is a key of zeros
		dst = append(dst, raw[:min(len(raw), t.keyLen)]...)
		for n := len(raw); n < t.keyLen; n++ {
			dst = append(dst, 0)
		}
		return dst, true
	}
	if len(raw) != t.keyLen {
		return dst, false
	}
	return append(dst, raw...), true
}

// ParseKey returns the key that a text names, as commands take it: binary keys in
// hexadecimal digits. The error names what is expected.
func (t *Table) ParseKey(text string) ([]byte, error) {
	var raw []byte
	switch t.Config.Key {
	case KeyInteger:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < -1<<31 || n >= 1<<32 {
			return nil, fmt.Errorf("'%s' is no integer of 32 bits", text)
		}
		raw = binary.BigEndian.AppendUint32(nil, uint32(n))
	case KeyIPv4, KeyIPv6:
		a, err := netip.ParseAddr(text)
		if err == nil && t.Config.Key == KeyIPv4 {
			a = inside(a)
		} else if a.Is4() {
			a = netip.AddrFrom16(a.As16())
		}
		if err != nil || a.Is4() != (t.Config.Key == KeyIPv4) || a.Zone() != "" {
			return nil, fmt.Errorf("'%s' is no address of type %v", text, t.Config.Key)
		}
		raw = a.AsSlice()
	case KeyBinary:
		if len(text)%2 != 0 {
			return nil, fmt.Errorf("'%s' has half a byte", text)
		}
		for i := 0; i < len(text); i += 2 {
			b, err := strconv.ParseUint(text[i:i+2], 16, 8)
			if err != nil {
				return nil, fmt.Errorf("'%s' is not hexadecimal", text)
			}
			raw = append(raw, byte(b))
		}
	default:
		raw = []byte(text)
	}
	key, ok := t.Key(nil, raw)
	if !ok {
		return nil, fmt.Errorf("'%s' is no key of type %v", text, t.Config.Key)
	}
	return key, nil
}

// inside returns the IPv4 address that an IPv6 one stands for: mapped, compatible or
// 6to4; others as they are.
func inside(a netip.Addr) netip.Addr {
	b := a.As16()
	for i := range 10 {
		if b[i] == 0 {
			continue
		}
		if b[0] == 0x20 && b[1] == 0x02 {
			return netip.AddrFrom4([4]byte(b[2:6]))
		}
		return a
	}
	if n := uint16(b[10])<<8 | uint16(b[11]); n == 0 || n == 0xffff {
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

// AppendKey appends a key as "show table" prints it.
func (t *Table) AppendKey(dst, key []byte) []byte {
	switch t.Config.Key {
	case KeyInteger:
		return strconv.AppendUint(dst, uint64(binary.BigEndian.Uint32(key)), 10)
	case KeyIPv4, KeyIPv6:
		a, _ := netip.AddrFromSlice(key)
		return a.AppendTo(dst)
	case KeyBinary:
		return fmt.Appendf(dst, "%X", key)
	}
	return append(dst, key...)
}
