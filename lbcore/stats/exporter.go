package stats

import (
	"strings"

	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/stream"
)

// This file is the Prometheus exporter, http-request use-service
// prometheus-exporter: the values of the statistics' columns and of "show info"
// under the names that the reference's exporter has for them (exporter_rows.go), in
// the text format 0.0.4. The query narrows what is sent:
//
//	scope=global|frontend|listener|backend|server|sticktable|resolver|*
//	        only these parts; may repeat, empty for none
//	metrics=NAME[,NAME…]   only these, or all but those with "-" in front
//	no-maint               without servers in maintenance
//	extra-counters         with the columns of modules
//	desc-labels            with the description of the process, or of the proxy

// exporter is the service.
type exporter struct{}

// Serve implements stream.Service.
func (exporter) Serve(s *stream.Stream) rule.Verdict {
	in, ok := s.W.Statistics.(*Instance)
	if !ok {
		return s.Answer(&rule.Reply{Status: 503, Builtin: true}, 'L', 'R')
	}
	target := s.Req.Target
	_, query, _ := strings.Cut(string(target), "?")
	query, _, _ = strings.Cut(query, "#")
	s.Intercept()
	sel, ok := parseSelection(query)
	if !ok {
		page := message.ErrorPage(400)
		h := s.Serve(stream.Served{Name: promex, Rules: true, Body: page.Text(), Close: page.Close})
		h.Reset()
		page.Head(h)
		return rule.Answer
	}
	e := &export{Instance: in, sel: sel, part: -1}
	if in.More != nil {
		e.more = in.More()
	}
	e.pieces = pieces{s: s, next: e.next}
	e.dump = in.newDump(nil, Query{ID: -1, Types: -1, Server: -1, NoMaint: sel.noMaint})
	h := s.Serve(stream.Served{Name: promex, Rules: true, From: &e.pieces})
	h.AddID(message.IDCacheControl, noCache)
	h.AddID(message.IDContentType, promType)
	h.AddID(message.IDTransferEncoding, chunked)
	return rule.Answer
}

const promex = "<PROMEX>"

var promType = []byte("text/plain; version=0.0.4")

// The parts of the output, in its order.
const (
	partGlobal = iota
	partFrontend
	partListener
	partBackend
	partServer
	partStickTable
	partResolver
	parts
)

// partNames are the words of scope and what names begin with.
var partNames = [parts]string{"global", "frontend", "listener", "backend", "server", "sticktable", "resolver"}

// partKinds are the kinds of objects in the parts that have some.
var partKinds = [parts]byte{partFrontend: 'F', partListener: 'L', partBackend: 'B', partServer: 'S'}

// selection is what a query asks for.
type selection struct {
	parts      [parts]bool
	only, but  map[string]bool // metrics by their full name; only is nil for all
	noMaint    bool
	extra      bool
	descLabels bool
}

// parseSelection reads a query; false where it is wrong. What it does not know is
// passed over (reference).
func parseSelection(query string) (s selection, ok bool) {
	all := func(v bool) {
		for i := range s.parts {
			s.parts[i] = v
		}
	}
	all(true)
	s.but = map[string]bool{}
	scoped := false
	for _, pair := range strings.Split(query, "&") {
		key, value, has := strings.Cut(pair, "=")
		key, ok1 := decodeQuery(key)
		value, ok2 := decodeQuery(value)
		if !ok1 || !ok2 {
			return s, false
		}
		switch key {
		case "scope":
			if !has {
				return s, false
			}
			if !scoped {
				scoped = true
				all(false)
			}
			if !s.scope(value, all) {
				return s, false
			}
		case "metrics":
			if !has {
				return s, false
			}
			s.metrics(value)
		case "no-maint":
			s.noMaint = true
		case "extra-counters":
			s.extra = true
		case "desc-labels":
			s.descLabels = true
		}
	}
	return s, true
}

func (s *selection) scope(value string, all func(bool)) bool {
	switch value {
	case "":
		all(false)
		return true
	case "*":
		all(true)
		return true
	}
	for i, name := range partNames {
		if name == value {
			s.parts[i] = true
			return true
		}
	}
	return false
}

func (s *selection) metrics(value string) {
	for _, name := range strings.Split(value, ",") {
		switch but, minus := strings.CutPrefix(name, "-"); {
		case name == "":
		case minus:
			s.but[but] = true
		default:
			if s.only == nil {
				s.only = map[string]bool{}
			}
			s.only[name] = true
		}
	}
}

// wants tells whether a metric is asked for.
func (s *selection) wants(name string) bool { return (s.only == nil || s.only[name]) && !s.but[name] }

// decodeQuery decodes a name or value of a query; what has a zero byte is refused
// (reference).
func decodeQuery(s string) (string, bool) {
	s, ok := decodeForm(s)
	return s, ok && strings.IndexByte(s, 0) < 0
}

// export is one answer: a metric after the other, of each the objects one by one.
type export struct {
	*Instance
	sel    selection
	pieces pieces
	dump   *dump
	facts  *facts
	more   []Metric

	part   int
	metric int    // of the part's
	open   bool   // the metric's objects are being walked
	told   string // the metric whose HELP and TYPE were written last
	values []promValue
	at     *proxy.Proxy
}

// next appends what comes next, at most the values of one metric for one object.
func (e *export) next(u *unit) bool {
	if e.part < 0 {
		e.part, e.metric = 0, 0
		if e.sel.parts[partGlobal] {
			e.pieces.await(e.Instance, func(f *facts) { e.facts = f })
		}
		return true
	}
	if e.part == parts {
		return false
	}
	n := e.count()
	switch {
	case !e.sel.parts[e.part] || e.metric == n:
		e.part, e.metric = e.part+1, 0
	case e.part == partGlobal:
		if i := e.metric - len(exportedFields); i >= 0 {
			e.foreign(u, &e.more[i])
		} else {
			e.process(u, &exportedFields[e.metric])
		}
		e.metric++
	case e.part == partResolver:
		e.nameservers(u, &nsColumns[nsNames+e.metric])
		e.metric++
	default:
		e.object(u)
	}
	return true
}

// count is how many metrics the part at hand has.
func (e *export) count() int {
	switch {
	case e.part == partGlobal:
		return len(exportedFields) + len(e.more)
	case e.part == partResolver:
		return len(nsColumns) - nsNames
	case partKinds[e.part] == 0:
		return 0
	case e.sel.extra:
		return len(exportedColumns) + len(moduleColumns)
	}
	return len(exportedColumns)
}
