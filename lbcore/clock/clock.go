package clock

import (
	"sync"
	"time"
	_ "unsafe" // for go:linkname
)

// Source tells the time. Every method may be called by any goroutine.
type Source interface {
	// Mono returns monotonic nanoseconds since an arbitrary origin; never zero.
	Mono() int64
	// Wall returns the wall-clock time.
	Wall() time.Time
}

// System is the machine's clock.
var System Source = systemClock{}

type systemClock struct{}

func (systemClock) Mono() int64     { return nanotime() }
func (systemClock) Wall() time.Time { return time.Now() }

// Mono returns the machine's monotonic nanoseconds.
func Mono() int64 { return nanotime() }

// Millis returns the machine's monotonic milliseconds, which wrap: the time of stick
// tables and peers. Off the loops, which have their turn's.
func Millis() uint32 { return uint32(nanotime() / int64(time.Millisecond)) }

// Wall returns the machine's wall-clock time.
func Wall() time.Time { return time.Now() }

//go:linkname nanotime runtime.nanotime
func nanotime() int64

// Fake is a clock that moves only when told to. The zero value is not ready:
// use NewFake.
type Fake struct {
	mu   sync.Mutex
	mono int64
	wall time.Time
}

// NewFake returns a clock that stands at the given wall time and at one
// monotonic second.
func NewFake(wall time.Time) *Fake { return &Fake{mono: int64(time.Second), wall: wall} }

// Mono returns the fake's monotonic nanoseconds.
func (f *Fake) Mono() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mono
}

// Wall returns the fake's wall time.
func (f *Fake) Wall() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wall
}

// Advance moves both clocks forward.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mono += int64(d)
	f.wall = f.wall.Add(d)
}
