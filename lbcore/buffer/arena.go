package buffer

const chunkSize = 4096

// Arena is a stream's bump allocator: what a request computes (rewritten
// headers, captures, variables, converter results, the log line) lives in it
// until Reset at the request's end. The zero value is ready. It belongs to one
// loop.
type Arena struct {
	cur   []byte   // free rest of the current chunk
	first []byte   // kept over resets
	used  int      // bytes handed out since Reset
	more  [][]byte // further chunks, dropped at Reset
}

// Alloc returns n zero-length-capped bytes: len and cap are n, so that an
// append by the caller never runs into a neighbour. The content is undefined.
func (a *Arena) Alloc(n int) []byte {
	if n > len(a.cur) {
		a.grow(n)
	}
	p := a.cur[:n:n]
	a.cur = a.cur[n:]
	a.used += n
	return p
}

func (a *Arena) grow(n int) {
	if a.first == nil && n <= chunkSize {
		a.first = make([]byte, chunkSize)
		a.cur = a.first
		return
	}
	a.cur = make([]byte, max(n, chunkSize))
	a.more = append(a.more, a.cur)
}

// Copy returns a copy of p that lives until Reset.
func (a *Arena) Copy(p []byte) []byte {
	d := a.Alloc(len(p))
	copy(d, p)
	return d
}

// Rest returns the free rest of the current chunk, at least n bytes long, to
// append to; Keep then keeps what was written.
func (a *Arena) Rest(n int) []byte {
	if n > len(a.cur) {
		a.grow(n)
	}
	return a.cur[:0]
}

// Keep takes a slice that grew from Rest and returns it, its bytes now owned
// by the arena. A slice that outgrew the rest lives on the heap and is
// returned as it is.
func (a *Arena) Keep(p []byte) []byte {
	n := len(p)
	if n == 0 || n > len(a.cur) || &p[0] != &a.cur[0] {
		return p
	}
	a.cur = a.cur[n:]
	a.used += n
	return p[:n:n]
}

// Used returns the bytes handed out since Reset.
func (a *Arena) Used() int { return a.used }

// Reset forgets everything handed out. Nothing obtained before may be used
// afterwards.
func (a *Arena) Reset() {
	a.cur = a.first
	a.used = 0
	if a.more != nil {
		clear(a.more)
		a.more = a.more[:0]
	}
}
