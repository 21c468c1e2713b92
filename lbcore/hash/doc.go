// Package hash has the hash functions whose values a user can see: which server
// a key goes to, what a converter prints, what a stick table stores. Each is
// bit-exact with the reference's.
//
//	SDBM, DJB2, WT6, CRC32   "hash-type", and the converters of those names
//	CRC32C                   the converter crc32c
//	Avalanche                the modifier of the five above
//	XXH32, XXH64, XXH3       the converters, with a seed
//
// None of them is fit to keep a secret. They neither allocate nor keep state;
// any goroutine may call them. The package imports the standard library and
// cespare/xxhash alone.
//
// testdata/reference.txt holds what the reference says for some 400 inputs; the
// test compares with it, and with the reference itself where it is installed.
package hash
