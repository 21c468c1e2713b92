package stream

import "net/netip"

// endpoint is a netip.AddrPort without zone in 20 bytes instead of 32: what an
// idle connection keeps counts.
type endpoint struct {
	ip   [16]byte
	port uint16
	bits uint8 // of the address: 32, 128, or 0 where there is none
}

func packEndpoint(a netip.AddrPort) endpoint {
	if !a.IsValid() {
		return endpoint{}
	}
	return endpoint{a.Addr().As16(), a.Port(), uint8(a.Addr().BitLen())}
}

func (e *endpoint) addr() netip.AddrPort {
	switch a := netip.AddrFrom16(e.ip); e.bits {
	case 32:
		return netip.AddrPortFrom(a.Unmap(), e.port)
	case 128:
		return netip.AddrPortFrom(a, e.port)
	}
	return netip.AddrPort{}
}
