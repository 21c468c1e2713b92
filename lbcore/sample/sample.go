package sample

import (
	"net/netip"

	"gohap/lbcore/message"
)

// Type is the type of a sample.
type Type uint8

// The types, in the order of the reference's own dump. Addr is only an output
// or input type of a word (either family); a sample itself is IPv4 or IPv6.
// Same is only an output type: the converter's input passes through.
const (
	Any Type = iota
	Bool
	SInt
	Addr
	IPv4
	IPv6
	Str
	Bin
	Meth
	Same
	typeCount = int(Same) + 1
)

var typeNames = [typeCount]string{"any", "bool", "sint", "addr", "ipv4", "ipv6", "str", "bin", "meth", "same"}

// String returns the name that the keyword dump prints.
func (t Type) String() string {
	if int(t) < typeCount {
		return typeNames[t]
	}
	return "?"
}

// Flags qualify a sample.
type Flags uint8

// Sample flags. A fetch sets them, whether it succeeds or not.
const (
	// MayChange says that more data may change the outcome: together with
	// a failed fetch, or a match that failed, it makes a condition Miss
	// instead of Fail unless Context.Final is set.
	MayChange Flags = 1 << iota
	// NotLast says that Expr.Next may find another value.
	NotLast
)

// Iter is where a fetch that yields several values remembers its place between
// calls. Everything but All is zero at the first call.
type Iter struct {
	All  bool // every value is wanted, one after the other; otherwise the one that stands for all
	Pos  int  // the fetch's own: an index into the header list, ...
	Off  int  // the fetch's own: an offset inside that element
	Call int  // how many values were delivered so far; kept by Expr
}

// Sample is one value. The zero value is ready to be filled; Data is owned by
// whoever produced it and lives until the arena's reset.
type Sample struct {
	Type   Type
	Flags  Flags
	Method message.Method // with Meth; Data holds the text of an unknown one
	Int    int64          // Bool (0 or 1) and SInt
	Data   []byte         // Str and Bin
	IP     netip.Addr     // IPv4 and IPv6
	Iter   Iter
}

// SetBool makes s a boolean.
func (s *Sample) SetBool(v bool) {
	s.Type, s.Int = Bool, 0
	if v {
		s.Int = 1
	}
}

// SetInt makes s a signed integer.
func (s *Sample) SetInt(v int64) { s.Type, s.Int = SInt, v }

// SetStr makes s a string; b is not copied.
func (s *Sample) SetStr(b []byte) { s.Type, s.Data = Str, b }

// SetBin makes s a block of bytes; b is not copied.
func (s *Sample) SetBin(b []byte) { s.Type, s.Data = Bin, b }

// SetIP makes s an address of ip's own family. An IPv4-mapped address counts
// as IPv6, as it was received.
func (s *Sample) SetIP(ip netip.Addr) {
	s.Type, s.IP = IPv6, ip
	if ip.Is4() {
		s.Type = IPv4
	}
}

// SetMethod makes s a method; text is its spelling, which an unknown method
// keeps.
func (s *Sample) SetMethod(m message.Method, text []byte) { s.Type, s.Method, s.Data = Meth, m, text }
