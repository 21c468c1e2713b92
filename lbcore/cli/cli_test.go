package cli

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/keyword"
)

// testSet has the engine's commands and some that show what they got.
func testSet() *keyword.Set {
	set := keyword.NewSet()
	Register(set)
	set.Add(
		row("show version", "", "show version of the current process", Command{Run: func(r *Request) { r.Message(Info, "3.2.0") }}, "show version"),
		row("show info", "[desc|json|typed|float]*", "report information about the running process", Command{Run: func(r *Request) { r.WriteString("Name: x\n") }}, "show info"),
		row("show env", "[var]", "dump environment variables known to the process", Command{Level: Operator, Run: func(r *Request) { r.WriteString("A=B\n") }}, "show env"),
		row("set map", "<map> [<key>|#<ref>] <value>", "modify a map entry", Command{Level: Admin, Run: func(r *Request) {
			r.Printf("args %q payload %q\n", r.Args, r.Payload)
		}}, "set map m k v"),
		row("debug dev exit", "[code]", "immediately exit the process", Command{Expert: true, Run: func(r *Request) { r.WriteString("no\n") }}, "debug dev exit"),
		row("panic", "", "break", Command{Hidden: true, Run: func(*Request) { panic("broken") }}, "panic"),
		row("flood", "", "write without end", Command{Hidden: true, Run: func(r *Request) {
			for i := 0; ; i++ {
				if _, err := r.WriteString(strings.Repeat("x", 1000)); err != nil {
					r.Host.(chan int) <- i
					return
				}
			}
		}}, "flood"),
		row("hang", "", "wait for the end", Command{Hidden: true, Run: func(r *Request) { <-r.Context().Done() }}, "hang"),
	)
	return set
}

// serve starts a server on a unix socket and returns it with the path.
func serve(t *testing.T, s *Server, k Socket) string {
	t.Helper()
	k.Network, k.Address = "unix", filepath.Join(t.TempDir(), "s")
	k.UID, k.GID = -1, -1
	l, err := Listen(k)
	if err != nil {
		t.Fatal(err)
	}
	if s.Commands == nil {
		s.Commands = NewCommands(testSet(), OfWorker)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l, k) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; !errors.Is(err, errClosed) {
			t.Errorf("Serve ended with %v", err)
		}
	})
	return k.Address
}

func ask(t *testing.T, path, send string) string {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(clock.Wall().Add(10 * time.Second))
	io.WriteString(c, send)
	c.(*net.UnixConn).CloseWrite()
	out, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("%q: %v after %q", send, err, out)
	}
	return string(out)
}

const ownTail = `  help [<command>]                        : list matching or all commands
  prompt [help | n | i | p | timed ]*     : toggle interactive mode with prompt
  quit                                    : disconnect
`

// What is sent and answered, as recorded from the reference 3.2.26; in one
// write, the sending side closed behind it.
func TestConversations(t *testing.T) {
	start := clock.NewFake(time.Unix(1e9, 0))
	s := &Server{Clock: start, Started: start.Mono()}
	start.Advance(26*time.Hour + 61*time.Second)
	path := serve(t, s, Socket{Level: Admin})
	for _, c := range []struct{ send, want string }{
		{"show version\n", "3.2.0\n\n"},
		{"  show \t version  \n", "3.2.0\n\n"},
		{"show version extra\n", "3.2.0\n\n"},
		{"show version\nshow version\n", "3.2.0\n\n"}, // one line only
		{"show version", ""},                          // no line feed
		{"\n", "\n"},
		{" \n", "\n"},
		{";\n", "\n\n"},
		{"show version;;show cli level\n", "3.2.0\n\n\nadmin\n\n"},
		{"echo a  ;  ; \n", "a\n\n\n\n"},
		{"show version\r\n", "3.2.0\n\n\n"},
		{"echo a\rb\n", "a\rb\n\n"},
		{"echo a\\\r\n", "a\n\n\n"},
		{"echo\n", "\n\n"},
		{"echo a\\;b \\\\ c  d\n", "a;b \\ c d\n\n"},
		{"echo \"a  b\" 'c'\n", "\"a b\" 'c'\n\n"},
		{"echo a\\  b\\nc\n", "a  bnc\n\n"},
		{"echo a\\\nb\n", "a\nb\n\n"},
		{"echo a#b #c\n", "a#b #c\n\n"},
		{"echo a\x00echo b\n", "a\n\nb\n\n"},
		{"echo " + strings.Repeat("a ", 63) + "\n", strings.TrimSpace(strings.Repeat("a ", 63)) + "\n\n"},
		{"echo " + strings.Repeat("a ", 64) + ";show version\n", "Too many arguments. Commands must have at most 64 arguments.\n\n3.2.0\n\n"},
		{"quit\n", ""},
		{"show version; quit x;show version\n", "3.2.0\n\n"},
		// modes
		{"prompt\nshow version\n\n", "\n> 3.2.0\n\n> \n> "},
		{"prompt\nprompt\nshow version\n", "\n> \n"},
		{"prompt i\nshow version\nprompt\nprompt i\nprompt n\nshow version\n", "\n3.2.0\n\n\n> \n\n"},
		{"prompt timed\nprompt timed\nquit\n", "\n[1:02:01:01]> \n> "},
		{"prompt i timed\nprompt\n", "\n\n[1:02:01:01]> "},
		{"prompt i timed n\necho x\n", "\n"},
		{"prompt timed n p\n", "\n[1:02:01:01]> "},
		{"prompt;prompt n;show version\nshow version\n", "\n\n3.2.0\n\n"},
		{"show version;prompt\n", "3.2.0\n\n\n> "},
		{"prompt help\n", promptHelp + "\n\n"},
		{"prompt x\n", promptHelp + "\n\n"},
		// payload
		{"set map m k <<\nabc\ndef\n\nshow version\n", "args [\"m\" \"k\"] payload \"abc\\ndef\\n\"\n\n"},
		{"prompt i\nset map a b <<EOF\nabc\n\ndef\nEOF\nshow version\n", "\nargs [\"a\" \"b\"] payload \"abc\\n\\ndef\\n\"\n\n3.2.0\n\n"},
		{"echo a;set map <<X\nabc\nX\n", "a\n\nargs [] payload \"abc\\n\"\n\n"},
		{"echo a <<X;echo b\nabc\nX\n", "a <<X\n\nb\n\n"},
		{"echo a<<\nabc\n\n", "a<<\n\n"},
		{"echo a << b\nabc\n\n", "a << b\n\n"},
		{"echo a << \nabc\n\n", "a <<\n\n"},
		{"echo <<12345678\nabc\n\n", "<<12345678\n\n"},
		{"echo <<1234567\nabc\n1234567\n", "\n\n"},
		{"set map <<\n\n", "args [] payload \"\"\n\n"},
		{"set map <<\nabc\n", ""}, // never ends
		// levels and severity
		{"user;show cli level;operator;show cli level\n", "\nuser\n\nPermission denied\n\nuser\n\n"},
		{"user;show env\n", "\nPermission denied\n\n"},
		{"user x\n", "\n"},
		{"set severity-output\n", "one of 'none', 'number', 'string' is a required argument\n\n"},
		{"set severity-output number;operator;user;operator;show cli level;show version;echo x\n", "\n\n\n[3]: Permission denied\n\n[6]: user\n\n[6]: 3.2.0\n\n[6]: x\n\n"},
		{"set severity-output string;user;show env\n", "\n\n[err]: Permission denied\n\n"},
		{"set severity-output number;help quit\n", "\n[6]: The following commands are valid at this level:\n" + ownTail + "\n"},
		{"set severity-output number;prompt x\n", "\n[3]: " + promptHelp + "\n\n"},
		// time-outs
		{"set timeout\n", "'set timeout' only supports 'cli'.\n\n"},
		{"set timeout client 10\n", "'set timeout' only supports 'cli'.\n\n"},
		{"set timeout cli\n", "Expects an integer value.\n\n"},
		{"set timeout cli x\n", "Invalid timeout value.\n\n"},
		{"set timeout cli 0\n", "Invalid timeout value.\n\n"},
		{"set timeout cli 10;set timeout cli 10m;set timeout cli 60d\n", "\n\n\n"},
		// expert mode
		{"debug dev exit\n", "This command is restricted to expert mode only.\n\n"},
		{"expert-mode on;debug dev exit;expert-mode;expert-mode x;expert-mode\n", "\nno\n\nexpert-mode is ON\n\n\nexpert-mode is OFF\n\n"},
		{"user;expert-mode on\n", "\nPermission denied\n\n"},
	} {
		if got := ask(t, path, c.send); got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.send, got, c.want)
		}
	}
}

func TestHelp(t *testing.T) {
	path := serve(t, &Server{}, Socket{Level: User})
	all := `The following commands are valid at this level:
  echo <text>                             : print text to the output
  operator                                : lower the level of the current CLI session to operator
  set map <map> [<key>|#<ref>] <value>    : modify a map entry
  set severity-output [none|number|string]: set presence of severity level in feedback information
  set timeout [cli] <delay>               : change a timeout setting
  show cli level                          : display the level of the current CLI session
  show cli sockets                        : dump list of cli sockets
  show env [var]                          : dump environment variables known to the process
  show info [desc|json|typed|float]*      : report information about the running process
  show version                            : show version of the current process
  user                                    : lower the level of the current CLI session to user
` + ownTail + "\n"
	show := "  show cli level                          : display the level of the current CLI session\n" +
		"  show cli sockets                        : dump list of cli sockets\n"
	info := "  show info [desc|json|typed|float]*      : report information about the running process\n"
	unknown := func(word string) string {
		return "Unknown command: '" + word + "', but maybe one of the following ones is a better match:\n"
	}
	for _, c := range []struct{ send, want string }{
		{"help\n", all},
		{"help show info zz\n", "The following commands are valid at this level:\n" + info + ownTail + "\n"},
		{"show cli\n", unknown("show") + show + ownTail + "\n"},
		{"sho inf\n", unknown("sho") + info + ownTail + "\n"},
		{"show inf\n", unknown("show") + info + ownTail + "\n"},
	} {
		if got := ask(t, path, c.send); got != c.want {
			t.Errorf("%q:\n%s\nwant:\n%s", c.send, got, c.want)
		}
	}
	less := keyword.NewSet()
	Register(less)
	less.Remove(keyword.Command, "help")
	got := ask(t, serve(t, &Server{Commands: NewCommands(less, OfWorker)}, Socket{}), "help\n")
	if !strings.HasPrefix(got, "command 'help' is known to HAProxy, not implemented by gohap.") || strings.Contains(got, "help [<command>]") {
		t.Errorf("help without its row: %q", got)
	}
	for _, send := range []string{"x", "shwo", "1234567890", strings.Repeat("z", 5000), "show zz"} {
		lines := strings.SplitAfter(ask(t, path, send+"\n"), "\n")
		if !strings.HasPrefix(lines[0], "Unknown command: '") || len(lines) != 1+candidates+3+2 {
			t.Errorf("%.20q: %d lines, want %d: %q", send, len(lines), candidates+6, lines)
		}
	}
}

// A line with its payload must fit tune.bufsize.
func TestTooBig(t *testing.T) {
	path := serve(t, &Server{BufSize: 1000}, Socket{Level: Admin})
	big := errTooBig.Error() + "\n"
	for _, c := range []struct{ send, want string }{
		{"echo " + strings.Repeat("a", 994) + "\n", strings.Repeat("a", 994) + "\n\n"},
		{"echo " + strings.Repeat("a", 995) + "\n", big},
		{"echo " + strings.Repeat("a", 995), big},
		{"prompt i\nset map <<\n" + strings.Repeat("abc\n", 300), "\n" + big},
	} {
		c0, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c0, c.send)
		out, _ := io.ReadAll(c0) // what it did not read may come back as a reset
		c0.Close()
		if string(out) != c.want {
			t.Errorf("%.20q…: %.200q, want %.200q", c.send, out, c.want)
		}
	}
}

// The prompt changes while a payload is entered.
func TestPayloadPrompt(t *testing.T) {
	c, err := net.Dial("unix", serve(t, &Server{}, Socket{Level: Admin}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(clock.Wall().Add(10 * time.Second))
	for _, step := range []struct{ send, want string }{
		{"prompt\n", "\n> "},
		{"set map x <<\n", "+ "},
		{"abc\n", "+ "},
		{"def\n", "+ "},
		{"\n", "args [\"x\"] payload \"abc\\ndef\\n\"\n\n> "},
		{"echo a\\", ""},
		{"\nb\n", "a\nb\n\n> "},
	} {
		io.WriteString(c, step.send)
		buf := make([]byte, len(step.want))
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != step.want {
			t.Fatalf("%q: %q %v, want %q", step.send, buf, err, step.want)
		}
	}
}

// An idle connection ends, each byte starts the time anew; Opened and Closed
// count.
func TestIdle(t *testing.T) {
	events := make(chan string, 10)
	s := &Server{Idle: 30 * time.Millisecond, Opened: func() { events <- "opened" }, Closed: func() { events <- "closed" }}
	c, err := net.Dial("unix", serve(t, s, Socket{}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(clock.Wall().Add(10 * time.Second))
	io.WriteString(c, "prompt i\n")
	out, err := io.ReadAll(c)
	if string(out) != "\n" || err != nil {
		t.Errorf("%q %v", out, err)
	}
	if a, b := <-events, <-events; a != "opened" || b != "closed" || s.Total() != 1 {
		t.Errorf("events %s %s, total %d", a, b, s.Total())
	}
}

// A reader that takes nothing holds up its own goroutine within a bounded
// buffer, and is given up after the idle time.
func TestSlowReader(t *testing.T) {
	wrote := make(chan int, 1)
	path := serve(t, &Server{Idle: 100 * time.Millisecond, Host: wrote}, Socket{})
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "flood\n")
	if got := ask(t, path, "show version\n"); got != "3.2.0\n\n" {
		t.Errorf("another connection meanwhile: %q", got)
	}
	if n := <-wrote; n > 2000 { // kilobytes: the socket's buffers and ours
		t.Errorf("%d kilobytes went to a reader that takes none", n)
	}
}

// A panic in a command costs its connection alone; Close ends one that hangs.
func TestPanicAndClose(t *testing.T) {
	warned := make(chan string, 1)
	s := &Server{Warn: func(m string) { warned <- m }}
	path := serve(t, s, Socket{})
	if got := ask(t, path, "panic;show version\n"); got != "" {
		t.Errorf("after a panic %q", got)
	}
	if m := <-warned; !strings.Contains(m, "broken") {
		t.Errorf("warned %q", m)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "show version;hang\n") // its answer is only sent at the end: wait by another
	if got := ask(t, path, "show version\n"); got != "3.2.0\n\n" {
		t.Error(got)
	}
	s.Close() // returns only when the goroutine has ended
}

// As many connections as MaxConn are served at once over all sockets; the next
// one waits.
func TestMaxConn(t *testing.T) {
	events := make(chan string, 10)
	s := &Server{MaxConn: 1, Commands: NewCommands(testSet(), OfWorker),
		Opened: func() { events <- "opened" }, Closed: func() { events <- "closed" }}
	a, b := serve(t, s, Socket{}), serve(t, s, Socket{})
	c, err := net.Dial("unix", a)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "prompt\n")
	r := bufio.NewReader(c)
	if l, err := r.ReadString('\n'); l != "\n" || err != nil {
		t.Fatal(l, err)
	}
	second, err := net.Dial("unix", b)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	io.WriteString(second, "show version\n")
	c.Close()
	if got, err := io.ReadAll(second); string(got) != "3.2.0\n\n" || err != nil {
		t.Error(string(got), err)
	}
	for _, want := range []string{"opened", "closed", "opened", "closed"} {
		if got := <-events; got != want {
			t.Fatalf("%s, want %s: two were served at once", got, want)
		}
	}
}

func TestListen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	k := Socket{Network: "unix", Address: path, Mode: 0o600, UID: -1, GID: -1}
	for range 2 { // the second takes the path over from the first
		l, err := Listen(k)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	k.Address = filepath.Join(dir, "none", "s")
	if _, err := Listen(k); err == nil || err.Error() != "cannot bind UNIX socket (No such file or directory) ["+k.Address+"]" {
		t.Error(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	f, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, bad := range []Socket{{Network: "fd", Address: "x"}, {Network: "fd", Address: "987654"}, {Network: "udp"}} {
		if l, err := Listen(bad); err == nil {
			l.Close()
			t.Errorf("%v was opened", bad)
		}
	}
	for want, k := range map[string]Socket{
		"unix@/a": {Network: "unix", Address: "/a"}, "ipv4@127.0.0.1:9": {Network: "tcp", Address: "127.0.0.1:9"},
		"ipv6@[::1]:9": {Network: "tcp", Address: "[::1]:9"}, "fd@7": {Network: "fd", Address: "7"},
	} {
		if k.String() != want {
			t.Errorf("%s, want %s", k, want)
		}
	}
}

// Each row's examples are answered without an error.
func TestExamples(t *testing.T) {
	set := keyword.NewSet()
	Register(set)
	path := serve(t, &Server{Commands: NewCommands(set, OfWorker)}, Socket{Level: Admin})
	for _, r := range set.Rows(keyword.Command) {
		for _, e := range r.Good {
			if got := ask(t, path, "set severity-output number;"+e.Config+"\n"); strings.Contains(got, "[3]") || strings.Contains(got, "Unknown") {
				t.Errorf("%q: %q", e.Config, got)
			}
		}
		for _, bad := range r.Bad {
			if got := ask(t, path, "set severity-output number;"+bad+"\n"); !strings.Contains(got, "[3]") {
				t.Errorf("%q is not refused: %q", bad, got)
			}
		}
	}
}

// Whatever comes, in whatever pieces, the same lines are found, and no command
// has more than what was sent.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"a;b\n", "a\\\nb\nc\n", "x <<\na\n\ny\n", "x <<T\n\nT\nz\n", "\\", ";\\;\x00\r\n", "a <<\r\n\n\n"} {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		all := collect(t, data, len(data)+1)
		parts := collect(t, data, max(1, min(piece, len(data)+1)))
		if !slices.Equal(all, parts) {
			t.Fatalf("whole %q, in pieces of %d %q", all, piece, parts)
		}
	})
}

func collect(t *testing.T, data []byte, piece int) (all []string) {
	in := input{limit: 1 << 20}
	for len(data) > 0 {
		n := min(piece, len(data))
		in.feed(data[:n])
		data = data[n:]
		for {
			line, payload, ok, err := in.next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			size := 0
			for _, words := range split(line) {
				for _, w := range words {
					size += len(w)
					if w == "" {
						t.Fatalf("an empty word in %q", line)
					}
				}
				all = append(all, strings.Join(words, "\x1f"))
			}
			if size > len(line) {
				t.Fatalf("%d bytes of words from %d of line", size, len(line))
			}
			all = append(all, "payload "+payload)
		}
	}
	return all
}
