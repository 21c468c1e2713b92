// Package loop runs the event loops that the data plane lives on.
//
// A Loop is one locked OS thread with its own epoll set, timer wheel, run
// queue, mailbox and buffer pool. Whatever is registered with a loop belongs to
// it: handlers, timers and tasks run on its thread only, so their state needs
// no lock. Other goroutines reach a loop by Post alone. A Group is the loops
// of one running instance; a reload makes a new group beside the old one.
//
//	one turn:  wait -> events -> tasks -> timers -> posted -> end-of-turn hooks
//	           (raw epoll_wait for a few ms, then the scheduler-aware call)
//
// The package owns every raw system call of the data plane (a lint test holds
// that); all of them are non-blocking. Kernel is the seam: the real one asks
// Linux, package loop/simkernel plays scripted sockets for transcripts.
//
// Goroutines started here:
//
//	goroutine (*Group).Start: one per Loop, locked to its thread, and the
//	watchdog that reads heartbeats
//
// Imports: clock, buffer, invariant and golang.org/x/sys/unix.
package loop
