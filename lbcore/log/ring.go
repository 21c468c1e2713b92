package log

import "sync"

// Ring keeps the newest lines in a fixed amount of memory. Writers never wait
// and overwrite the oldest lines; readers follow by a cursor and learn how many
// lines they missed. Any goroutine, also a loop, may call its methods.
type Ring struct {
	Name string
	Desc string // for people
	// MaxLen is how many bytes are kept of a line, 0 for all; set before it is used.
	MaxLen int
	size   int

	mu    sync.Mutex // guards what follows
	buf   []byte     // made for the first line
	head  int        // where the next line goes
	lines []extent   // the lines in buf, oldest at first
	first int        // index in lines of the oldest
	count int
	seq   uint64 // number of the next line
	wait  chan struct{}
}

type extent struct{ off, len int }

// ringLine is how many bytes of a ring are expected for a line.
const ringLine = 128

// NewRing returns a ring of size bytes.
func NewRing(name string, size int) *Ring {
	return &Ring{Name: name, size: size, wait: make(chan struct{})}
}

// Line stores a copy of a line without its LF. A line longer than the ring is
// refused.
func (r *Ring) Line(line []byte) bool {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if r.MaxLen > 0 {
		line = line[:min(len(line), r.MaxLen)]
	}
	if len(line) > r.size {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.buf == nil {
		r.buf, r.lines = make([]byte, r.size), make([]extent, max(r.size/ringLine, 16))
	}
	if r.head+len(line) > len(r.buf) {
		// The rest of the buffer stays unused; its old lines go.
		r.evict(r.head, len(r.buf)+1) // an empty line may stand at the very end
		r.head = 0
	}
	r.evict(r.head, r.head+len(line))
	if r.count == len(r.lines) {
		r.drop()
	}
	copy(r.buf[r.head:], line)
	r.lines[(r.first+r.count)%len(r.lines)] = extent{r.head, len(line)}
	r.count++
	r.head += len(line)
	r.seq++
	if r.wait != nil {
		select {
		case <-r.wait:
		default:
			close(r.wait)
		}
	}
	return true
}

// evict drops the oldest lines while they overlap [from, to).
func (r *Ring) evict(from, to int) {
	for r.count > 0 {
		e := r.lines[r.first]
		if e.off >= to || e.off+max(e.len, 1) <= from {
			return
		}
		r.drop()
	}
}

func (r *Ring) drop() {
	r.first = (r.first + 1) % len(r.lines)
	r.count--
}

// Cursor is a reader's place in a ring. The zero value is at the oldest line
// ever written; use Ring.Oldest or Ring.Newest.
type Cursor uint64

// Oldest returns the place of the oldest line kept.
func (r *Ring) Oldest() Cursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Cursor(r.seq - uint64(r.count))
}

// Newest returns the place behind the newest line.
func (r *Ring) Newest() Cursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Cursor(r.seq)
}

// Next appends the line at the cursor to dst and moves it on; missed counts
// lines that were overwritten before they were read, ok is false when there is
// nothing new.
func (r *Ring) Next(dst []byte, c *Cursor) (line []byte, missed uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := r.seq - uint64(r.count)
	if uint64(*c) < oldest {
		missed = oldest - uint64(*c)
		*c = Cursor(oldest)
	}
	if uint64(*c) >= r.seq {
		return dst, missed, false
	}
	e := r.lines[(r.first+int(uint64(*c)-oldest))%len(r.lines)]
	*c++
	return append(dst, r.buf[e.off:e.off+e.len]...), missed, true
}

// Changed returns a channel that is closed when a line is written after this
// call.
func (r *Ring) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.wait:
		r.wait = make(chan struct{})
	default:
	}
	return r.wait
}
