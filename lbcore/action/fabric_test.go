package action

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"gohap/lbcore/acl"
	"gohap/lbcore/clock"
	"gohap/lbcore/fetch"
	"gohap/lbcore/h1"
	"gohap/lbcore/keyword"
	"gohap/lbcore/loop"
	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
	"gohap/resolvers"
	"gohap/stick"
)

// fabric is a stream without a connection on a loop that does not run.
type fabric struct {
	set     *keyword.Set
	fe      *proxy.Proxy
	worker  *stream.Worker
	session *stream.Session
	clock   *clock.Fake
	table   *proxy.Table // of all rules
	section *resolvers.Section
}

func testSet() *keyword.Set {
	set := keyword.NewSet()
	sample.Register(set)
	acl.Register(set)
	fetch.Register(set)
	Register(set)
	set.Add(keyword.Row{Class: keyword.Service, Name: "prometheus-exporter", Summary: "for the tests", Good: []keyword.Example{{Config: "x"}}, Impl: silent{}})
	return set
}

// silent is a service that says nothing.
type silent struct{}

func (silent) Serve(*stream.Stream) rule.Verdict { return rule.Close }

func newFabric(t testing.TB) *fabric {
	t.Helper()
	f := &fabric{set: testSet(), clock: clock.NewFake(time.Unix(1700007200, 0))}
	f.fe = &proxy.Proxy{Name: "fe", IsFrontend: true, IsBackend: true, Mode: proxy.HTTP, FE: proxy.NewCounters(1)}
	proc := &proxy.Process{Totals: proxy.NewCounters(1), Facts: &sample.Process{ProcVars: sample.NewProcVars()}}
	l := loop.New(0, nil, f.clock, 16384, nil)
	f.worker = stream.NewWorker(l, proc, proxy.Limits{LogURILen: 1024, BufSize: 16384, MaxRewrite: 1024, StickCounters: 3})
	f.worker.Limits.ErrCodes, f.worker.Limits.FailCodes = proxy.StandardCodes()
	f.session = &stream.Session{FE: f.fe, AcceptedAt: l.Now(), Requests: 1}
	f.session.On(&proxy.Bind{Proxy: f.fe})
	f.session.SetSource(netip.MustParseAddrPort("127.0.0.1:33333"))
	table, err := stick.New(stick.Config{Name: "t", Key: stick.KeyIPv4, Size: 10, Store: []stick.Stored{
		{Data: stick.GPC0, N: 1}, {Data: stick.GPC0Rate, N: 1, Period: 10000}, {Data: stick.GPC1, N: 1}, {Data: stick.GPT0, N: 1}, {Data: stick.ConnCnt, N: 1}, {Data: stick.ConnCur, N: 1}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.table = &proxy.Table{Table: table}
	f.session.SetDestination(netip.MustParseAddrPort("127.1.0.1:8080"))
	return f
}

// HTTPErrors, ReadFile, MaxReply and NeedCapture implement rule.Host.
func (f *fabric) HTTPErrors(name string) rule.Pages {
	if name == "mine" {
		return rule.Pages{404: {Status: 404, Body: []byte("mine")}}
	}
	return nil
}

func (f *fabric) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }
func (f *fabric) MaxReply() int                        { return 15360 }

func (f *fabric) NeedCapture(_ bool, n int) int {
	f.fe.ReqCaptures = append(f.fe.ReqCaptures, proxy.Capture{Len: n})
	return len(f.fe.ReqCaptures) - 1
}

// StickCounters and NeedTable implement rule.Host.
func (f *fabric) StickCounters() int { return 3 }

func (f *fabric) NeedResolvers(_, _ string, use func(any)) { use(f.section) }

func (f *fabric) NeedTable(_ *rule.Args, _, _ string, _ bool, to rule.TableUser) {
	to.UseTable(f.table)
}

// parse reads the words of a rule behind its set's keyword.
func (f *fabric) parse(class keyword.Class, words []string, warn func(string)) (rule.Rule, error) {
	row := f.set.Lookup(class, words[0])
	if row == nil {
		word, _, _ := strings.Cut(words[0], "(")
		if strings.HasPrefix(word, "track-sc") {
			word = "track-sc"
		}
		if row = f.set.Lookup(class, word); row == nil || !row.Prefix {
			return rule.Rule{}, fmt.Errorf("no action %s", words[0])
		}
	}
	place := sample.FrontendRequestHeader | sample.BackendRequestHeader
	if isResponse(class) {
		place = sample.FrontendResponseHeader | sample.BackendResponseHeader
	}
	a := &rule.Args{Set: f.set, Class: class, Name: words[0], Words: words[1:], HTTP: true, Host: f,
		Options: sample.Options{Place: place, Proxy: "fe", Refs: func(sample.Ref) {}},
		Warn:    func(format string, args ...any) { warn(fmt.Sprintf(format, args...)) }}
	act, err := row.Impl.(rule.ParseFunc)(a)
	if err != nil {
		return rule.Rule{}, err
	}
	r := rule.Rule{Action: act, Word: words[0], Line: 1, File: "cfg"}
	if rest := a.Words[a.At:]; len(rest) > 0 {
		if rest[0] != "if" && rest[0] != "unless" {
			return r, fmt.Errorf("expects either 'if' or 'unless' followed by a condition but found '%s'", rest[0])
		}
		r.Cond, err = acl.ParseCond(acl.NewScope(f.set), rest, a.Options)
	}
	return r, err
}

// stream begins an exchange with a request.
func (f *fabric) stream(t testing.TB, request string) *stream.Stream {
	s := new(stream.Stream)
	s.Attach(f.worker, f.session, parseHead(t, request))
	return s
}

func parseHead(t testing.TB, text string) *message.Head {
	t.Helper()
	var d h1.Decoder
	h := new(message.Head)
	raw := []byte(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n\r\n")
	st := h1.Done
	if strings.HasPrefix(text, "HTTP/") {
		_, st = d.Response(raw, h, &h1.Options{}, &h1.RequestInfo{})
	} else {
		_, st = d.Request(raw, h, &h1.Options{})
	}
	if st != h1.Done {
		t.Fatalf("%q: %v", text, d.Failure())
	}
	return h
}

// print writes a head as examples write it.
func print(h *message.Head) string {
	var b bytes.Buffer
	if h.Response {
		fmt.Fprintf(&b, "HTTP/%d.%d %d %s", h.Major, h.Minor, h.Status, h.Reason)
	} else {
		fmt.Fprintf(&b, "%s %s HTTP/%d.%d", h.MethodText, h.Target, h.Major, h.Minor)
	}
	for _, f := range h.Fields {
		if f.Flags&message.FieldDeleted == 0 {
			fmt.Fprintf(&b, "\n%s: %s", f.Name, f.Value)
		}
	}
	return b.String()
}
