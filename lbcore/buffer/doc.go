// Package buffer owns what bytes pass through: receive buffers in a LIFO pool a
// loop, kernel pipes for bytes that nobody looks at, and the bump arena of a
// stream.
//
//	Data: [ headroom | R ...content... W | room ]
//
// Headroom lets a codec put a rewritten head or a chunk size in front of
// received bytes without moving them, so that head and body leave in one send.
// A buffer has exactly one owner at a time; passing the pointer passes the
// ownership. Pools and arenas belong to one loop and are not safe for use by
// another goroutine. Imports: invariant.
package buffer
