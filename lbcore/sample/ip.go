package sample

import "net/netip"

// maskIP applies a mask of the address's own size.
func maskIP(ip netip.Addr, mask []byte) netip.Addr {
	if ip.Is4() {
		a := ip.As4()
		for i := range a {
			a[i] &= mask[i]
		}
		return netip.AddrFrom4(a)
	}
	a := ip.As16()
	for i := range a {
		a[i] &= mask[i]
	}
	return netip.AddrFrom16(a)
}
