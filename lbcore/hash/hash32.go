package hash

import (
	"hash/crc32"
	"math/bits"
)

// SDBM continues the hash h, 0 at first, over b: the function of the sdbm
// database library.
func SDBM(h uint32, b []byte) uint32 {
	for _, c := range b {
		h = h*65599 + uint32(c)
	}
	return h
}

// DJB2 is Dan Bernstein's hash with the multiplier 33.
func DJB2(b []byte) uint32 {
	h := uint32(5381)
	for _, c := range b {
		h = h*33 + uint32(c)
	}
	return h
}

// WT6 mixes two words that take turns; each step's rotations depend on what the
// one before it left.
func WT6(b []byte) uint32 {
	x, y := uint32(0xa53c965a), uint32(0x5ca6953a)
	left, right := 6, 18
	for _, c := range b {
		x, y = ^(x ^ uint32(c)), ^(y + uint32(c))
		x, y = bits.RotateLeft32(y, left), bits.RotateLeft32(x, right)
		mix := int((x>>16 ^ y) & 0xffff)
		left, right = mix&31, mix>>11
	}
	return x ^ y
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CRC32 is the checksum of Ethernet, gzip and PNG.
func CRC32(b []byte) uint32 { return crc32.ChecksumIEEE(b) }

// CRC32C is the Castagnoli checksum (RFC 4960 appendix B).
func CRC32C(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// Avalanche spreads a hash so that every bit of it counts in every bit of the
// result: Bob Jenkins' integer hash in six shifts. Reference: a multiplication
// at the end sends the lowest bits to the top, where the place on a consistent
// hash's ring is decided.
func Avalanche(h uint32) uint32 {
	h += 0x7ed55d16 + h<<12
	h ^= 0xc761c23c ^ h>>19
	h += 0x165667b1 + h<<5
	h = (h + 0xd3a2646c) ^ h<<9
	h += 0xfd7046c5 + h<<3
	h ^= 0xb55a4f09 ^ h>>16
	return h * 0xc0000001
}
