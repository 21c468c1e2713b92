package stats

import "gohap/lbcore/proxy"

// walker visits the lines of the statistics one after the other: of each proxy its
// frontend, listeners, servers and backend. Between two lines any time may pass:
// servers that come or go meanwhile are seen or not, and no proxy's list changes
// while it is walked.
type walker struct {
	proxies []*proxy.Proxy
	only    byte // the kind of object that is visited, 0 for all
	at      int  // of proxies
	stage   byte
	i       int
	servers []*proxy.Server
	binds   []*proxy.Bind
}

// next fills o with the next line of the proxy at hand; false when it has no more.
func (w *walker) next(o *object) bool {
	p := w.proxies[w.at]
	for {
		switch w.stage {
		case 0:
			w.stage, w.i = 'L', 0
			w.servers, w.binds = nil, nil
			if p.IsFrontend && p.Has(proxy.OptSocketStats) && w.wants('L') {
				w.binds = p.Binds
			}
			if !p.IsFrontend || !w.wants('F') {
				continue
			}
			*o = object{kind: 'F', p: p}
		case 'L':
			if w.i == len(w.binds) {
				w.stage, w.i = 'S', 0
				if p.IsBackend && w.wants('S') {
					w.servers = p.Set().All
				}
				continue
			}
			*o = object{kind: 'L', p: p, b: w.binds[w.i]}
			w.i++
		case 'S':
			if w.i == len(w.servers) {
				w.stage = 'B'
				continue
			}
			s := w.servers[w.i]
			*o = object{kind: 'S', p: p, s: s, health: s.Health()}
			w.i++
		case 'B':
			w.stage = 'E'
			if !p.IsBackend || !w.wants('B') {
				continue
			}
			*o = object{kind: 'B', p: p}
		default:
			return false
		}
		return true
	}
}

func (w *walker) wants(kind byte) bool { return w.only == 0 || w.only == kind }

// proxy goes to the next proxy that is shown; nil behind the last.
func (w *walker) proxy(shown func(*proxy.Proxy) bool) *proxy.Proxy {
	if w.stage != 0 {
		w.at++
		w.stage = 0
	}
	for ; w.at < len(w.proxies); w.at++ {
		if shown(w.proxies[w.at]) {
			return w.proxies[w.at]
		}
	}
	return nil
}
