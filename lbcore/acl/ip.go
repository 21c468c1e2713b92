package acl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"gohap/lbcore/sample"
)

// ipNet is one address pattern. IPv4 masks may have holes.
type ipNet struct {
	v4       bool
	net4     uint32
	mask4    uint32
	hi, lo   uint64 // IPv6, masked
	mhi, mlo uint64
	bits     int // prefix length, -1 for a mask with holes
}

// netTable holds all networks of one family and prefix length.
type netTable struct {
	bits int
	v4   map[uint32]int32
	v6   map[[2]uint64]int32
}

func (p *Patterns) parseNets(texts []string, resolve func(string) (netip.Addr, error)) error {
	for _, t := range texts {
		n, err := parseNet(t)
		if err != nil && resolve != nil {
			host, bits, hasBits := strings.Cut(t, "/")
			if ip, rerr := resolve(host); rerr == nil && ip.Is4() {
				full := ip.String()
				if hasBits {
					full += "/" + bits
				}
				n, err = parseNet(full)
			}
		}
		if err != nil {
			return fmt.Errorf("'%s' is not a valid IPv4 or IPv6 address", t)
		}
		p.nets = append(p.nets, n)
	}
	return nil
}

var errNotAnAddress = errors.New("not an address")

// parseNet reads an address with an optional mask: IPv4 also in short form
// (10.1 is 10.0.0.1) and with a dotted mask, IPv6 with a bit count.
func parseNet(t string) (ipNet, error) {
	addr, mask, has := strings.Cut(t, "/")
	if strings.Contains(addr, ":") {
		ip, err := netip.ParseAddr(addr)
		if err != nil || ip.Zone() != "" {
			return ipNet{}, errNotAnAddress
		}
		bits := 128
		if has {
			if bits, err = parseBits(mask, 128); err != nil {
				return ipNet{}, err
			}
		}
		return net6(ip, bits), nil
	}
	a, ok := shortIPv4(addr)
	if !ok {
		return ipNet{}, errNotAnAddress
	}
	n := ipNet{v4: true, mask4: ^uint32(0), bits: 32}
	if has {
		if err := n.setMask4(mask); err != nil {
			return ipNet{}, err
		}
	}
	n.net4 = a & n.mask4
	return n, nil
}

func (n *ipNet) setMask4(mask string) error {
	bits, err := parseBits(mask, 32)
	if err == nil {
		n.bits = bits
		n.mask4 = uint32(^uint64(0) << (32 - bits))
		return nil
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || !m.Is4() {
		return errNotAnAddress
	}
	b := m.As4()
	n.mask4, n.bits = binary.BigEndian.Uint32(b[:]), -1
	for i := 0; i <= 32; i++ {
		if n.mask4 == uint32(^uint64(0)<<(32-i)) {
			n.bits = i
		}
	}
	return nil
}

func parseBits(s string, limit int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > limit || s[0] == '+' || s[0] == '-' {
		return 0, errNotAnAddress
	}
	return n, nil
}

// shortIPv4 reads one to four numbers: the last one is the last byte, the
// others fill from the left.
func shortIPv4(s string) (uint32, bool) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return 0, false
	}
	var a uint32
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return 0, false
		}
		shift := 24 - 8*i
		if i == len(parts)-1 {
			shift = 0
		}
		a |= uint32(n) << shift
	}
	return a, true
}

func net6(ip netip.Addr, bits int) ipNet {
	n := ipNet{bits: bits}
	n.hi, n.lo = words(ip)
	n.mhi, n.mlo = mask6(bits)
	n.hi, n.lo = n.hi&n.mhi, n.lo&n.mlo
	return n
}

func mask6(bits int) (hi, lo uint64) {
	if bits <= 64 {
		return ^uint64(0) << (64 - bits), 0
	}
	return ^uint64(0), ^uint64(0) << (128 - bits)
}

func words(ip netip.Addr) (hi, lo uint64) {
	b := ip.As16()
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
}

// indexNets groups the networks by family and length, longest first.
func (p *Patterns) indexNets() {
	for bits := 128; bits >= 0; bits-- {
		t := netTable{bits: bits}
		for i, n := range p.nets {
			if n.bits != bits {
				continue
			}
			if n.v4 {
				if t.v4 == nil {
					t.v4 = map[uint32]int32{}
				}
				if _, dup := t.v4[n.net4]; !dup {
					t.v4[n.net4] = int32(i)
				}
				continue
			}
			if t.v6 == nil {
				t.v6 = map[[2]uint64]int32{}
			}
			if k := [2]uint64{n.hi, n.lo}; true {
				if _, dup := t.v6[k]; !dup {
					t.v6[k] = int32(i)
				}
			}
		}
		if t.v4 != nil || t.v6 != nil {
			p.byNet = append(p.byNet, t)
		}
	}
}

// findIP matches an address against patterns of either family (7.1.6 of the
// manual): an IPv6 address meets IPv4 patterns when it embeds an IPv4 one, an
// IPv4 address meets IPv6 patterns as ::ffff:a.b.c.d.
func (p *Patterns) findIP(ip netip.Addr) int {
	var a4 uint32
	has4 := false
	if e, ok := ip, ip.Is4(); ok {
		b := e.As4()
		a4, has4 = binary.BigEndian.Uint32(b[:]), true
	} else if e, ok := sample.EmbeddedIPv4(ip); ok {
		b := e.As4()
		a4, has4 = binary.BigEndian.Uint32(b[:]), true
	}
	hi, lo := words(ip)
	if p.byNet != nil {
		if i := p.findNetIndexed(a4, has4, hi, lo); i >= 0 {
			return i
		}
	}
	for i := range p.nets {
		n := &p.nets[i]
		switch {
		case p.byNet != nil && n.bits >= 0:
		case n.v4 && has4 && a4&n.mask4 == n.net4, !n.v4 && hi&n.mhi == n.hi && lo&n.mlo == n.lo:
			return i
		}
	}
	return -1
}

func (p *Patterns) findNetIndexed(a4 uint32, has4 bool, hi, lo uint64) int {
	for k := range p.byNet {
		t := &p.byNet[k]
		if has4 && t.v4 != nil {
			if i, ok := t.v4[a4&uint32(^uint64(0)<<(32-t.bits))]; ok {
				return int(i)
			}
		}
		if t.v6 != nil {
			mh, ml := mask6(t.bits)
			if i, ok := t.v6[[2]uint64{hi & mh, lo & ml}]; ok {
				return int(i)
			}
		}
	}
	return -1
}
