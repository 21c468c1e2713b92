package peers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gohap/e2e/oracle"
	"gohap/lbcore/clock"
	"gohap/stick"
)

// broken are messages that are wrong. Ends tells that the session is over then.
var broken = []struct {
	name string
	ends bool
	says func(f *fake)
}{
	{"an update of no table", false, func(f *fake) { f.about(update, updateText(1, "x", 1)) }},
	{"an update without its number", true, func(f *fake) { f.about(define, defineText("/t")); f.about(update, []byte{0, 0}) }},
	{"an update without a key", true, func(f *fake) { f.about(define, defineText("/t")); f.about(update, []byte{0, 0, 0, 1}) }},
	{"a key longer than its message", true, func(f *fake) {
		f.about(define, defineText("/t"))
		f.about(update, []byte{0, 0, 0, 1, 200, 'x'})
	}},
	{"an update without its value", true, func(f *fake) {
		f.about(define, defineText("/t"))
		f.about(update, []byte{0, 0, 0, 1, 1, 'x'})
	}},
	{"a timed update without its time", true, func(f *fake) { f.about(define, defineText("/t")); f.about(0x85, []byte{0, 0, 0, 1, 0, 0}) }},
	{"an update with something behind it", false, func(f *fake) {
		f.about(define, defineText("/t"))
		f.about(update, append(updateText(1, "x", 1), 1, 2, 3))
	}},
	{"a definition of nothing", true, func(f *fake) { f.about(define, nil) }},
	{"a definition without an end", true, func(f *fake) { b := defineText("/t"); f.about(define, b[:len(b)-4]) }},
	{"a name longer than its message", true, func(f *fake) { f.about(define, []byte{1, 200, '/', 't'}) }},
	{"a definition of an unknown table", false, func(f *fake) { f.about(define, defineText("/nosuch")); f.about(update, updateText(1, "x", 1)) }},
	{"a switch to no table", false, func(f *fake) { f.about(0x83, []byte{77}) }},
	{"a switch to nothing", true, func(f *fake) { f.about(0x83, nil) }},
	{"an acknowledgement of no table", false, func(f *fake) { f.about(ack, []byte{77, 0, 0, 0, 1}) }},
	{"an acknowledgement that is cut", true, func(f *fake) { f.about(ack, []byte{1, 0}) }},
	{"an acknowledgement of nothing", true, func(f *fake) { f.about(ack, nil) }},
	{"a type of messages about tables that is none", false, func(f *fake) { f.about(0x90, []byte{1, 2, 3}) }},
	{"a class that is none", false, func(f *fake) { f.say(77, 0x80, 3, 1, 2, 3); f.say(78, 1) }},
	{"the class that is an error", true, func(f *fake) { f.say(255, 1) }},
	{"a control message that is none", false, func(f *fake) { f.say(control, 99) }},
	{"an error", false, func(f *fake) { f.say(1, 0); f.say(1, 1) }},
	{"a length without an end", true, func(f *fake) {
		f.say(table, update, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)
	}},
	{"a length of 2^60", true, func(f *fake) { f.say(append([]byte{table, update}, varint(nil, 1<<60)...)...) }},
	{"the ends of resyncs that nobody asked for", false, func(f *fake) { f.say(control, finished); f.say(control, partial); f.say(control, confirm) }},
}

// outcome says how a session goes on behind what was said.
func (f *fake) outcome() string {
	_ = f.SetReadDeadline(clock.Wall().Add(1500 * time.Millisecond))
	errs := ""
	for {
		m, err := f.next()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return "goes on" + errs
		case err != nil:
			return "ends" + errs
		case m.class == 1:
			errs = fmt.Sprintf(" with error %d", m.typ)
		}
	}
}

// TestBrokenMessages sends each message to both programs: they go on, or end the
// session, alike.
func TestBrokenMessages(t *testing.T) {
	t.Parallel()
	for _, c := range broken {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			gAt, hAt := oracle.FreeAddress(t), oracle.FreeAddress(t)
			g := startGohap(t, "b", textTable("127.0.0.1:1", gAt, ""))
			h := startHaproxy(t, "b", textTable("127.0.0.1:1", hAt, ""))
			how := map[string]string{}
			for name, at := range map[string]string{"gohap": gAt, "the reference": hAt} {
				f := fakeTo(t, at)
				c.says(f)
				how[name] = f.outcome()
				f.Close()
				f = fakeTo(t, at) // the next session is sound
				f.about(define, defineText("/t"))
				f.about(update, updateText(9, "sound", 9))
				_ = f.SetReadDeadline(clock.Wall().Add(10 * time.Second))
				f.until("its acknowledgement", func(m frame) bool { return m.is(table, ack) })
			}
			// The reference has an entry of a key whose values are cut: see
			// docs/differences.md.
			if diff := alike(g, h, "p/t"); diff != "" && c.name != "an update without its value" {
				t.Errorf("what was learned: %s", diff)
			}
			if ends := strings.HasPrefix(how["gohap"], "ends"); how["gohap"] != how["the reference"] || ends != c.ends {
				t.Errorf("gohap %s, the reference %s", how["gohap"], how["the reference"])
			}
			n, said := g.in.Config.Peers[0].Peers[0].Live.Errors.Load(), strings.Count(g.said.String(), "a broke the protocol: ")
			if want := map[bool]int{true: 1}[c.ends]; int(n) != want || said != want {
				t.Errorf("%d errors counted, %d logged", n, said)
			}
		})
	}
}

// TestNeverAcknowledges has a peer take all for a long time and acknowledge nothing,
// and one that reads nothing at all: neither costs memory that grows with what
// changes.
func TestNeverAcknowledges(t *testing.T) {
	at := oracle.FreeAddress(t)
	g := startGohap(t, "b", textTable("127.0.0.1:1", at, ""))
	f := fakeTo(t, at)
	var entries atomic.Int64
	go func() { // ends with the session
		for {
			m, err := f.next()
			if err != nil {
				return
			}
			if m.is(table, update) {
				entries.Add(1)
			}
			if m.is(control, beat) {
				f.say(control, beat)
			}
		}
	}()
	const keys, rounds = 20_000, 20
	tab := g.table("p/t")
	round := func(n int) {
		for i := range keys {
			e := g.entry(tab, fmt.Sprint("k", i))
			e.Set(stick.GPC0, 0, uint64(n))
			e.Touch(ms())
			e.Release()
		}
		f.say(control, beat)
	}
	sent := func() {
		eventually(t, "it is told of the last round", func() string {
			if n := entries.Load(); n < keys {
				return fmt.Sprint(n)
			}
			return ""
		})
		entries.Store(0)
	}
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	for n := range 3 {
		round(n)
		sent()
	}
	before := heap()
	for n := range rounds {
		round(n)
		sent()
	}
	if grew := heap() - before; grew > 2<<20 {
		t.Errorf("%d changes cost %d bytes", keys*rounds, grew)
	}
	f.Close()
	f = fakeTo(t, at) // and reads nothing from now on
	_ = f.Conn.(*net.TCPConn).SetReadBuffer(4096)
	round(0)
	before = heap()
	for n := range rounds {
		round(n)
	}
	if grew := heap() - before; grew > 2<<20 {
		t.Errorf("%d changes that nobody reads cost %d bytes", keys*rounds, grew)
	}
}
