package proxy

import (
	"gohap/lbcore/hash"
	"gohap/lbcore/sample"
)

// HashKind is what of a request a backend hashes to choose a server.
type HashKind uint8

// The kinds.
const (
	HashNothing HashKind = iota
	HashSource           // balance source
	HashURI              // balance uri
	HashParam            // balance url_param
	HashHeader           // balance hdr(name)
	HashSample           // balance hash, balance rdp-cookie
)

// HashFunc is the function of hash-type.
type HashFunc uint8

// The functions; the first is the default.
const (
	SDBM HashFunc = iota
	DJB2
	WT6
	CRC32
	NoHash // the key is a number
)

// Hashing is how a backend's requests are hashed.
type Hashing struct {
	Kind       HashKind
	Func       HashFunc
	Avalanche  bool
	Name       []byte // of the parameter or header, that in lower case
	Len, Depth int    // of a URI: bytes and slashes at most, zero for all
	Whole      bool   // of a URI: its query too
	PathOnly   bool   // of a URI: without scheme and authority
	Domain     bool   // of a header: only the label in front of the last
	Post       bool   // a parameter may stand in the body
	Expr       *sample.Expr
}

// Sum is the hash of a key.
func (h *Hashing) Sum(key []byte) uint32 {
	var n uint32
	switch h.Func {
	case DJB2:
		n = hash.DJB2(key)
	case WT6:
		n = hash.WT6(key)
	case CRC32:
		n = hash.CRC32(key)
	case NoHash:
		n = number(key)
	default:
		n = hash.SDBM(0, key)
	}
	return h.Mix(n)
}

// Mix finishes a hash.
func (h *Hashing) Mix(n uint32) uint32 {
	if h.Avalanche {
		return hash.Avalanche(n)
	}
	return n
}

// number reads the decimal number that a key begins with.
func number(key []byte) uint32 {
	i, minus := 0, false
	for i < len(key) && (key[i] == ' ' || key[i] >= '\t' && key[i] <= '\r') {
		i++
	}
	if i < len(key) && (key[i] == '-' || key[i] == '+') {
		minus = key[i] == '-'
		i++
	}
	n := uint32(0)
	for ; i < len(key) && key[i]-'0' <= 9; i++ {
		n = n*10 + uint32(key[i]-'0')
	}
	if minus {
		return -n
	}
	return n
}
