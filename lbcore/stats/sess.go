package stats

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gohap/lbcore/cli"
	"gohap/lbcore/loop"
)

const sessHelp = `Usage: show sess [<id> | all | help] [<options>*]
Dumps active streams (formerly called 'sessions'). Available selectors:
   <id>         dump only this stream identifier (0x...)
   all          dump all matching streams in large format
   help         show this message
Available options: 
   show-uri     also display the transaction URI, if available
   older <age>  only display streams older than <age> seconds
   server <b/s> only show streams attached to this backend+server
   backend <b>  only show streams attached to this backend
   frontend <f> only show streams attached to this frontend
Without any argument, all streams are dumped in a shorter format.`

// refusal is an answer in the reference's words.
type refusal string

func (r refusal) Error() string { return string(r) }

// sessQuery is what "show sess" was asked for.
type sessQuery struct {
	id                        uint64 // one stream, 0 for all
	long, uri, help           bool
	older                     time.Duration
	frontend, backend, server string
}

func showSess(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	q, err := in.sessQuery(r.Args)
	switch {
	case err != nil:
		r.Fail("%s", err)
		return
	case q.help:
		r.Fail("%s", sessHelp) // reference: an error
		return
	}
	n := in.commandSessions(r, &q)
	in.eachStream(r, &q, func(text []byte, lines int) bool {
		n += lines
		_, err := r.Write(text)
		return err == nil
	})
	if q.id != 0 && n == 0 {
		r.WriteString("Session not found.\n") // reference: without a severity
	}
}

// sessQuery reads the arguments.
func (in *Instance) sessQuery(args []string) (q sessQuery, err error) {
	if len(args) > 0 {
		switch {
		case args[0] == "help":
			q.help = true
			return q, nil
		case args[0] == "all":
			q.long, args = true, args[1:]
		case strings.HasPrefix(args[0], "0x"):
			if q.id, err = strconv.ParseUint(args[0][2:], 16, 64); err == nil {
				q.long, args = true, args[1:]
			}
		}
	}
	for err = nil; len(args) > 0 && err == nil; {
		word, value := args[0], ""
		args = args[1:]
		if len(args) > 0 {
			value = args[0]
		}
		switch word {
		case "show-uri":
			q.uri = true
			continue
		case "older":
			q.older, err = age(value)
		case "server":
			err = in.selectServer(&q, value)
		case "backend":
			q.backend, err = value, in.exists(value, "backend")
		case "frontend":
			q.frontend, err = value, in.exists(value, "frontend")
		default:
			return q, refusal(fmt.Sprintf("Unsupported option '%s', try 'help' for more info.", word))
		}
		if err == nil {
			args = args[1:]
		}
	}
	return q, err
}

// commandSessions writes the connections of the command sockets, the one that
// asks among them: streams of a frontend GLOBAL without a backend. Reference:
// they stand where they began, among the others; here first, as they are on no
// loop.
func (in *Instance) commandSessions(r *cli.Request, q *sessQuery) int {
	n := 0
	for _, x := range r.Sessions() {
		s := commandStream(&x)
		s.Accepted = in.clock().Wall().Add(-x.Age)
		if !q.takes(&s) {
			continue
		}
		n++
		var text bytes.Buffer
		if q.long {
			s.long(&text, q.uri)
		} else {
			s.short(&text, q.uri)
		}
		if _, err := r.Write(text.Bytes()); err != nil {
			break
		}
	}
	return n
}

// commandStream describes a connection of a command socket.
func commandStream(x *cli.Session) StreamInfo {
	id := x.Socket.Order + 1
	s := StreamInfo{
		Ptr: x.ID, Proto: "unix_stream", Source: x.Source, Age: x.Age, Calls: 1, Expire: x.Idle, RetryExpire: Never,
		Frontend: "GLOBAL", FrontendMode: "tcp", ListenerID: id, ListenerAddr: "unix:" + strconv.Itoa(id),
		Request: Channel{Expire: Never}, Response: Channel{Expire: Never},
		Client:   Endpoint{State: SideEstablished, FD: x.FD, ReadExp: x.Idle, WriteExp: Never, Timeout: x.Idle, Mux: "PASS"},
		Upstream: Endpoint{State: SideEstablished, Flags: 1, FD: -1, ReadExp: Never, WriteExp: Never, Applet: "CLI"},
	}
	if x.Source.IsValid() {
		s.Proto, s.ListenerAddr = "tcpv4", x.Socket.Address
		if x.Source.Addr().Is6() {
			s.Proto = "tcpv6"
		}
	}
	return s
}

// age reads a time, in seconds without a unit.
func age(word string) (time.Duration, error) {
	if word == "" {
		return 0, refusal("Expects a minimum age (in seconds by default).")
	}
	if n, err := strconv.Atoi(word); err == nil && n >= 0 {
		return time.Duration(n) * time.Second, nil
	}
	if days, ok := strings.CutSuffix(word, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(word)
	if err != nil || d < 0 || strings.ContainsAny(word, ".+") {
		return 0, refusal("Invalid age.")
	}
	return d, nil
}

// exists checks the name of a frontend or backend.
func (in *Instance) exists(name, kind string) error {
	if name == "" {
		return refusal(fmt.Sprintf("Missing %s name.", kind))
	}
	for _, p := range in.Proxies {
		if p.Name == name && (kind == "backend" && p.IsBackend || kind == "frontend" && p.IsFrontend) {
			return nil
		}
	}
	return refusal(fmt.Sprintf("No such %s.", kind))
}

func (in *Instance) selectServer(q *sessQuery, word string) error {
	be, srv, ok := strings.Cut(word, "/")
	switch {
	case word == "":
		return refusal("Missing server name (<backend>/<server>).")
	case !ok:
		return refusal("Require 'backend/server'.")
	}
	if err := in.exists(be, "backend"); err != nil {
		return refusal("No such backend.")
	}
	for _, p := range in.Proxies {
		if p.IsBackend && p.Name == be && p.Server(srv) != nil {
			q.backend, q.server = be, srv
			return nil
		}
	}
	return refusal("No such server.")
}

// takes tells whether the query wants a stream.
func (q *sessQuery) takes(s *StreamInfo) bool {
	return (q.id == 0 || q.id == s.Ptr) && s.Age >= q.older &&
		(q.frontend == "" || q.frontend == s.Frontend) &&
		(q.backend == "" || q.backend == s.Backend) &&
		(q.server == "" || q.server == s.Server)
}

// One batch of a walk: so many bytes leave the loop at a time, and so many
// streams are looked at before the loop may do other work.
const (
	batchBytes = 64 << 10
	sliceLen   = 16
)

// eachStream walks the streams of all loops, one loop after the other, and
// gives batches of text to write, on the caller's goroutine, until it returns
// false. A batch is only made once the one before was written: a slow reader
// holds up the walk, not a loop.
func (in *Instance) eachStream(r *cli.Request, q *sessQuery, write func(text []byte, lines int) bool) {
	if in.Streams == nil || in.Group == nil {
		return
	}
	for _, l := range in.Group.Loops {
		w := &walk{in: in, loop: l, q: q, done: make(chan struct{}, 1)}
		for more := true; more; more = !w.end {
			w.text.Reset()
			w.lines = 0
			if !l.PostSliced(w.step) {
				break
			}
			select {
			case <-w.done:
			case <-r.Context().Done():
				return // the loop keeps w until its step has run
			}
			if w.text.Len() > 0 && !write(w.text.Bytes(), w.lines) {
				return
			}
		}
	}
}

// walk is the state of a walk over one loop. It is handed to the loop and back
// with every batch.
type walk struct {
	in    *Instance
	loop  *loop.Loop
	q     *sessQuery
	at    any
	info  StreamInfo
	text  bytes.Buffer
	lines int
	end   bool
	done  chan struct{}
}

// step looks at some streams; on the loop.
func (w *walk) step() (more bool) {
	seen := 0
	w.at = w.in.Streams(w.loop, w.at, &w.info, func() bool {
		if w.q.takes(&w.info) {
			w.lines++
			if w.q.long {
				w.info.long(&w.text, w.q.uri)
			} else {
				w.info.short(&w.text, w.q.uri)
			}
		}
		seen++
		return seen < sliceLen && w.text.Len() < batchBytes
	})
	w.end = w.at == nil
	if w.end || w.text.Len() >= batchBytes {
		w.done <- struct{}{}
		return false
	}
	return true
}

// source is where the client comes from.
func (s *StreamInfo) source() string {
	if s.Source.IsValid() {
		return s.Source.String()
	}
	return "unix:" + strconv.Itoa(s.ListenerID)
}

// brief is a time in the short form, empty for none.
func brief(d time.Duration) string {
	if d < 0 {
		return ""
	}
	n := int64(d / time.Second)
	two := func(a int64, au string, b int64, bu string) string {
		if b == 0 {
			return fmt.Sprintf("%d%s", a, au)
		}
		return fmt.Sprintf("%d%s%d%s", a, au, b, bu)
	}
	switch {
	case n < 60:
		return fmt.Sprintf("%ds", n)
	case n < 3600:
		return two(n/60, "m", n%60, "s")
	case n < 86400:
		return two(n/3600, "h", n/60%60, "m")
	}
	return two(n/86400, "d", n/3600%24, "h")
}

// until is a time in the long form.
func until(d time.Duration) string {
	if d < 0 {
		return "<NEVER>"
	}
	return brief(d)
}

// short writes the stream as one line. What has no counterpart here (the
// task's state, its share of the processor) is zero, so that positions stay.
func (s *StreamInfo) short(b *bytes.Buffer, uri bool) {
	fmt.Fprintf(b, "0x%x: proto=%s src=%s fe=%s be=%s srv=%s ts=00 epoch=0 age=%s calls=%d rate=0 cpu=0 lat=0",
		s.Ptr, s.Proto, s.source(), s.Frontend, orElse(s.Backend, "<NONE>"), orElse(s.Server, "<none>"), brief(s.Age), s.Calls)
	s.Request.short(b, "rq")
	s.Response.short(b, "rp")
	s.Client.short(b, "scf")
	s.Upstream.short(b, "scb")
	fmt.Fprintf(b, " exp=%s rc=%d c_exp=%s", brief(s.Expire), s.Retries, brief(s.RetryExpire))
	s.uri(b, uri)
	b.WriteByte('\n')
}

func (s *StreamInfo) uri(b *bytes.Buffer, wanted bool) {
	if wanted && s.HTTP && s.URI != "" {
		fmt.Fprintf(b, ` uri="%s %s HTTP/1.1"`, s.Method, s.URI)
	}
}

func (c *Channel) short(b *bytes.Buffer, name string) {
	fmt.Fprintf(b, " %s[f=%06xh,i=%d,an=%02xh,ax=%s]", name, c.Flags, c.Input, c.Analysers, brief(c.Expire))
}

func (e *Endpoint) short(b *bytes.Buffer, name string) {
	fmt.Fprintf(b, " %s=[%d,%xh,fd=%d,rex=%s,wex=%s]", name, e.State, e.Flags, e.FD, brief(e.ReadExp), brief(e.WriteExp))
}

// long writes the stream over several lines, the first with its identifier, the
// others indented: what the reference's form has counterparts for here.
func (s *StreamInfo) long(b *bytes.Buffer, uri bool) {
	fmt.Fprintf(b, "0x%x: [%s] id=%d proto=%s source=%s\n", s.Ptr, s.Accepted.Format("02/Jan/2006:15:04:05.000000"), s.ID, s.Proto, s.source())
	waiting := 0
	if s.Queued {
		waiting = 1
	}
	fmt.Fprintf(b, "  flags=0x%x, conn_retries=%d, conn_exp=%s waiting=%d\n", s.Flags, s.Retries, until(s.RetryExpire), waiting)
	fmt.Fprintf(b, "  frontend=%s (id=%d mode=%s), listener=%s (id=%d) addr=%s\n", s.Frontend, s.FrontendID, s.FrontendMode,
		orElse(s.Listener, "?"), s.ListenerID, s.ListenerAddr)
	if s.Backend == "" {
		b.WriteString("  backend=<NONE> (id=-1 mode=-)\n  server=<NONE> (id=-1)\n")
	} else {
		fmt.Fprintf(b, "  backend=%s (id=%d mode=%s)\n", s.Backend, s.BackendID, s.BackendMode)
		fmt.Fprintf(b, "  server=%s (id=%d)\n", orElse(s.Server, "<none>"), s.ServerID)
	}
	fmt.Fprintf(b, "  task=0x%x (calls=%d exp=%s tid=%d age=%s)\n", s.Ptr, s.Calls, until(s.Expire), s.Loop, brief(s.Age))
	if s.HTTP {
		fmt.Fprintf(b, "  txn=0x%x meth=%s status=%d req.st=%s rsp.st=%s", s.Ptr, s.Method, s.Status, s.ReqState, s.RspState)
		s.uri(b, uri)
		b.WriteByte('\n')
	}
	s.Client.long(b, "scf")
	s.Upstream.long(b, "scb")
	s.Request.long(b, "req")
	s.Response.long(b, "res")
}

func (e *Endpoint) long(b *bytes.Buffer, name string) {
	kind := "NONE"
	switch {
	case e.Applet != "":
		kind = "APPCTX"
	case e.Mux != "":
		kind = "CONN"
	}
	fmt.Fprintf(b, "  %s flags=0x%08x ioto=%s state=%s endp=%s rex=%s wex=%s\n", name, e.Flags, brief(max(0, e.Timeout)), e.State, kind, until(e.ReadExp), until(e.WriteExp))
	switch kind {
	case "CONN":
		fmt.Fprintf(b, "      co ctrl xprt=%s mux=%s fd=%d\n", orElse(e.Xprt, "RAW"), e.Mux, e.FD)
	case "APPCTX":
		fmt.Fprintf(b, "      app applet=<%s>\n", e.Applet)
	}
}

func (c *Channel) long(b *bytes.Buffer, name string) {
	fmt.Fprintf(b, "  %s (f=0x%06x an=0x%x tofwd=%d total=%d)\n", name, c.Flags, c.Analysers, c.ToForward, c.Total)
	fmt.Fprintf(b, "      an_exp=%s o=%d i=%d size=%d\n", until(c.Expire), c.Output, c.Input, c.Size)
}
