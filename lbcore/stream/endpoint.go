package stream

import (
	"encoding/binary"
	"net/netip"
)

// endpoint is a netip.AddrPort without zone in 19 bytes instead of 32, unaligned:
// what an idle connection keeps counts.
type endpoint struct {
	ip   [16]byte
	port [2]byte // big-endian
	bits uint8   // of the address: 32, 128, or 0 where there is none
}

func packEndpoint(a netip.AddrPort) endpoint {
	if !a.IsValid() {
		return endpoint{}
	}
	e := endpoint{ip: a.Addr().As16(), bits: uint8(a.Addr().BitLen())}
	binary.BigEndian.PutUint16(e.port[:], a.Port())
	return e
}

func (e *endpoint) addr() netip.AddrPort {
	port := binary.BigEndian.Uint16(e.port[:])
	switch a := netip.AddrFrom16(e.ip); e.bits {
	case 32:
		return netip.AddrPortFrom(a.Unmap(), port)
	case 128:
		return netip.AddrPortFrom(a, port)
	}
	return netip.AddrPort{}
}
