package buffer

const (
	chunkSize  = 4096
	chunkLimit = 64 << 10 // of the chunk that is kept over resets
)

// Arena is a stream's bump allocator: what a request computes (rewritten
// headers, captures, variables, converter results, the log line) lives in it
// until Reset at the request's end. The zero value is ready. It belongs to one
// loop.
type Arena struct {
	chunk []byte   // current chunk
	off   int      // its bytes before this are handed out
	first []byte   // kept over resets
	used  int      // bytes handed out since Reset
	more  [][]byte // further chunks, dropped at Reset
}

// Alloc returns n zero-length-capped bytes: len and cap are n, so that an
// append by the caller never runs into a neighbour. The content is undefined.
func (a *Arena) Alloc(n int) []byte {
	if n > len(a.chunk)-a.off {
		a.grow(n)
	}
	p := a.chunk[a.off : a.off+n : a.off+n]
	a.off += n
	a.used += n
	return p
}

func (a *Arena) grow(n int) {
	a.off = 0
	if a.first == nil && n <= chunkSize {
		a.first = make([]byte, chunkSize)
		a.chunk = a.first
		return
	}
	a.chunk = make([]byte, max(n, chunkSize))
	a.more = append(a.more, a.chunk)
}

// Copy returns a copy of p that lives until Reset.
func (a *Arena) Copy(p []byte) []byte {
	d := a.Alloc(len(p))
	copy(d, p)
	return d
}

// Rest returns n free bytes to append to, length zero; Keep then keeps what was
// written. Whoever appends may use the arena meanwhile, by Rest too: what it
// gets lies elsewhere. Bytes beyond n go to the heap.
func (a *Arena) Rest(n int) []byte { return a.Alloc(n)[:0] }

// Keep takes a slice that grew from Rest and returns it, its bytes now owned
// by the arena; what is left behind them is free again unless something else
// was allocated since. A slice that outgrew the rest lives on the heap and is
// returned as it is.
func (a *Arena) Keep(p []byte) []byte {
	n := len(p)
	if at := a.off - cap(p); at >= 0 && cap(p) > n && &p[:1][0] == &a.chunk[at] {
		a.off = at + n
		a.used -= cap(p) - n
	}
	return p[:n:n]
}

// Used returns the bytes handed out since Reset.
func (a *Arena) Used() int { return a.used }

// Reset forgets everything handed out. Nothing obtained before may be used
// afterwards.
//
// A request that needed further chunks makes the one that is kept grow, up to a
// bound, so that the requests of a configuration settle without allocation.
func (a *Arena) Reset() {
	if len(a.more) > 0 {
		if len(a.first) < chunkLimit {
			a.first = make([]byte, max(chunkSize, 2*len(a.first)))
		}
		clear(a.more)
		a.more = a.more[:0]
	}
	a.chunk, a.off = a.first, 0
	a.used = 0
}
