package buffer

import "gohap/lbcore/invariant"

// Headroom is the number of bytes in front of a fresh buffer's content.
const Headroom = 1024

// tailroom holds what a codec appends behind content in place (the CRLF and
// the last chunk of a chunked body) even when a receive filled the buffer.
const tailroom = 16

// Buffer is a span of received or produced bytes.
type Buffer struct {
	R, W int // content is Data[R:W]
	Data []byte
	Next *Buffer // link for the owner's queue, nil otherwise
	pool *Pool
	pipe *Pipe // where the bytes are, if not in Data
	live bool
}

// Bytes returns the content.
func (b *Buffer) Bytes() []byte { return b.Data[b.R:b.W] }

// Len returns the content's length in bytes.
func (b *Buffer) Len() int { return b.W - b.R }

// Room returns the span that a receive may fill.
func (b *Buffer) Room() []byte { return b.Data[b.W : len(b.Data)-tailroom] }

// Front returns the number of bytes free in front of the content.
func (b *Buffer) Front() int { return b.R }

// Append copies p behind the content and reports whether it fitted.
func (b *Buffer) Append(p []byte) bool {
	if len(p) > len(b.Data)-b.W {
		return false
	}
	b.W += copy(b.Data[b.W:], p)
	return true
}

// Prepend copies p in front of the content and reports whether it fitted.
func (b *Buffer) Prepend(p []byte) bool {
	if len(p) > b.R {
		return false
	}
	b.R -= len(p)
	copy(b.Data[b.R:], p)
	return true
}

// Release gives the buffer back to the pool that it came from. A nil buffer is
// nothing to release.
func (b *Buffer) Release() {
	switch {
	case b == nil:
	case b.pipe == nil:
		b.pool.put(b)
	case !b.live:
		invariant.Failed("pipe released twice")
	default:
		b.live = false
		b.pipe.owner.put(b.pipe)
	}
}

// Pool is a loop's LIFO of buffers: the one used last, hot in the cache, is
// handed out first.
type Pool struct {
	free []*Buffer
	size int
	used int
	peak int
}

// NewPool returns a pool whose buffers take size bytes of content.
func NewPool(size int) *Pool { return &Pool{size: size} }

// Size returns how many bytes of content a fresh buffer takes.
func (p *Pool) Size() int { return p.size }

// Used returns how many buffers are out.
func (p *Pool) Used() int { return p.used }

// Free returns how many buffers wait in the pool.
func (p *Pool) Free() int { return len(p.free) }

// Get returns an empty buffer with Headroom bytes in front.
func (p *Pool) Get() *Buffer {
	p.used++
	if p.used > p.peak {
		p.peak = p.used
	}
	n := len(p.free)
	if n == 0 {
		return &Buffer{R: Headroom, W: Headroom, Data: make([]byte, Headroom+p.size+tailroom), pool: p, live: true}
	}
	b := p.free[n-1]
	p.free = p.free[:n-1]
	b.R, b.W, b.Next, b.live = Headroom, Headroom, nil, true
	return b
}

func (p *Pool) put(b *Buffer) {
	if !b.live {
		invariant.Failed("buffer released twice")
		return
	}
	b.live = false
	p.used--
	p.free = append(p.free, b)
}

// Trim lets go of buffers that were not needed since the last call: half of
// what waits beyond the peak of that time. The loop calls it now and then, so
// that a burst's memory returns.
func (p *Pool) Trim() {
	keep := max(p.peak-p.used, 4)
	if extra := len(p.free) - keep; extra > 0 {
		drop := (extra + 1) / 2
		clear(p.free[:drop])
		p.free = append(p.free[:0], p.free[drop:]...)
	}
	p.peak = p.used
}
