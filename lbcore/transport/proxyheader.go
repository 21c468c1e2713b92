package transport

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"strconv"
)

// This file is the PROXY protocol, versions 1 and 2 (proxy-protocol.txt, 2.1 and
// 2.2): a codec without I/O.

// ProxyHeader is what a PROXY protocol header says.
type ProxyHeader struct {
	// Src and Dst are invalid where the sender speaks for itself (LOCAL) or does not
	// know (UNKNOWN).
	Src, Dst netip.AddrPort
	TLVs     []byte // of version 2, as they came
}

// The types of TLVs that mean something here.
const (
	TLVAlpn      = 0x01
	TLVAuthority = 0x02
	TLVCRC       = 0x03
	TLVNoop      = 0x04
	TLVUniqueID  = 0x05
	TLVSSL       = 0x20
	TLVSSLVer    = 0x21
	TLVSSLCN     = 0x22
	TLVSSLCipher = 0x23
	TLVSSLSig    = 0x24
	TLVSSLKey    = 0x25
)

// ProxyState is the outcome of reading a header.
type ProxyState uint8

// The outcomes.
const (
	ProxyMore    ProxyState = iota // it is not complete
	ProxyDone                      //
	ProxyForeign                   // it is none
	ProxyInvalid                   //
	ProxyUnknown                   // its protocol is not handled
)

// MaxProxyHeader is the longest header that is taken, in bytes.
const MaxProxyHeader = 16 + 4096

var (
	proxyV1   = []byte("PROXY ")
	proxyV2   = []byte("\r\n\r\n\x00\r\nQUIT\n")
	crcTable  = crc32.MakeTable(crc32.Castagnoli)
	unknownV1 = []byte("UNKNOWN")
)

// maxProxyV1 is the longest line of version 1, its end included.
const maxProxyV1 = 107

// ParseProxyHeader reads a header from the beginning of b into h and returns its
// length. An invalid header may have set the addresses already (reference).
func ParseProxyHeader(b []byte, h *ProxyHeader) (int, ProxyState) {
	*h = ProxyHeader{}
	switch {
	case bytes.HasPrefix(b, proxyV1):
		return parseV1(b, h)
	case len(b) > len(proxyV2) && bytes.HasPrefix(b, proxyV2) && b[12]&0xf0 == 0x20:
		return parseV2(b, h)
	case bytes.HasPrefix(proxyV1, b), len(b) <= len(proxyV2) && bytes.HasPrefix(proxyV2, b):
		return 0, ProxyMore
	}
	return 0, ProxyForeign
}

func parseV1(b []byte, h *ProxyHeader) (int, ProxyState) {
	line := b[:min(len(b), maxProxyV1)]
	end := bytes.IndexByte(line, '\n')
	switch {
	case end < 0 && len(line) == maxProxyV1:
		return 0, ProxyInvalid
	case end < 0:
		return 0, ProxyMore
	case line[end-1] != '\r':
		return 0, ProxyInvalid
	}
	rest := line[len(proxyV1) : end-1]
	n := end + 1
	proto, rest, _ := bytes.Cut(rest, []byte(" "))
	is4, is6 := string(proto) == "TCP4", string(proto) == "TCP6"
	switch {
	case bytes.Equal(proto, unknownV1): // whatever follows says nothing (2.1)
		return n, ProxyDone
	case !is4 && !is6:
		return 0, ProxyUnknown
	}
	var word [4][]byte
	for i := range word {
		var more bool
		word[i], rest, more = bytes.Cut(rest, []byte(" "))
		if more != (i < 3) {
			return 0, ProxyInvalid
		}
	}
	src, ok1 := endpointV1(word[0], word[2], is6)
	dst, ok2 := endpointV1(word[1], word[3], is6)
	if !ok1 || !ok2 {
		return 0, ProxyInvalid
	}
	h.Src, h.Dst = src, dst
	return n, ProxyDone
}

func endpointV1(ip, port []byte, is6 bool) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(string(ip))
	if err != nil || a.Is6() != is6 || a.Zone() != "" || len(port) == 0 || len(port) > 5 {
		return netip.AddrPort{}, false
	}
	n := 0
	for _, c := range port {
		if c < '0' || c > '9' {
			return netip.AddrPort{}, false
		}
		n = n*10 + int(c-'0')
	}
	return netip.AddrPortFrom(a, uint16(n)), n <= 65535
}

func parseV2(b []byte, h *ProxyHeader) (int, ProxyState) {
	if len(b) < 16 {
		return 0, ProxyMore
	}
	n := 16 + int(binary.BigEndian.Uint16(b[14:]))
	if n > MaxProxyHeader {
		return 0, ProxyInvalid
	}
	if len(b) < n {
		return 0, ProxyMore
	}
	body := b[16:n]
	command, family := b[12]&0x0f, b[13]
	switch {
	case command == 0 && family == 0: // LOCAL: the rest says nothing
		return n, ProxyDone
	case command != 1:
		return 0, ProxyInvalid
	}
	size := 0
	switch family {
	case 0x11:
		if size = 12; len(body) < size {
			return 0, ProxyInvalid
		}
		h.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body)), binary.BigEndian.Uint16(body[8:]))
		h.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[4:])), binary.BigEndian.Uint16(body[10:]))
	case 0x21:
		if size = 36; len(body) < size {
			return 0, ProxyInvalid
		}
		h.Src = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body)), binary.BigEndian.Uint16(body[32:]))
		h.Dst = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body[16:])), binary.BigEndian.Uint16(body[34:]))
	default:
		return 0, ProxyInvalid
	}
	h.TLVs = body[size:]
	if !soundTLVs(b[:n], h.TLVs) {
		return 0, ProxyInvalid
	}
	return n, ProxyDone
}

// soundTLVs tells whether the TLVs fill their room, and holds a checksum among
// them against the whole header.
func soundTLVs(header, tlvs []byte) bool {
	for len(tlvs) > 0 {
		if len(tlvs) < 3 {
			return false
		}
		kind, n := tlvs[0], int(binary.BigEndian.Uint16(tlvs[1:]))
		if len(tlvs) < 3+n {
			return false
		}
		value := tlvs[3 : 3+n]
		switch {
		case kind == TLVCRC && n != 4, kind == TLVUniqueID && n > 128:
			return false
		case kind == TLVCRC:
			want := binary.BigEndian.Uint32(value)
			at := len(header) - len(tlvs) + 3
			sum := crc32.Update(0, crcTable, header[:at])
			sum = crc32.Update(sum, crcTable, []byte{0, 0, 0, 0})
			if crc32.Update(sum, crcTable, header[at+4:]) != want {
				return false
			}
		}
		tlvs = tlvs[3+n:]
	}
	return true
}

// TLV returns the value of the first TLV of a type; TLVs are as a header has them.
func TLV(tlvs []byte, kind byte) ([]byte, bool) {
	for len(tlvs) >= 3 {
		n := int(binary.BigEndian.Uint16(tlvs[1:]))
		if len(tlvs) < 3+n {
			break
		}
		if tlvs[0] == kind {
			return tlvs[3 : 3+n], true
		}
		tlvs = tlvs[3+n:]
	}
	return nil, false
}

// AppendProxyV1 writes a header of version 1. Addresses that are not both IPv4 are
// written as IPv6; without both the line says UNKNOWN.
func AppendProxyV1(dst []byte, from, to netip.AddrPort) []byte {
	a, b := from.Addr().Unmap(), to.Addr().Unmap()
	switch {
	case !a.IsValid() || !b.IsValid():
		return append(dst, "PROXY UNKNOWN\r\n"...)
	case a.Is4() && b.Is4():
		dst = append(dst, "PROXY TCP4 "...)
	default:
		a, b = netip.AddrFrom16(a.As16()), netip.AddrFrom16(b.As16())
		dst = append(dst, "PROXY TCP6 "...)
	}
	dst = a.AppendTo(dst)
	dst = append(dst, ' ')
	dst = b.AppendTo(dst)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, uint64(from.Port()), 10)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, uint64(to.Port()), 10)
	return append(dst, '\r', '\n')
}

// AppendProxyV2 writes a header of version 2 without TLVs; without both addresses
// it says LOCAL. AppendTLV adds to it, FinishProxyV2 closes it.
func AppendProxyV2(dst []byte, from, to netip.AddrPort) []byte {
	dst = append(dst, proxyV2...)
	a, b := from.Addr().Unmap(), to.Addr().Unmap()
	switch {
	case !a.IsValid() || !b.IsValid():
		return append(dst, 0x20, 0, 0, 0)
	case a.Is4() && b.Is4():
		dst = append(dst, 0x21, 0x11, 0, 0)
		x, y := a.As4(), b.As4()
		dst = append(append(dst, x[:]...), y[:]...)
	default:
		dst = append(dst, 0x21, 0x21, 0, 0)
		x, y := a.As16(), b.As16()
		dst = append(append(dst, x[:]...), y[:]...)
	}
	dst = binary.BigEndian.AppendUint16(dst, from.Port())
	return binary.BigEndian.AppendUint16(dst, to.Port())
}

// AppendTLV adds a TLV.
func AppendTLV(dst []byte, kind byte, value []byte) []byte {
	dst = binary.BigEndian.AppendUint16(append(dst, kind), uint16(len(value)))
	return append(dst, value...)
}

// FinishProxyV2 sets the length of the header that begins at from and, with
// checksum, adds its CRC32c as the last TLV.
func FinishProxyV2(dst []byte, from int, checksum bool) []byte {
	if checksum {
		dst = AppendTLV(dst, TLVCRC, []byte{0, 0, 0, 0})
	}
	binary.BigEndian.PutUint16(dst[from+14:], uint16(len(dst)-from-16))
	if checksum {
		SumProxyV2(dst[from:], len(dst)-from-4)
	}
	return dst
}

// SumProxyV2 writes the CRC32c of a complete header to its place, which holds
// zeros.
func SumProxyV2(header []byte, at int) {
	binary.BigEndian.PutUint32(header[at:], crc32.Checksum(header, crcTable))
}
