package loop

import (
	"sync/atomic"

	"gohap/lbcore/clock"
)

// mailbox brings functions from other goroutines to the loop: a lock-free list
// and one wake-up while nothing is on its way.
type mailbox struct {
	loop  *Loop
	head  atomic.Pointer[letter]
	woken atomic.Bool // a wake-up is on its way
	queue *letter     // received, oldest first; the loop's own

	snapshot atomic.Pointer[Stats]
	asked    atomic.Bool
}

type letter struct {
	next *letter
	f    func()
	more func() bool
}

func (m *mailbox) init(l *Loop) { m.loop = l }

// Post has f run on the loop, soon. Any goroutine may call it; it never
// blocks. It reports false when the loop has stopped and f will not run.
func (l *Loop) Post(f func()) bool { return l.mail.post(&letter{f: f}) }

// PostSliced has step run on the loop again and again until it returns false,
// a bounded time each turn: for work that walks a large population. Any
// goroutine may call it.
func (l *Loop) PostSliced(step func() (more bool)) bool {
	return l.mail.post(&letter{more: step})
}

func (m *mailbox) post(n *letter) bool {
	if m.loop.stop.Load() {
		return false
	}
	for {
		old := m.head.Load()
		n.next = old
		if m.head.CompareAndSwap(old, n) {
			break
		}
	}
	if !m.woken.Swap(true) {
		m.loop.Kernel.Wake()
	}
	return true
}

func (m *mailbox) pending() bool { return m.queue != nil || m.head.Load() != nil }

// receive moves what has arrived behind the queue, in order of arrival.
func (m *mailbox) receive() {
	m.woken.Store(false)
	n := m.head.Swap(nil)
	var fresh *letter
	for n != nil { // the list is newest first
		next := n.next
		n.next = fresh
		fresh = n
		n = next
	}
	if m.queue == nil {
		m.queue = fresh
		return
	}
	last := m.queue
	for last.next != nil {
		last = last.next
	}
	last.next = fresh
}

// run handles posted work for at most postedSlice.
func (m *mailbox) run() {
	if m.head.Load() != nil {
		m.receive()
	}
	if m.queue == nil {
		return
	}
	l := m.loop
	deadline := l.clock.Mono() + int64(postedSlice)
	for m.queue != nil {
		n := m.queue
		m.queue = n.next
		l.Stats.Posted++
		if again := m.deliver(n); again {
			n.next = m.queue // goes on where it stopped
			m.queue = n
		}
		if l.clock.Mono() >= deadline {
			return
		}
	}
}

func (m *mailbox) deliver(n *letter) (again bool) {
	defer func() {
		if n != nil {
			if v := recover(); v != nil {
				m.loop.recovered(n, v)
			}
		}
	}()
	if n.f != nil {
		n.f()
	} else {
		again = n.more()
	}
	n = nil
	return again
}

// drain runs what was posted before the loop stopped, so that no caller waits
// for ever.
func (m *mailbox) drain() {
	m.receive()
	for m.queue != nil {
		n := m.queue
		m.queue = n.next
		for m.deliver(n) {
		}
	}
}

// publish makes the statistics visible when somebody asked.
func (m *mailbox) publish(s *Stats) {
	if m.asked.Load() {
		c := *s
		m.snapshot.Store(&c)
		m.asked.Store(false)
	}
}

// Snapshot returns the loop's statistics as of its latest turn that knew that
// somebody asks; any goroutine. The first answer may lag by one turn.
func (l *Loop) Snapshot() Stats {
	l.mail.asked.Store(true)
	l.Kernel.Wake()
	if s := l.mail.snapshot.Load(); s != nil {
		return *s
	}
	return Stats{}
}

// Heartbeat tells when the last turn began (monotonic ns) and whether the loop
// is handling events rather than waiting; any goroutine, without its help.
func (l *Loop) Heartbeat() (at int64, busy bool) { return l.beat.Load(), l.busy.Load() }

// Stalled returns for how long, in ns, the loop has been stuck in one turn.
func (l *Loop) Stalled() int64 {
	at, busy := l.Heartbeat()
	if !busy {
		return 0
	}
	return clock.Mono() - at
}
