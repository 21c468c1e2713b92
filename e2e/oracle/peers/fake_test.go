package peers

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"gohap/e2e/oracle"
	"gohap/lbcore/clock"
)

// fake is a peer that says what a test wants it to say.
type fake struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

// frame is a message.
type frame struct {
	class, typ byte
	payload    []byte
}

func (f frame) is(class, typ byte) bool { return f.class == class && f.typ == typ }

// Messages by class and type.
const (
	control  = 0
	request  = 0
	finished = 1
	partial  = 2
	confirm  = 3
	beat     = 4

	table  = 10
	update = 0x80
	define = 0x82
	ack    = 0x84
)

// fakeTo connects as peer a to peer b, which is to answer 200.
func fakeTo(t *testing.T, addr string) *fake {
	t.Helper()
	c, r, status := hello(t, addr, "HAProxyS 2.1\nb\na 1 1\n")
	if status != "200" {
		t.Fatalf("%s answers %q", addr, status)
	}
	return &fake{t, c, r}
}

// take accepts a connection and returns the lines of its hello, which nobody has
// answered yet.
func take(t *testing.T, l net.Listener) (f *fake, lines []string) {
	t.Helper()
	_ = l.(*net.TCPListener).SetDeadline(clock.Wall().Add(25 * time.Second))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(clock.Wall().Add(25 * time.Second))
	f = &fake{t, c, bufio.NewReader(c)}
	for range 3 {
		line, err := f.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return f, lines
}

func (f *fake) say(b ...byte) { _, _ = f.Write(b) }

// varint as the protocol has it.
func varint(b []byte, v uint64) []byte {
	if v < 240 {
		return append(b, byte(v))
	}
	b = append(b, byte(v)|0xF0)
	for v = (v - 240) >> 4; v >= 128; v = (v - 128) >> 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

// about sends a message about a table.
func (f *fake) about(typ byte, payload []byte) {
	f.say(append(varint([]byte{table, typ}, uint64(len(payload))), payload...)...)
}

func (f *fake) number() (v uint64, err error) {
	b, err := f.in.ReadByte()
	if v = uint64(b); err != nil || v < 240 {
		return v, err
	}
	for shift := 4; ; shift += 7 {
		if b, err = f.in.ReadByte(); err != nil {
			return 0, err
		}
		if v += uint64(b) << shift; b < 128 {
			return v, nil
		}
	}
}

// next reads a message.
func (f *fake) next() (m frame, err error) {
	var head [2]byte
	if _, err = io.ReadFull(f.in, head[:]); err != nil {
		return m, err
	}
	if m.class, m.typ = head[0], head[1]; m.typ < 0x80 {
		return m, nil
	}
	n, err := f.number()
	if err != nil || n > 1<<20 {
		return m, fmt.Errorf("a message of %d bytes (%v)", n, err)
	}
	m.payload = make([]byte, n)
	_, err = io.ReadFull(f.in, m.payload)
	return m, err
}

// until reads messages until one that is wanted.
func (f *fake) until(what string, want func(m frame) bool) frame {
	f.t.Helper()
	for {
		m, err := f.next()
		if err != nil {
			f.t.Fatalf("%s: %v", what, err)
		}
		if want(m) {
			return m
		}
	}
}

// defineText tells of a table of text keys of 20 bytes at the most that holds gpc0.
func defineText(name string) []byte {
	b := varint([]byte{1}, uint64(len(name)))
	b = append(b, name...)
	return append(b, 6, 21, 1<<2, 0xF0, 0x71) // string, its length and one, gpc0, 2 s or so
}

// updateText tells of an entry of such a table.
func updateText(seq uint32, key string, n byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, seq)
	b = append(b, byte(len(key)))
	return append(append(b, key...), n)
}

// textTable is a section whose peers a and b share such a table.
func textTable(a, b, more string) string {
	return "peers p\n peer a " + a + "\n peer b " + b + "\n" + more + " table t type string len 20 size 200k expire 1h store gpc0\n"
}

// TestOlderPeer has a peer that speaks version 2.0 alone: it is greeted so with the
// next session, and told of entries without their time. (The reference tries that
// peer again after 40 s at least: see docs/differences.md.)
func TestOlderPeer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g := startGohap(t, "b", textTable(l.Addr().String(), oracle.FreeAddress(t), ""))
	g.put("p/t", "here", "gpc0", 7)
	for _, c := range []struct{ greets, answer string }{{"HAProxyS 2.1", "502\n"}, {"HAProxyS 2.0", "200\n"}} {
		f, lines := take(t, l)
		if lines[0] != c.greets {
			t.Errorf("it says %q, want %q", lines[0], c.greets)
		}
		_, _ = io.WriteString(f, c.answer)
		if c.answer == "502\n" {
			f.Close()
			continue
		}
		f.say(control, request)
		m := f.until("the entry", func(m frame) bool { return m.class == table && m.typ != define })
		if m.typ != update || !strings.HasSuffix(string(m.payload), "\x04here\x07") {
			t.Errorf("it is told %x of type %x", m.payload, m.typ)
		}
	}
	if said := g.said.String(); !strings.Contains(said, "it speaks another version (502)") {
		t.Errorf("it says %q", said)
	}
}

// TestBadAcks has a peer acknowledge what it was never sent: that counts for
// nothing, the session goes on, and all is sent again with the next one.
func TestBadAcks(t *testing.T) {
	t.Parallel()
	at := oracle.FreeAddress(t)
	g := startGohap(t, "b", textTable("127.0.0.1:1", at, ""))
	f := fakeTo(t, at)
	g.put("p/t", "one", "gpc0", 1)
	isEntry := func(key string) func(m frame) bool {
		return func(m frame) bool { return m.is(table, update) && strings.Contains(string(m.payload), key) }
	}
	seq := binary.BigEndian.Uint32(f.until("the first entry", isEntry("one")).payload)
	for _, bad := range []uint32{seq + 1, seq - 1000, ^seq, seq << 24} {
		f.about(ack, binary.BigEndian.AppendUint32([]byte{1}, bad))
	}
	f.about(ack, []byte{9, 0, 0, 0, 1}) // no such table
	live := g.in.Config.Peers[0].Peers[0].Live
	eventually(t, "they are counted", func() string {
		if n := live.BadAcks.Load(); n != 5 {
			return fmt.Sprint(n)
		}
		return ""
	}) // before seq + 1 is sent
	g.put("p/t", "two", "gpc0", 1)
	f.until("the session goes on", isEntry("two"))
	f.Close()
	f = fakeTo(t, at)
	m := f.until("the first entry again", isEntry("one"))
	f.until("the second entry again", isEntry("two"))
	f.about(ack, append([]byte{1}, m.payload[:4]...)) // the first is there
	f.say(control, beat)
	eventually(t, "it is noted", func() string {
		if v := g.in.Config.Peers[0].Section.View(false).Peers[0].Tables[0]; v.Acked != binary.BigEndian.Uint32(m.payload) {
			return fmt.Sprint(v.Acked)
		}
		return ""
	})
	f.Close()
	f = fakeTo(t, at)
	if m := f.until("an entry", func(m frame) bool { return m.is(table, update) }); !strings.Contains(string(m.payload), "two") {
		t.Errorf("the third session begins with %x", m.payload)
	}
	if n := live.Errors.Load(); n != 0 {
		t.Errorf("%d errors", n)
	}
}

// TestStaleTeacher has three nodes: the first one that is asked is not up to date
// itself, so that the other one, the reference, is asked too.
func TestStaleTeacher(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b, c := oracle.FreeAddress(t), oracle.FreeAddress(t)
	text := textTable(l.Addr().String(), b, " peer c "+c+"\n")
	g := startGohap(t, "b", text)
	f, _ := take(t, l)
	_, _ = io.WriteString(f, "200\n")
	f.until("the request to be taught", func(m frame) bool { return m.is(control, request) })
	h := startHaproxy(t, "c", text)
	fill := []string{"one", "two", "three"}
	for i, key := range fill {
		h.put("p/t", key, "gpc0", uint64(i+1))
	}
	f.about(define, defineText("/t"))
	f.about(update, updateText(1, "stale", 9))
	f.say(control, partial)
	f.until("the confirmation", func(m frame) bool { return m.is(control, confirm) })
	eventually(t, "gohap has what both know", func() string {
		if all := g.dump("p/t"); len(all) != len(fill)+1 || all["stale"]["gpc0"] != 9 || all["three"]["gpc0"] != 3 {
			return fmt.Sprint(all)
		}
		return ""
	})
	eventually(t, "it is up to date", func() string {
		if v := g.in.Config.Peers[0].Section.View(false); v.State.String() != "finished" || !v.Peers[0].Stale {
			return fmt.Sprint(v.State, v.Peers[0].Stale)
		}
		return ""
	})
	if said := g.said.String(); strings.Contains(said, "nobody else can teach") {
		t.Errorf("it says %s", said)
	}
	h.sound(t)
}
