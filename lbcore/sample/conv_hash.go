package sample

import "gohap/lbcore/hash"

func sdbm(b []byte) uint32               { return hash.SDBM(0, b) }
func xxh32(b []byte, seed uint64) uint64 { return uint64(hash.XXH32(b, uint32(seed))) }

// convHash32 prints a 32-bit hash, with the avalanche if asked for. Reference:
// any argument but 0 asks for it, not 1 alone.
func convHash32(sum func([]byte) uint32) ConvFunc {
	return func(_ *Context, args []Arg, s *Sample) bool {
		h := sum(s.Data)
		if len(args) > 0 && args[0].Int != 0 {
			h = hash.Avalanche(h)
		}
		s.SetInt(int64(h))
		return true
	}
}

// convXXH prints a hash with a seed, 0 unless given.
func convXXH(sum func([]byte, uint64) uint64) ConvFunc {
	return func(_ *Context, args []Arg, s *Sample) bool {
		var seed uint64
		if len(args) > 0 {
			seed = uint64(args[0].Int)
		}
		s.SetInt(int64(sum(s.Data, seed)))
		return true
	}
}
