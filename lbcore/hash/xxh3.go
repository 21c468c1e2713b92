package hash

import (
	"encoding/binary"
	"math/bits"
)

// xxh3Secret is the default secret of XXH3, by the specification of xxHash.
var xxh3Secret = [192]byte{
	0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
	0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
	0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
	0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
	0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
	0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
	0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
	0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
	0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
	0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
	0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
	0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
}

const (
	stripe        = 64 // bytes that one accumulation takes
	secretStep    = 8
	secretMin     = 136
	longThreshold = 240

	mx1 = 0x165667919E3779F9
	mx2 = 0x9FB21C651E98DF25
)

// XXH3 is the 64-bit variant of XXH3.
func XXH3(b []byte, seed uint64) uint64 {
	s := xxh3Secret[:]
	switch n := len(b); {
	case n == 0:
		return xxh64Avalanche(seed ^ u64(s[56:]) ^ u64(s[64:]))
	case n <= 3:
		combined := uint32(b[0])<<16 | uint32(b[n>>1])<<24 | uint32(b[n-1]) | uint32(n)<<8
		return xxh64Avalanche(uint64(combined) ^ (uint64(u32(s)^u32(s[4:])) + seed))
	case n <= 8:
		return xxh3Short(b, seed)
	case n <= 16:
		low := u64(b) ^ ((u64(s[24:]) ^ u64(s[32:])) + seed)
		high := u64(b[n-8:]) ^ ((u64(s[40:]) ^ u64(s[48:])) - seed)
		return xxh3Avalanche(uint64(n) + bits.ReverseBytes64(low) + high + fold(low, high))
	case n <= 128:
		return xxh3To128(b, seed)
	case n <= longThreshold:
		return xxh3To240(b, seed)
	}
	return xxh3Long(b, seed)
}

// xxh3Short takes 4 to 8 bytes.
func xxh3Short(b []byte, seed uint64) uint64 {
	n := len(b)
	seed ^= uint64(bits.ReverseBytes32(uint32(seed))) << 32
	in := uint64(u32(b[n-4:])) | uint64(u32(b))<<32
	h := in ^ ((u64(xxh3Secret[8:]) ^ u64(xxh3Secret[16:])) - seed)
	h ^= bits.RotateLeft64(h, 49) ^ bits.RotateLeft64(h, 24)
	h *= mx2
	h ^= h>>35 + uint64(n)
	h *= mx2
	return h ^ h>>28
}

// xxh3To128 takes 17 to 128 bytes, 16 from either end at a time.
func xxh3To128(b []byte, seed uint64) uint64 {
	n := len(b)
	h := uint64(n) * prime64x1
	for i := (n - 1) / 32; i >= 0; i-- {
		h += mix16(b[16*i:], xxh3Secret[32*i:], seed)
		h += mix16(b[n-16*(i+1):], xxh3Secret[32*i+16:], seed)
	}
	return xxh3Avalanche(h)
}

// xxh3To240 takes 129 to 240 bytes.
func xxh3To240(b []byte, seed uint64) uint64 {
	n := len(b)
	h := uint64(n) * prime64x1
	for i := range 8 {
		h += mix16(b[16*i:], xxh3Secret[16*i:], seed)
	}
	h = xxh3Avalanche(h)
	for i := 8; i < n/16; i++ {
		h += mix16(b[16*i:], xxh3Secret[16*(i-8)+3:], seed)
	}
	h += mix16(b[n-16:], xxh3Secret[secretMin-17:], seed)
	return xxh3Avalanche(h)
}

// xxh3Long takes everything longer, in blocks of stripes.
func xxh3Long(b []byte, seed uint64) uint64 {
	secret := seeded(seed)
	acc := [8]uint64{
		uint64(prime32x3), prime64x1, prime64x2, prime64x3,
		prime64x4, uint64(prime32x2), prime64x5, uint64(prime32x1),
	}
	const stripes = (len(secret) - stripe) / secretStep
	const block = stripes * stripe
	size, last := len(b), b[len(b)-stripe:]
	for ; len(b) > block; b = b[block:] {
		for i := range stripes {
			accumulate(&acc, b[i*stripe:], secret[i*secretStep:])
		}
		for i := range acc {
			acc[i] = (acc[i] ^ acc[i]>>47 ^ u64(secret[len(secret)-stripe+8*i:])) * uint64(prime32x1)
		}
	}
	for i := range (len(b) - 1) / stripe {
		accumulate(&acc, b[i*stripe:], secret[i*secretStep:])
	}
	accumulate(&acc, last, secret[len(secret)-stripe-7:])
	h := uint64(size) * prime64x1
	for i := range 4 {
		h += fold(acc[2*i]^u64(secret[11+16*i:]), acc[2*i+1]^u64(secret[19+16*i:]))
	}
	return xxh3Avalanche(h)
}

// seeded derives the secret of long inputs from a seed.
func seeded(seed uint64) (s [192]byte) {
	for i := 0; i < len(s); i += 16 {
		binary.LittleEndian.PutUint64(s[i:], u64(xxh3Secret[i:])+seed)
		binary.LittleEndian.PutUint64(s[i+8:], u64(xxh3Secret[i+8:])-seed)
	}
	return s
}

func accumulate(acc *[8]uint64, b, secret []byte) {
	for i := range acc {
		in := u64(b[8*i:])
		key := in ^ u64(secret[8*i:])
		acc[i^1] += in
		acc[i] += uint64(uint32(key)) * (key >> 32)
	}
}

func mix16(b, secret []byte, seed uint64) uint64 {
	return fold(u64(b)^(u64(secret)+seed), u64(b[8:])^(u64(secret[8:])-seed))
}

// fold multiplies to 128 bits and joins the halves.
func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

func xxh3Avalanche(h uint64) uint64 {
	h = (h ^ h>>37) * mx1
	return h ^ h>>32
}
