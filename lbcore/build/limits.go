//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"fmt"
	"strconv"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// This file has the words that limit what servers get.

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
	}
}

// settleLimits settles what depends on several of them. Reference: minconn alone,
// or one above maxconn, is maxconn.
func (l *serverLine) settleLimits() {
	if low := int64(l.srv.Minconn); low > l.srv.Maxconn.Load() {
		l.srv.Maxconn.Store(low)
	}
}
