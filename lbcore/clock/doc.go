// Package clock is the only place that asks the machine for the time.
//
// It owns the coarse monotonic clock that loops read once a turn, the wall
// clock that logs print, a fake of both for tests, and the rate counter with
// the reference's sliding formula. Data paths use monotonic nanoseconds only;
// wall time is for people and for protocols that carry dates.
//
// The package imports only the standard library.
package clock
