package trace

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Level is how important an event is; a source reports those up to its own.
type Level uint8

// The levels, in the reference's order.
const (
	Error Level = iota
	User
	Proto
	State
	Data
	Developer
)

// Mask is a set of events of one source.
type Mask uint32

// Criterion is a kind of object that a source may lock on.
type Criterion uint8

// The criteria, in the reference's order; Own is the one that a source has to itself.
const (
	Backend Criterion = iota
	Connection
	Frontend
	Listener
	Nothing
	Server
	Session
	Thread
	Own
	criteria
)

// About says what an event is about. Of holds the objects by criterion, nil where
// there is none: values that can be compared, and that no other object will be equal
// to.
type About struct {
	Thread int // -1: not a loop's
	Side   byte
	Of     [criteria]any
	// Print appends what is known beyond the text, as much as the verbosity asks for:
	// from 1 on.
	Print func(dst []byte, verbosity int) []byte
}

// Sink is where lines go. Line takes a copy and may not block.
type Sink interface{ Line(line []byte) bool }

// Outlet is a sink that may be chosen by its name.
type Outlet struct {
	Name, Desc string
	// Dated: lines begin with a priority and the time, as rings have them.
	Dated bool
	// Open returns the sink, the same one each time. It is called by commands.
	Open func() Sink
}

type state uint8

const (
	stopped state = iota
	waiting
	running
)

// Source is a part of the data plane that has events. The zero value is off.
type Source struct {
	on atomic.Bool // Emit may have something to do

	set  *Set
	kind *kind
	// The rest is guarded by Set.mu.
	state     state
	level     Level
	verbosity int
	lock      Criterion
	locked    any
	follow    *Source
	out       *Outlet
	sink      Sink
	report    Mask
	start     Mask
	pause     Mask
	stop      Mask
	dropped   uint64
}

// Set is the sources of one instance. The zero value is for who wants none.
type Set struct {
	SSL, H1, Stream, Check, Pass, Session Source

	// Bytes tells whether h1 or pt is on.
	Bytes atomic.Bool
	// Wall is the time of day, Outlets are the sinks; set before it is used.
	Wall    func() time.Time
	Outlets []Outlet

	mu sync.Mutex // guards what sources are set to
}

// New returns sources that are off.
func New(wall func() time.Time) *Set {
	t := &Set{Wall: wall}
	for i, s := range t.sources() {
		s.set, s.kind = t, &kinds[i]
		s.level, s.verbosity, s.lock = User, 1, Nothing
		s.report = s.kind.all()
	}
	return t
}

// sources returns them in the order of kinds.
func (t *Set) sources() []*Source {
	return []*Source{&t.SSL, &t.H1, &t.Stream, &t.Check, &t.Pass, &t.Session}
}

// On tells whether Emit may have something to do; any goroutine.
func (s *Source) On() bool { return s.on.Load() }

// Emit tells of an event that belongs to the events ev. Any goroutine, also a loop:
// it holds a lock for moments and does not wait for the sink.
func (s *Source) Emit(ev Mask, level Level, text string, a *About) {
	t := s.set
	t.mu.Lock()
	report := s.moves(ev, a)
	report = report && s.report&ev != 0 && level <= s.level
	out, sink, verbosity := s.out, s.sink, s.verbosity
	t.mu.Unlock()
	if !report || sink == nil {
		return
	}
	if !sink.Line(s.line(ev, level, text, a, verbosity, out.Dated)) {
		t.mu.Lock()
		s.dropped++
		t.mu.Unlock()
	}
}

// moves goes on with the state machine and tells whether the event is of those that
// the source looks at.
func (s *Source) moves(ev Mask, a *About) bool {
	followed := s.follow != nil && s.follow.locked != nil && a.Of[s.follow.lock] == s.follow.locked
	if s.state == waiting && s.start&ev != 0 {
		s.state = running
	}
	if s.state != running {
		return followed
	}
	if s.lock != Nothing {
		if s.locked == nil {
			s.locked = a.Of[s.lock]
		}
		if s.locked == nil || a.Of[s.lock] != s.locked {
			return followed
		}
	}
	switch {
	case s.stop&ev != 0:
		s.become(stopped)
	case s.pause&ev != 0:
		s.become(waiting)
	}
	return true
}

// become changes the state; what was locked on is let go with the end of a trace.
func (s *Source) become(to state) {
	s.state = to
	if to != running {
		s.locked = nil
	}
	s.settle()
}

// settle says whether events are looked at at all.
func (s *Source) settle() {
	s.on.Store(s.state != stopped || s.follow != nil)
	s.set.Bytes.Store(s.set.H1.On() || s.set.Pass.On())
}

// line writes an event as a sink gets it. Where the reference names a place of its
// source text, the event's name stands.
func (s *Source) line(ev Mask, level Level, text string, a *About, verbosity int, dated bool) []byte {
	b := make([]byte, 0, 256)
	if dated {
		b = append(b, "<0>"...)
		b = s.set.Wall().AppendFormat(b, "2006-01-02T15:04:05.000000-07:00")
		b = append(b, ' ')
	}
	b = append(b, '[')
	switch {
	case a.Thread < 0:
		b = append(b, "--"...)
	case a.Thread < 10:
		b = append(b, '0')
		fallthrough
	default:
		b = strconv.AppendInt(b, int64(a.Thread), 10)
	}
	b = append(b, '|')
	b = append(b, s.kind.name...)
	b = append(b, '|', '0'+byte(level), '|')
	b = append(b, s.kind.first(ev)...)
	b = append(b, "] "...)
	b = append(b, text...)
	if verbosity > 0 {
		if a.Side != 0 {
			b = append(b, " : ["...)
			b = append(b, a.Side, ']')
		}
		if a.Print != nil {
			b = a.Print(b, verbosity)
		}
	}
	return append(b, '\n')
}
