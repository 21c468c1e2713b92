package stats

import (
	"strconv"
	"strings"

	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/stream"
)

// This file serves the statistics pages. A request says behind the page's prefix
// what it wants, anywhere and in any order (reference):
//
//	;csv ;typed ;json ;json-schema   another form than HTML
//	;up ;no-maint                    without servers that are down, or in maintenance
//	;norefresh                       without the header that has browsers come again
//	;st=CODE                         with the outcome of an action
//	scope=TEXT                       only proxies whose name contains it

// page is one answer.
type page struct {
	*Instance
	s     *stream.Stream
	own   *proxy.Proxy
	conf  *proxy.StatsPage
	want  wanted
	admin bool // the client may change servers

	pieces pieces
	dump   *dump
	facts  *facts
	stage  pageStage
	list   *proxy.Proxy // the proxy whose table is being written
}

// wanted is what a request asks for.
type wanted struct {
	form                   string // "html", "csv", "typed", "json", "json-schema"
	up, noMaint, norefresh bool
	st                     string // outcome of an action, "" without one
	scope                  string
}

// scopeLen is how long a scope may be; more is cut off (reference).
const scopeLen = 20

// parseWanted reads what stands behind the prefix of the page.
func parseWanted(rest string) wanted {
	w := wanted{form: "html"}
	for _, form := range []string{"json-schema", "json", "typed", "csv"} {
		if strings.Contains(rest, ";"+form) {
			w.form = form
			break
		}
	}
	w.up = strings.Contains(rest, ";up")
	w.noMaint = strings.Contains(rest, ";no-maint")
	w.norefresh = strings.Contains(rest, ";norefresh")
	if i := strings.Index(rest, ";st="); i >= 0 && len(rest) >= i+8 {
		if w.st = rest[i+4 : i+8]; messages[w.st].class == "" {
			w.st = "UNKN"
		}
	}
	if i := strings.Index(rest, "scope="); i >= 0 {
		text := rest[i+len("scope="):]
		if end := strings.IndexAny(text, "&;"); end >= 0 {
			text = text[:end]
		}
		text = text[:min(len(text), scopeLen)]
		if strings.IndexFunc(text, notOfName) < 0 { // reference: else there is none
			w.scope = text
		}
	}
	return w
}

// notOfName tells whether a character has no place in a proxy's name.
func notOfName(c rune) bool {
	return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && !strings.ContainsRune("-_.:", c)
}

// Page implements stream.Statistics.
func (in *Instance) Page(s *stream.Stream, p *proxy.Proxy, admin bool) rule.Verdict {
	target := s.Req.Target
	if len(target) > 0 && target[0] != '/' {
		u := message.SplitURI(target)
		target = u.PathQuery
	}
	g := &page{Instance: in, s: s, own: p, conf: p.Stats, admin: admin}
	if n := len(p.Stats.URI); n <= len(target) { // a rule of the page may have changed it
		g.want = parseWanted(string(target[n:]))
	}
	if done, ok := s.Parked().(*operation); ok {
		return g.redirect(done.outcome)
	}
	if s.Req.Method == message.POST {
		return g.post()
	}
	return g.get()
}

// shows tells whether the page shows a proxy.
func (g *page) shows(p *proxy.Proxy) bool {
	return !p.Disabled && g.conf.InScope(g.own, p) && strings.Contains(p.Name, g.want.scope)
}

// get begins the answer.
func (g *page) get() rule.Verdict {
	g.s.Intercept()
	g.pieces = pieces{s: g.s, next: g.next()}
	h := g.s.Serve(stream.Served{Name: "<STATS>", From: &g.pieces})
	h.AddID(message.IDCacheControl, noCache)
	h.AddID(message.IDContentType, contentTypes[g.want.form])
	if g.conf.Refresh > 0 && !g.want.norefresh {
		h.Add([]byte("refresh"), strconv.AppendInt(nil, int64(g.conf.Refresh), 10))
	}
	if g.s.Req.Method == message.HEAD { // reference: no word of the framing
		h.Flags &^= message.Chunked
		return rule.Answer
	}
	h.AddID(message.IDTransferEncoding, chunked)
	return rule.Answer
}

var (
	noCache   = []byte("no-cache")
	textPlain = []byte("text/plain")
	chunked   = []byte("chunked")

	contentTypes = map[string][]byte{"html": []byte("text/html"), "csv": textPlain, "typed": textPlain,
		"json": []byte("application/json"), "json-schema": []byte("application/json")}
)

// next returns what makes the units of the wanted form.
func (g *page) next() func(*unit) bool {
	switch g.want.form {
	case "json-schema":
		return func(u *unit) bool {
			u.str(schema)
			return false
		}
	case "html":
		g.dump = g.newDump(nil, g.query())
		return g.nextHTML
	}
	g.dump = g.newDump(&g.pieces.unit, g.query())
	return func(*unit) bool { return g.dump.step() }
}

func (g *page) query() Query {
	return Query{Form: g.want.form, ID: -1, Types: -1, Server: -1, Full: g.conf.ShowLegends, Up: g.want.up, NoMaint: g.want.noMaint, Shows: g.shows}
}

// redirect answers a POST: the client loads the page that tells the outcome.
func (g *page) redirect(outcome string) rule.Verdict {
	g.s.Intercept()
	h := g.s.Serve(stream.Served{Name: "<STATS>"})
	h.Status, h.Reason = 303, []byte("See Other")
	h.AddID(message.IDCacheControl, noCache)
	h.AddID(message.IDContentType, textPlain)
	h.AddID(message.IDContentLength, []byte("0"))
	h.AddID(message.IDLocation, []byte(string(g.conf.URI)+";st="+outcome+g.keep(true)))
	return rule.Answer
}

// keep is what links go on with of the options of this page.
func (g *page) keep(withUp bool) string {
	text := ""
	if g.want.up && withUp {
		text += ";up"
	}
	if g.want.norefresh && g.conf.Refresh > 0 {
		text += ";norefresh"
	}
	return text + g.scopeLink()
}

// scopeLink is the end of links that keep the scope; with a question mark also
// where the page's own prefix has one (reference).
func (g *page) scopeLink() string {
	if g.want.scope == "" {
		return ""
	}
	return "?scope=" + g.want.scope
}
