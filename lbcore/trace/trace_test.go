package trace

import (
	"strings"
	"testing"
	"time"
)

// page is a sink in memory.
type page struct{ text strings.Builder }

func (p *page) Line(line []byte) bool {
	p.text.Write(line)
	return true
}

func (p *page) take() string {
	s := p.text.String()
	p.text.Reset()
	return s
}

func newSet() (*Set, *page) {
	p := new(page)
	t := New(func() time.Time { return time.Date(2026, 11, 29, 21, 0, 0, 1000, time.UTC) })
	t.Outlets = []Outlet{
		{Name: "stderr", Desc: "standard output (fd#2)", Open: func() Sink { return p }},
		{Name: "buf0", Desc: "in-memory ring buffer", Dated: true, Open: func() Sink { return p }},
	}
	return t, p
}

func ask(t *testing.T, set *Set, line string) string {
	t.Helper()
	text, err := set.Command(strings.Fields(line))
	if err != nil {
		return "! " + err.Error()
	}
	return text
}

func session(n int) *About {
	a := &About{Thread: 1, Side: 'F', Print: func(dst []byte, v int) []byte { return append(dst, " - printed"...) }}
	a.Of[Session], a.Of[Thread] = n, 1
	return a
}

func TestOff(t *testing.T) {
	var none Set
	set, p := newSet()
	if none.H1.On() || set.H1.On() || set.Bytes.Load() {
		t.Fatal("on without a command")
	}
	ask(t, set, "h1 sink stderr start now")
	if !set.H1.On() || !set.Bytes.Load() || set.Session.On() {
		t.Fatal("start now does not start, or more than it should")
	}
	ask(t, set, "0")
	if set.H1.On() || set.Bytes.Load() {
		t.Fatal("trace 0 does not stop")
	}
	set.H1.Emit(H1New, User, "late", session(1))
	if s := p.take(); s != "" {
		t.Fatalf("a stopped source wrote %q", s)
	}
}

func TestLines(t *testing.T) {
	set, p := newSet()
	ask(t, set, "h1 sink stderr level proto start now")
	set.H1.Emit(H1RxHead|H1StreamNew, User, "rcvd H1 request headers", session(1))
	set.H1.Emit(H1New, State, "of a higher level", session(1))
	ask(t, set, "h1 sink buf0 verbosity quiet")
	set.H1.Emit(H1Err, Error, "bad", &About{Thread: -1})
	ask(t, set, "h1 event -h1c_err")
	set.H1.Emit(H1Err, Error, "not reported", session(1))
	const want = "[01|h1|1|rx_headers] rcvd H1 request headers : [F] - printed\n" +
		"<0>2026-11-29T21:00:00.000001+00:00 [--|h1|0|h1c_err] bad\n"
	if got := p.take(); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

// TestStates: start, pause and stop by events, and what is locked on.
func TestStates(t *testing.T) {
	set, p := newSet()
	ask(t, set, "session sink stderr level state lock session start sess_new pause sess_end stop sess_err")
	if s, _ := set.Status(""); !strings.Contains(s, "[w] session    -> stderr") {
		t.Fatal(s)
	}
	emit := func(ev Mask, n int, text string) { set.Session.Emit(ev, State, text, session(n)) }
	emit(SessionEnd, 1, "before the start")
	emit(SessionNew, 2, "first")
	if s, _ := set.Status(""); !strings.Contains(s, "[R] session") {
		t.Fatal(s)
	}
	emit(SessionNew, 3, "another one")
	emit(SessionEnd, 3, "its end")
	emit(SessionEnd, 2, "second")
	if s, _ := set.Status(""); !strings.Contains(s, "[w] session") {
		t.Fatal(s)
	}
	emit(SessionNew, 4, "third")
	emit(SessionErr, 4, "fourth")
	emit(SessionNew, 5, "behind the stop")
	if s, _ := set.Status(""); !strings.Contains(s, "[.] session") {
		t.Fatal(s)
	}
	var words []string
	for line := range strings.Lines(p.take()) {
		_, text, _ := strings.Cut(line, "] ")
		text, _, _ = strings.Cut(text, " :")
		words = append(words, text)
	}
	if got := strings.Join(words, ","); got != "first,second,third,fourth" {
		t.Errorf("got %s", got)
	}
}

// TestFollow: a source that is stopped tells of what another one is locked on.
func TestFollow(t *testing.T) {
	set, p := newSet()
	ask(t, set, "session lock session start sess_new pause sess_end")
	ask(t, set, "h1 sink stderr follow session")
	if !set.H1.On() {
		t.Fatal("who follows is on")
	}
	set.H1.Emit(H1RxHead, User, "too early", session(1))
	set.Session.Emit(SessionNew, State, "", session(1))
	set.H1.Emit(H1RxHead, User, "followed", session(1))
	set.H1.Emit(H1RxHead, User, "somebody else's", session(2))
	set.Session.Emit(SessionEnd, State, "", session(1))
	set.H1.Emit(H1RxHead, User, "too late", session(1))
	if got := p.take(); got != "[01|h1|1|rx_headers] followed : [F] - printed\n" {
		t.Errorf("got %q", got)
	}
	ask(t, set, "all follow none")
	if set.H1.On() {
		t.Error("still on")
	}
}

func TestCommandErrors(t *testing.T) {
	set, _ := newSet()
	for _, c := range [][2]string{
		{"nosuch", "! No such trace source 'nosuch'"},
		{"h1 nosuch", "! Unknown trace keyword 'nosuch'"},
		{"h1 level user nosuch", "! Unknown trace keyword 'nosuch'"},
		{"h1 sink nosuch", "! No such trace sink 'nosuch' "},
		{"h1 event nosuch", "! No such trace event 'nosuch'"},
		{"h1 event now", "! No such trace event 'now'"},
		{"h1 start +nosuch", "! No such trace event 'nosuch'"},
		{"h1 lock nosuch", "! Unsupported lock-on criterion 'nosuch'"},
		{"session lock server", "! Unsupported lock-on criterion 'server'"},
		{"h1 follow nosuch", "! No such trace source 'nosuch'"},
		{"all start", "! 'start' not applicable to meta-source 'all'"},
		{"all verbosity", "! 'verbosity' not applicable to meta-source 'all'"},
		{"session verbosity complete", "! No such verbosity level 'complete'. Supported trace verbosities for source session:\n    quiet      : only report basic information with no decoding\n  * default    : report extra information when available"},
	} {
		if got := ask(t, set, c[0]); got != c[1] {
			t.Errorf("trace %s: got %q, want %q", c[0], got, c[1])
		}
	}
	if _, err := set.Status("nosuch"); err == nil {
		t.Error("show trace of no source")
	}
}
