package hash

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// Primes of XXH32 and XXH64, by the specification of xxHash.
const (
	prime32x1 uint32 = 0x9E3779B1
	prime32x2 uint32 = 0x85EBCA77
	prime32x3 uint32 = 0xC2B2AE3D
	prime32x4 uint32 = 0x27D4EB2F
	prime32x5 uint32 = 0x165667B1

	prime64x1 uint64 = 0x9E3779B185EBCA87
	prime64x2 uint64 = 0xC2B2AE3D27D4EB4F
	prime64x3 uint64 = 0x165667B19E3779F9
	prime64x4 uint64 = 0x85EBCA77C2B2AE63
	prime64x5 uint64 = 0x27D4EB2F165667C5
)

func u32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func u64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// XXH32 is the 32-bit xxHash.
func XXH32(b []byte, seed uint32) uint32 {
	size, h := uint32(len(b)), seed+prime32x5
	if len(b) >= 16 {
		v := [4]uint32{seed + prime32x1 + prime32x2, seed + prime32x2, seed, seed - prime32x1}
		for ; len(b) >= 16; b = b[16:] {
			for i := range v {
				v[i] = bits.RotateLeft32(v[i]+u32(b[4*i:])*prime32x2, 13) * prime32x1
			}
		}
		h = bits.RotateLeft32(v[0], 1) + bits.RotateLeft32(v[1], 7) + bits.RotateLeft32(v[2], 12) + bits.RotateLeft32(v[3], 18)
	}
	h += size
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h+u32(b)*prime32x3, 17) * prime32x4
	}
	for _, c := range b {
		h = bits.RotateLeft32(h+uint32(c)*prime32x5, 11) * prime32x1
	}
	h = (h ^ h>>15) * prime32x2
	h = (h ^ h>>13) * prime32x3
	return h ^ h>>16
}

// XXH64 is the 64-bit xxHash.
func XXH64(b []byte, seed uint64) uint64 {
	if seed == 0 {
		return xxhash.Sum64(b)
	}
	var d xxhash.Digest
	d.ResetWithSeed(seed)
	_, _ = d.Write(b) // never fails
	return d.Sum64()
}

// xxh64Avalanche is the end of XXH64.
func xxh64Avalanche(h uint64) uint64 {
	h = (h ^ h>>33) * prime64x2
	h = (h ^ h>>29) * prime64x3
	return h ^ h>>32
}
