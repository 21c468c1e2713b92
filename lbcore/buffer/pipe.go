package buffer

import "sync/atomic"

// Pipe is a kernel pipe that bytes pass through without being copied. It looks
// like a Buffer to whoever passes it on: R and W count its bytes, and there is
// nothing to look at.
type Pipe struct {
	Buffer
	In, Out int32 // descriptors: written to, read from
	// Size is the pipe's capacity in bytes, as far as the kernel counts in bytes.
	Size  int
	owner *Pipes
}

// Pipe returns the pipe that holds the buffer's bytes, nil for bytes in memory.
func (b *Buffer) Pipe() *Pipe { return b.pipe }

// PipeKernel makes pipes; the loop implements it.
type PipeKernel interface {
	// OpenPipe returns a fresh non-blocking pipe and its capacity in bytes.
	OpenPipe() (in, out int32, size int, ok bool)
	// ResizePipe asks for another capacity and returns what it is now.
	ResizePipe(in int32, size int) int
	ClosePipe(in, out int32)
}

// Budget bounds the capacity of all pipes of the process. Any goroutine may call
// its methods.
type Budget struct {
	left atomic.Int64
	used atomic.Int64 // pipes
	most atomic.Int64 // pipes, zero for no bound of their own
}

// NewBudget returns a budget of so many bytes.
func NewBudget(bytes int64) *Budget {
	b := &Budget{}
	b.left.Store(bytes)
	return b
}

// Limit bounds the number of pipes (global maxpipes); zero lifts the bound.
func (b *Budget) Limit(pipes int) { b.most.Store(int64(pipes)) }

// Pipes returns how many pipes are open, and how many there may be.
func (b *Budget) Pipes() (open, most int64) { return b.used.Load(), b.most.Load() }

// take takes n bytes off the budget unless that is more than there is.
func (b *Budget) take(n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	return true
}

// Capacities of pipes: fresh ones have what the kernel gives, those of flows that
// fill them get the larger one while the budget lasts.
const (
	pipeSize    = 64 << 10
	bigPipeSize = 1 << 20
)

// Pipes is a loop's LIFO of empty pipes.
type Pipes struct {
	kernel PipeKernel
	budget *Budget
	free   []*Pipe
	used   int
	peak   int
	fixed  int // capacity that all get, zero for sizes by need
}

// Fix gives all pipes one capacity, in bytes, rounded up by the kernel; zero lets
// those of busy flows grow. Before the loop starts.
func (p *Pipes) Fix(size int) { p.fixed = size }

// NewPipes returns a pool over a kernel; budget may be shared by many.
func NewPipes(k PipeKernel, b *Budget) *Pipes { return &Pipes{kernel: k, budget: b} }

// Used returns how many pipes are out, Free how many wait in the pool.
func (p *Pipes) Used() int { return p.used }

// Free is described at Used.
func (p *Pipes) Free() int { return len(p.free) }

// Get returns an empty pipe; nil when the budget is spent or the kernel refuses,
// which means to copy.
func (p *Pipes) Get() *Pipe {
	x := p.fresh()
	if x == nil {
		return nil
	}
	p.used++
	p.peak = max(p.peak, p.used)
	x.R, x.W, x.Next, x.live = 0, 0, nil, true
	return x
}

func (p *Pipes) fresh() *Pipe {
	if n := len(p.free); n > 0 {
		x := p.free[n-1]
		p.free = p.free[:n-1]
		return x
	}
	b := p.budget
	if open := b.used.Add(1); b.most.Load() > 0 && open > b.most.Load() || !b.take(pipeSize) {
		b.used.Add(-1)
		return nil
	}
	in, out, size, ok := p.kernel.OpenPipe()
	if !ok {
		b.used.Add(-1)
		b.left.Add(pipeSize)
		return nil
	}
	b.left.Add(int64(pipeSize - size))
	x := &Pipe{In: in, Out: out, Size: size, owner: p}
	x.Buffer.pipe = x
	if p.fixed > 0 {
		p.resize(x, p.fixed)
	}
	return x
}

// Grow gives a pipe the larger capacity where the budget and the kernel allow it.
func (p *Pipes) Grow(x *Pipe) {
	if p.fixed == 0 && x.Size < bigPipeSize {
		p.resize(x, bigPipeSize)
	}
}

func (p *Pipes) resize(x *Pipe, size int) {
	if p.budget.take(int64(size - x.Size)) {
		now := p.kernel.ResizePipe(x.In, size)
		p.budget.left.Add(int64(size - now))
		x.Size = now
	}
}

// put takes a pipe back. One that still has bytes in it belongs to a transfer
// that was given up: it is closed.
func (p *Pipes) put(x *Pipe) {
	p.used--
	if x.Len() > 0 {
		p.close(x)
		return
	}
	p.free = append(p.free, x)
}

func (p *Pipes) close(x *Pipe) {
	p.kernel.ClosePipe(x.In, x.Out)
	p.budget.used.Add(-1)
	p.budget.left.Add(int64(x.Size))
}

// Trim closes pipes that were not needed since the last call: half of what waits
// beyond the peak of that time.
func (p *Pipes) Trim() {
	if extra := len(p.free) - (p.peak - p.used); extra > 0 {
		drop := (extra + 1) / 2
		for _, x := range p.free[:drop] {
			p.close(x)
		}
		n := copy(p.free, p.free[drop:])
		clear(p.free[n:])
		p.free = p.free[:n]
	}
	p.peak = p.used
}

// Close closes the pipes that wait, when the loop ends.
func (p *Pipes) Close() {
	for _, x := range p.free {
		p.close(x)
	}
	p.free = nil
}
