package log

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

func parseLine(t *testing.T, text string) (Entry, error) {
	t.Helper()
	words := strings.Fields(text)
	no := words[0] == "no"
	if no {
		words = words[1:]
	}
	rules := config.LogRules
	return Parse(words[1:], no, &rules)
}

// The texts are the reference's own.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"log", "expects <address> and <facility> or global as arguments"},
		{"log 127.0.0.1", "expects <address> and <facility> or global as arguments"},
		{"log stdout", "expects <address> and <facility> or global as arguments"},
		{"log 127.0.0.1:514 foo", "unknown log facility 'foo'"},
		{"log 127.0.0.1:514 local0 foo", "unknown optional log level 'foo'"},
		{"log 127.0.0.1:514 local0 info foo", "unknown optional minimum log level 'foo'"},
		{"log 127.0.0.1:514 local0 info err x", "cannot handle unexpected argument 'x'"},
		{"log 127.0.0.1:514 len", "invalid log length '', must be between 80 and 65535"},
		{"log 127.0.0.1:514 len 10 local0", "invalid log length '10', must be between 80 and 65535"},
		{"log 127.0.0.1:514 len x local0", "invalid log length 'x', must be between 80 and 65535"},
		{"log 127.0.0.1:514 format foo local0", "unknown log format 'foo'"},
		{"log 127.0.0.1:514 sample 1 local0", "Missing sample size"},
		{"log 127.0.0.1:514 sample 1:0 local0", "wrong sample size '0' for sample range '1'"},
		{"log 127.0.0.1:514 sample 5:3 local0", "sample size 3 should be greater or equal to 5 the maximum of the high ranges limits"},
		{"log 127.0.0.1:514 sample 3-1:3 local0", "wrong sample range '3-1'"},
		{"log 127.0.0.1:514 sample a:3 local0", "wrong sample range 'a'"},
		{"log 127.0.0.1:514 sample 1-2,2:3 local0", "ranges are overlapping"},
		{"log 127.0.0.1:514 sample 1:3", "unknown log facility ''"},
		{"log 127.0.0.1:514 local0 len 100", "unknown optional log level 'len'"},
		{"log 127.0.0.1:x local0", "invalid character 'x' in port number 'x' in '127.0.0.1:x'"},
		{"log 127.0.0.1:514-515 local0", "port range not permitted here in '127.0.0.1:514-515'"},
		{"no log global", "'no log' does not expect arguments"},
		{"log tcp@127.0.0.1:1-5 local0", "port range not permitted here in 'tcp@127.0.0.1:1-5'"},
		{"log backend@b local0", "target 'backend@b': log backends are known to HAProxy, not implemented by gohap"},
	} {
		if _, err := parseLine(t, c.line); err == nil || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.line, err, c.want)
		}
	}
}

func TestParseTargets(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"log 127.0.0.1 local0", "udp 127.0.0.1:514 local0 debug emerg 1024"},
		{"log udp@[::1]:515 local7 notice err", "udp [::1]:515 local7 notice err 1024"},
		{"log /dev/log len 2048 daemon info", "unix /dev/log daemon info emerg 2048"},
		{"log stderr format raw local0", "fd 2 local0 debug emerg 1024 raw"},
		{"log fd@3 local0", "fd 3 local0 debug emerg 1024"},
		{"log ring@buf0 format timed local0", "ring buf0 local0 debug emerg 1024 timed"},
	} {
		e, err := parseLine(t, c.line)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		g := e.Target
		where := [...]string{UDP: "udp " + g.Addr.String(), Unix: "unix " + g.Path, FD: fmt.Sprint("fd ", g.FD), InRing: "ring " + g.Ring}[g.Kind]
		got := strings.TrimSpace(fmt.Sprint(where, " ", g.Facility, " ", g.Level, " ", g.MinLevel, " ", g.Len, " ", g.Format))
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.line, got, c.want)
		}
	}
	if e, err := parseLine(t, "no log"); err != nil || !e.Flush {
		t.Errorf("no log: %+v %v", e, err)
	}
	if e, err := parseLine(t, "log global"); err != nil || !e.Global {
		t.Errorf("log global: %+v %v", e, err)
	}
}

func TestRowExamples(t *testing.T) {
	set := keyword.NewSet()
	Register(set)
	for _, class := range []keyword.Class{keyword.Facility, keyword.Level, keyword.LogFormat, keyword.LogTargetParam} {
		for _, row := range set.Rows(class) {
			for _, g := range row.Good {
				if _, err := parseLine(t, g.Config); err != nil {
					t.Errorf("%s: %v", g.Config, err)
				}
			}
			for _, b := range row.Bad {
				if _, err := parseLine(t, b); err == nil {
					t.Errorf("%s was accepted", b)
				}
			}
		}
	}
}

// TestEncodings has lines that the reference wrote, with their times.
func TestEncodings(t *testing.T) {
	now := time.Date(2026, 11, 23, 16, 13, 33, 271840000, time.UTC)
	for _, c := range []struct {
		format      Format
		host, tag   string
		sd, want    string
		level, mini Level
	}{
		{RFC3164, "", "haproxy", "", "<134>Nov 23 16:13:33 localhost haproxy[16014]: hello 200\n", Info, Emerg},
		{RFC5424, "", "haproxy", "", "<134>1 2026-11-23T16:13:33.271840+00:00 - haproxy 16014 - - hello 200\n", Info, Emerg},
		{Short, "", "haproxy", "", "<6>hello 200\n", Info, Emerg},
		{Raw, "", "haproxy", "", "hello 200\n", Info, Emerg},
		{Timed, "", "haproxy", "", "<6>2026-11-23T16:13:33.271840+00:00 hello 200\n", Info, Emerg},
		{ISO, "", "haproxy", "", "2026-11-23T16:13:33.271840+00:00 hello 200\n", Info, Emerg},
		{Priority, "", "haproxy", "", "<134>hello 200\n", Info, Emerg},
		{Local, "", "haproxy", "", "<134>Nov 23 16:13:33 haproxy[16014]: hello 200\n", Info, Emerg},
		{Unspecified, "", "haproxy", "", "<134>Nov 23 16:13:33 haproxy[16014]: hello 200\n", Info, Emerg},
		{Unspecified, "myhost", "haproxy", "", "<134>Nov 23 16:13:33 myhost haproxy[16014]: hello 200\n", Info, Emerg},
		{Local, "myhost", "mytag", "", "<134>Nov 23 16:13:33 mytag[16014]: hello 200\n", Info, Emerg},
		{RFC3164, "myhost", "mytag", "", "<134>Nov 23 16:13:33 myhost mytag[16014]: hello 200\n", Info, Emerg},
		{RFC5424, "myhost", "mytag", `[a@1 b="200"]`, `<134>1 2026-11-23T16:13:33.271840+00:00 myhost mytag 16014 - [a@1 b="200"] hello 200` + "\n", Info, Emerg},
		{Local, "", "haproxy", "", "<131>Nov 23 16:13:33 haproxy[16014]: hello 200\n", Alert, Err},
	} {
		e := Encoder{Host: c.host, PID: 16014}
		target := &Target{Format: c.format, Facility: 16, Level: Debug, MinLevel: c.mini, Len: DefaultLen}
		m := &Message{Level: c.level, Time: now, Tag: c.tag, SD: []byte(c.sd), Text: []byte("hello 200")}
		if got := string(e.Append(nil, target, m)); got != c.want {
			t.Errorf("%v\n got %q\nwant %q", c.format, got, c.want)
		}
	}
}

func TestEncoderSecondsAndZones(t *testing.T) {
	e := Encoder{PID: 1}
	target := &Target{Format: Timed, Len: DefaultLen}
	west := time.FixedZone("", -(3*3600 + 30*60))
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), "<0>2026-01-02T03:04:05.000006+00:00 \n"},
		{time.Date(2026, 1, 2, 3, 4, 5, 999999000, time.UTC), "<0>2026-01-02T03:04:05.999999+00:00 \n"},
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).In(west), "<0>2026-01-01T23:34:05.000000-03:30 \n"},
		{time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), "<0>2026-01-02T03:04:06.000000+00:00 \n"},
	} {
		if got := string(e.Append(nil, target, &Message{Time: c.at})); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	target.Format = Local
	if got := string(e.Append(nil, target, &Message{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Tag: "t"})); got != "<0>Jan  2 03:04:05 t[1]: \n" {
		t.Errorf("got %q", got)
	}
}

// A line is cut so that all of it, LF included, has len bytes.
func TestLineLength(t *testing.T) {
	e := Encoder{PID: 16062}
	target := &Target{Format: Local, Facility: 16, Len: 80}
	line := e.Append(nil, target, &Message{Level: Info, Time: time.Unix(0, 0), Tag: "haproxy", Text: bytes.Repeat([]byte("x"), 200)})
	if len(line) != 80 || line[79] != '\n' || line[78] != 'x' {
		t.Errorf("%d bytes: %q", len(line), line)
	}
}

// collect is an Output and a Sender for tests.
type collect struct{ lines []string }

func (c *collect) Line(line []byte) bool { c.lines = append(c.lines, string(line)); return true }

func (c *collect) Datagram(_ *Target, line []byte) bool {
	c.lines = append(c.lines, string(line))
	return len(c.lines) < 1000
}

func TestLevelsAndSampling(t *testing.T) {
	emit := func(config string, levels ...Level) string {
		e, err := parseLine(t, config)
		if err != nil {
			t.Fatal(err)
		}
		out := &collect{}
		l := &Logger{Target: e.Target}
		w := Lines{Sender: out}
		for i, level := range levels {
			w.Emit([]*Logger{l}, &Message{Level: level, Text: []byte{byte('a' + i)}})
		}
		if got := l.Sent.Load(); got != uint64(len(out.lines)) {
			t.Errorf("%d counted, %d sent", got, len(out.lines))
		}
		return strings.ReplaceAll(strings.Join(out.lines, ""), "\n", " ")
	}
	if got := emit("log 127.0.0.1 format short local0 notice err", Debug, Info, Notice, Warning, Emerg); got != "<5>c <4>d <3>e " {
		t.Errorf("levels: %q", got)
	}
	thirteen := make([]Level, 13)
	if got := emit("log 127.0.0.1 format raw sample 2-3,5:6 local0", thirteen...); got != "b c e h i k " {
		t.Errorf("sampling: %q", got)
	}
	// A line that the level stops does not count.
	if got := emit("log 127.0.0.1 format raw sample 1:2 local0 err", Err, Info, Err, Info, Err); got != "a e " {
		t.Errorf("sampling behind levels: %q", got)
	}
}

func TestDroppedIsCounted(t *testing.T) {
	l := &Logger{Target: &Target{Level: Debug, Len: 100}}
	w := Lines{}
	w.Emit([]*Logger{l}, &Message{})
	if l.Dropped.Load() != 1 || l.Sent.Load() != 0 {
		t.Errorf("dropped %d sent %d", l.Dropped.Load(), l.Sent.Load())
	}
}

func TestEmitDoesNotAllocate(t *testing.T) {
	ring := NewRing("r", 4096)
	loggers := []*Logger{
		{Target: &Target{Level: Debug, Len: 1024, Format: RFC5424}, Out: ring},
		{Target: &Target{Level: Debug, Len: 1024, Sample: Sampling{Ranges: []Range{{1, 1}}, Size: 2}}, Out: ring},
	}
	w := Lines{Encoder: Encoder{PID: 1}}
	m := &Message{Level: Info, Time: time.Unix(5, 0).UTC(), Tag: "haproxy", Text: bytes.Repeat([]byte("x"), 200)}
	w.Emit(loggers, m)
	n := testing.AllocsPerRun(200, func() {
		m.Time = m.Time.Add(time.Second)
		w.Emit(loggers, m)
	})
	// The ring makes a channel only for a reader that waits.
	if n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}

func TestSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	ux, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer ux.Close()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	s := &Sockets{}
	defer s.Close()
	shared := NewShared(Encoder{PID: 7}, s)
	loggers := []*Logger{
		{Target: &Target{Kind: Unix, Path: path, Level: Debug, Len: 1024, Format: Raw}},
		{Target: &Target{Kind: UDP, Addr: udp.LocalAddr().(*net.UDPAddr).AddrPort(), Level: Debug, Len: 1024, Format: Short}},
		{Target: &Target{Kind: Unix, Path: path + "x", Level: Debug, Len: 1024}},
	}
	shared.Emit(loggers, &Message{Level: Info, Text: []byte("up")})
	buf := make([]byte, 100)
	if n, err := ux.Read(buf); err != nil || string(buf[:n]) != "up\n" {
		t.Errorf("unix: %q %v", buf[:n], err)
	}
	if n, err := udp.Read(buf); err != nil || string(buf[:n]) != "<6>up\n" {
		t.Errorf("udp: %q %v", buf[:n], err)
	}
	if loggers[2].Dropped.Load() != 1 {
		t.Error("a missing socket was not counted")
	}
}

// TestWriterDropsWhenFull fills the buffer of a pipe that nobody reads.
func TestWriterDropsWhenFull(t *testing.T) {
	r, p := io.Pipe()
	w := NewWriter(p)
	line := []byte(strings.Repeat("x", 1023) + "\n")
	taken := 0
	for w.Line(line) {
		taken++
	}
	if taken < 512 {
		t.Errorf("only %d lines were taken", taken)
	}
	got := make(chan int)
	go func() {
		all, _ := io.ReadAll(r)
		if len(all)%len(line) != 0 {
			t.Errorf("a broken line: %d bytes", len(all))
		}
		got <- len(all) / len(line)
	}()
	w.Close()
	p.Close()
	if n := <-got; n != taken {
		t.Errorf("%d lines written, %d taken", n, taken)
	}
	if w.Line(line) {
		t.Error("a closed writer took a line")
	}
}

func TestRing(t *testing.T) {
	r := NewRing("buf0", 64)
	c := r.Oldest()
	changed := r.Changed()
	for i := 0; i < 3; i++ {
		r.Line([]byte(fmt.Sprintf("line %d\n", i)))
	}
	<-changed
	for i := 0; i < 3; i++ {
		line, missed, ok := r.Next(nil, &c)
		if !ok || missed != 0 || string(line) != fmt.Sprintf("line %d", i) {
			t.Errorf("%q %d %v", line, missed, ok)
		}
	}
	if _, _, ok := r.Next(nil, &c); ok {
		t.Error("a line that was not written")
	}
	select {
	case <-r.Changed():
		t.Error("changed without a line")
	default:
	}
	for i := 0; i < 100; i++ {
		r.Line([]byte(fmt.Sprintf("number %03d", i)))
	}
	line, missed, ok := r.Next(nil, &c)
	if !ok || missed != 94 || string(line) != "number 094" {
		t.Errorf("%q %d %v", line, missed, ok)
	}
	if r.Line(make([]byte, 65)) {
		t.Error("a line longer than the ring was taken")
	}
	if r.Newest() < c {
		t.Error("newest stands before a reader")
	}
}

// FuzzRing checks that a reader sees a suffix of what was written, in order.
func FuzzRing(f *testing.F) {
	f.Add([]byte{5, 60, 1, 0, 64, 3})
	f.Fuzz(func(t *testing.T, sizes []byte) {
		r := NewRing("", 64)
		var written []string
		for i, n := range sizes {
			line := strings.Repeat(string(rune('a'+i%26)), int(n)%65)
			if !r.Line([]byte(line)) {
				t.Fatalf("%d bytes were refused", len(line))
			}
			written = append(written, line)
		}
		c := r.Oldest()
		for _, want := range written[c:] {
			if got, missed, ok := r.Next(nil, &c); !ok || missed != 0 || string(got) != want {
				t.Fatalf("got %q %d %v, want %q", got, missed, ok, want)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("127.0.0.1:514 len 100 format raw sample 1-2,4:5 local0 info err")
	f.Add("ring@x local0")
	rules := config.LogRules
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(strings.Fields(text), false, &rules)
		if err == nil && !e.Global && (e.Target.Len < MinLen || e.Target.Len > MaxLen || int(e.Target.Facility) > 23) {
			t.Fatalf("%q: %+v", text, e.Target)
		}
	})
}

// TestDescriptor: everything is written, also where the descriptor does not block, and
// a reader that is gone is an error.
func TestDescriptor(t *testing.T) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	r := os.NewFile(uintptr(fds[0]), "pipe")
	text := bytes.Repeat([]byte("0123456789abcde\n"), 20000) // more than a pipe holds
	got := make(chan []byte)
	go func() {
		p := make([]byte, len(text))
		_, _ = io.ReadFull(r, p)
		got <- p
	}()
	if n, err := Descriptor(fds[1]).Write(text); n != len(text) || err != nil {
		t.Errorf("%d of %d written: %v", n, len(text), err)
	}
	if !bytes.Equal(<-got, text) {
		t.Error("something else was read")
	}
	r.Close()
	if n, err := Descriptor(fds[1]).Write(text); n != 0 || err != unix.EPIPE {
		t.Errorf("without a reader: %d, %v", n, err)
	}
}
