//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// This file has the words that limit what servers get, and retries.

// limitServerRows are the server options.
func limitServerRows() []keyword.Row {
	count := func(name, summary string, set func(*proxy.Server, int)) keyword.Row {
		return keyword.Row{Class: keyword.Server, Name: name, Args: "<number>", Summary: summary,
			Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 maxconn 20 " + name + " 10"}},
			Bad:  []string{"server s1 127.0.0.1:80 " + name, "server s1 127.0.0.1:80 " + name + " x"},
			Impl: ServerFunc(func(_ *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
				if len(w) < 2 {
					return 0, fmt.Errorf("'%s' expects an integer argument", name)
				}
				n, err := strconv.ParseInt(w[1], 10, 32)
				if err != nil || n < 0 { // the reference takes it for a zero
					return 0, fmt.Errorf("'%s' expects a number of requests (got '%s')", name, w[1])
				}
				set(to.srv, int(n))
				return 2, nil
			})}
	}
	return []keyword.Row{
		count("maxconn", "most requests at a time, others wait", func(s *proxy.Server, n int) { s.Maxconn.Store(int64(n)) }),
		count("minconn", "what maxconn is while the backend is idle", func(s *proxy.Server, n int) { s.Minconn = n }),
		count("maxqueue", "most requests that wait for this server", func(s *proxy.Server, n int) { s.Maxqueue = n }),
		{Class: keyword.Server, Name: "redir", Args: "<prefix>", Summary: "what clients are sent to for GET and HEAD, before the path",
			Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 redir http://img.example.com"}}, Bad: []string{"server s1 127.0.0.1:80 redir"},
			Impl: ServerFunc(func(_ *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
				if len(w) < 2 {
					return 0, fmt.Errorf("'redir' expects <prefix> as argument.")
				}
				to.srv.Redir = []byte(w[1])
				return 2, nil
			})},
		{Class: keyword.Server, Name: "strict-maxconn", Summary: "counts connections against maxconn, idle ones too",
			Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 maxconn 20 strict-maxconn"}},
			Impl: ServerFunc(func(_ *Builder, _ *config.Statement, to *serverLine, _ []string) (int, error) {
				to.srv.Strict = true
				return 1, nil
			})},
	}
}

// settleLimits settles what depends on several of them. Reference: minconn alone,
// or one above maxconn, is maxconn.
func (l *serverLine) settleLimits() {
	if low := int64(l.srv.Minconn); low > l.srv.Maxconn.Load() {
		l.srv.Maxconn.Store(low)
	}
}

// limitProxyRows are the proxy keywords.
func limitProxyRows() []keyword.Row {
	return []keyword.Row{
		proxyRow("max-session-srv-conns", keyword.InFrontends, "<number>", "most idle server connections that a client's session keeps for itself",
			"max-session-srv-conns 5", sessionConnsKeyword, "max-session-srv-conns"),
		proxyRow("max-keep-alive-queue", keyword.InBackends, "<number>", "most requests that wait for the server that their client had last, -1 for no limit",
			"max-keep-alive-queue 10", keepQueueKeyword, "max-keep-alive-queue", "max-keep-alive-queue x"),
		proxyRow("retry-on", keyword.InBackends, "<event>…", "which failures are tried again", "retry-on conn-failure 503", retryOnKeyword, "retry-on", "retry-on none 503", "retry-on 999"),
	}
}

func keepQueueKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind != "defaults" && !s.p.IsBackend {
		b.Warnf(st, "max-keep-alive-queue will be ignored because %s '%s' has no backend capability", s.noun(), s.name)
		return
	}
	text := st.Word(1)
	if text == "" {
		b.Alertf(st, "'max-keep-alive-queue' expects expects an integer value (or -1 to disable)")
		return
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		b.Alertf(st, "'max-keep-alive-queue' : unexpected character '%.1s' in integer value '%s'", strings.TrimLeft(text, "-0123456789"), text)
		return
	}
	if !b.tooMany(st, 2) {
		s.keepQueue = n
	}
}

func sessionConnsKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind != "defaults" && !s.p.IsFrontend {
		b.needs(s, st, "max-session-srv-conns", true, false)
	}
	text := st.Word(1)
	if text == "" {
		b.Alertf(st, "'max-session-srv-conns' expects a number. Got no argument")
		return
	}
	n, err := strconv.ParseInt(text, 10, 31)
	if err != nil || n < 0 {
		b.Alertf(st, "'max-session-srv-conns' expects a number (got '%s')", text)
		return
	}
	if !b.tooMany(st, 2) {
		s.sessConns = int(n)
	}
}

// retryWords are the events of retry-on.
var retryWords = []struct {
	name, summary string
	set           proxy.RetryOn
}{
	{"none", "nothing", 0},
	{"conn-failure", "no connection was made", proxy.RetryConn},
	{"empty-response", "the server closed without an answer", proxy.RetryEmpty},
	{"junk-response", "the answer cannot be understood", proxy.RetryJunk},
	{"response-timeout", "no answer within timeout server", proxy.RetryTimeout},
	{"0rtt-rejected", "early data was refused", proxy.RetryEarly},
	{"all-retryable-errors", "every failure that may be tried again", proxy.RetryAll},
	{"401", "", proxy.Retry401}, {"403", "", proxy.Retry403}, {"404", "", proxy.Retry404},
	{"408", "", proxy.Retry408}, {"421", "", proxy.Retry421}, {"425", "", proxy.Retry425}, {"429", "", proxy.Retry429},
	{"500", "", proxy.Retry500}, {"501", "", proxy.Retry501}, {"502", "", proxy.Retry502},
	{"503", "", proxy.Retry503}, {"504", "", proxy.Retry504},
}

// retryOnRows are the events, a row each.
func retryOnRows() []keyword.Row {
	var rows []keyword.Row
	for _, w := range retryWords {
		summary := w.summary
		if summary == "" {
			summary = "the server answered " + w.name
		}
		rows = append(rows, keyword.Row{Class: keyword.RetryOn, Name: w.name, Summary: summary,
			Good: []keyword.Example{{Config: "retry-on " + w.name}}, Impl: w.set})
	}
	return rows
}

// retryOnKeyword reads retry-on, which replaces what was said before.
func retryOnKeyword(b *Builder, s *section, st *config.Statement) {
	if !b.needs(s, st, "retry-on", false, true) {
		return
	}
	words := st.Words[1:]
	if len(words) == 0 {
		b.Alertf(st, "'retry-on' needs at least one keyword to specify when to retry")
		return
	}
	if len(words) > 1 && slices.Contains(words, "none") {
		b.Alertf(st, "'retry-on' 'none' keyword only usable alone")
		return
	}
	on := proxy.RetryOn(0)
	for _, w := range words {
		row := b.Set.Lookup(keyword.RetryOn, w)
		if row == nil {
			if _, ok := keyword.Known(keyword.RetryOn, w); ok {
				b.Alertf(st, "%s.", keyword.Refusal("'retry-on "+w+"'"))
				return
			}
			b.Alertf(st, "'retry-on': unknown keyword '%s'", w)
			return
		}
		on |= row.Impl.(proxy.RetryOn)
	}
	s.retryOn = on
}

// globalLimitRows are the global words.
func globalLimitRows() []keyword.Row {
	row := globalRow
	ratio := func(name, summary string, set func(*proxy.IdleRules, int)) keyword.Row {
		return row(name, "<percent>", summary, name+" 30", func(b *Builder, st *config.Statement) {
			n, err := strconv.Atoi(st.Word(1))
			if err != nil || n < 0 || n > 100 || strings.HasPrefix(st.Word(1), "+") {
				b.Alertf(st, "'%s' expects an integer argument between 0 and 100.", name)
				return
			}
			if !b.tooMany(st, 2) {
				set(&b.Global.Idle, n)
			}
		}, name, name+" 101", name+" x")
	}
	return []keyword.Row{
		row("tune.idle-pool.shared", "on|off", "lets loops use each other's idle server connections", "tune.idle-pool.shared off",
			func(b *Builder, st *config.Statement) {
				w := st.Word(1)
				if w != "on" && w != "off" {
					b.Alertf(st, "'tune.idle-pool.shared' expects either 'on' or 'off' but got '%s'.", w)
				} else if !b.tooMany(st, 2) {
					b.Global.Idle.Apart = w == "off"
				}
			}, "tune.idle-pool.shared x"),
		ratio("tune.pool-low-fd-ratio", "share of the descriptors in use from which on a loop keeps one idle connection to a server at the most",
			func(r *proxy.IdleRules, n int) { r.LowRatio = n }),
		ratio("tune.pool-high-fd-ratio", "share of the descriptors in use from which on none is kept, and a fresh one costs one",
			func(r *proxy.IdleRules, n int) { r.HighRatio = n }),
	}
}
