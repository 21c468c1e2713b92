package acl

import (
	"encoding/binary"
	"errors"
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

var errNotAnAddress = errors.New("not an address")

// parseNet reads an address with an optional mask: of IPv4 dotted or a bit count,
// of IPv6 a bit count. It does not allocate.
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
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return ipNet{}, errNotAnAddress
	}
	n := ipNet{v4: true, mask4: ^uint32(0), bits: 32}
	if has {
		if err := n.setMask4(mask); err != nil {
			return ipNet{}, err
		}
	}
	b := ip.As4()
	n.net4 = binary.BigEndian.Uint32(b[:]) & n.mask4
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
func shortIPv4(s string) (netip.Addr, bool) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var a [4]byte
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return netip.Addr{}, false
		}
		if i == len(parts)-1 {
			i = 3
		}
		a[i] = byte(n)
	}
	return netip.AddrFrom4(a), true
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

// spread takes an address apart: the IPv4 address that it is or holds, and the
// IPv6 one. An IPv6 address meets IPv4 patterns when it embeds an IPv4 one, an IPv4
// address meets IPv6 patterns as ::ffff:a.b.c.d (7.1.6 of the manual).
func spread(ip netip.Addr) (a4 uint32, has4 bool, hi, lo uint64) {
	hi, lo = words(ip)
	if !ip.Is4() {
		if ip, has4 = sample.EmbeddedIPv4(ip); !has4 {
			return 0, false, hi, lo
		}
	}
	b := ip.As4()
	return binary.BigEndian.Uint32(b[:]), true, hi, lo
}

// holds tells whether an address, taken apart, is in the network.
func (n *ipNet) holds(a4 uint32, has4 bool, hi, lo uint64) bool {
	if n.v4 {
		return has4 && a4&n.mask4 == n.net4
	}
	return hi&n.mhi == n.hi && lo&n.mlo == n.lo
}

// finer tells whether the reference chooses n before o when both hold an address
// of a family: its own family first, then the longer mask; masks with holes last.
func (n *ipNet) finer(o *ipNet, v4 bool) bool {
	switch {
	case n.bits < 0 || o.bits < 0:
		return o.bits < 0 && n.bits >= 0
	case n.v4 != o.v4:
		return n.v4 == v4
	}
	return n.bits > o.bits
}

// findIP returns the finest network that holds an address, the first of those.
func (p *Patterns) findIP(ip netip.Addr) int {
	a4, has4, hi, lo := spread(ip)
	best := -1
	for i := range p.nets {
		if n := &p.nets[i]; n.holds(a4, has4, hi, lo) && (best < 0 || n.finer(&p.nets[best], ip.Is4())) {
			best = i
		}
	}
	return best
}
