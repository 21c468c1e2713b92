package stats

import (
	"io"
	"strconv"
	"strings"

	"gohap/lbcore/cli"
	"gohap/lbcore/clock"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// Query says which lines of the statistics are wanted and in which form.
type Query struct {
	Form    string // "csv", "typed" or "json"
	Desc    bool   // typed: with descriptions
	Up      bool   // leave out servers that are down or in maintenance
	NoMaint bool   // leave out servers in maintenance
	Proxy   *proxy.Proxy
	ID      int // of a proxy that does not exist: nothing is printed; -1 for all
	Types   int // bits: 1 frontends, 2 backends, 4 servers, 8 listeners
	Server  int // id of a server or listener, -1 for all
	// Nameservers asks for those instead of proxies.
	Nameservers bool
	Full        bool // addresses, cookies and algorithms (reference: by the socket's level)
	// Shows narrows the proxies down further; nil takes all.
	Shows func(*proxy.Proxy) bool
}

// lineTypes are the bits of Query.Types.
var lineTypes = map[byte]int{'F': 1, 'B': 2, 'S': 4, 'L': 8}

func showStat(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	q, ok := in.statQuery(r)
	if !ok {
		return
	}
	if q.Nameservers {
		in.WriteNameservers(r, q)
		return
	}
	in.WriteStat(r, q)
}

// statQuery reads the arguments; words that it does not know are passed over,
// as the reference does.
func (in *Instance) statQuery(r *cli.Request) (Query, bool) {
	q := Query{Form: "csv", ID: -1, Types: -1, Server: -1, Full: r.SocketLevel() >= cli.Operator}
	args := r.Args
	if len(args) > 0 && args[0] == "domain" && in.has(keyword.StatModifier, "domain") {
		if len(args) < 2 || !in.has(statDomain, args[1]) || args[1] != "proxy" && args[1] != "resolvers" {
			r.Fail("Invalid statistics domain.")
			return q, false
		}
		q.Nameservers = args[1] == "resolvers"
		args = args[2:]
	}
	if q.Nameservers && len(args) >= 3 { // reference: a selection is none, whatever it names
		args = args[3:]
	}
	// reference: three words are always a selection, also when the first is a
	// modifier.
	if len(args) >= 3 {
		var ok bool
		if q.Proxy, q.ID, ok = in.selectProxy(args[0]); !ok {
			r.Fail("No such proxy.")
			return q, false
		}
		q.Types, q.Server = integer(args[1]), integer(args[2])
		args = args[3:]
	}
	m := in.modifiers(args)
	q.Desc, q.Up, q.NoMaint = m["desc"], m["up"], m["no-maint"]
	for _, form := range []string{"typed", "json"} {
		if m[form] {
			q.Form = form
		}
	}
	return q, true
}

// integer reads what stands at the beginning of a word, 0 when nothing does.
func integer(word string) int {
	end := 0
	for end < len(word) && (word[end] >= '0' && word[end] <= '9' || end == 0 && word[0] == '-') {
		end++
	}
	n, _ := strconv.Atoi(word[:end])
	return n
}

// selectProxy takes a name or an id, of which any number is taken: p is nil then.
func (in *Instance) selectProxy(word string) (p *proxy.Proxy, id int, ok bool) {
	for _, p := range in.Proxies {
		if p.Name == word {
			return p, p.ID, true
		}
	}
	id, err := strconv.Atoi(word)
	return nil, id, err == nil
}

// dump is one answer being written.
type dump struct {
	*Instance
	Query
	w          writer
	form       form
	mono, wall int64
	shown      []bool // by column
	modules    []bool // by column behind the separator
	rows       int    // written so far
	walk       walker
	open       bool // a proxy of walk is at hand
	begun      bool
}

type writer interface {
	io.Writer
	io.StringWriter
}

// WriteStat writes the statistics. It may block on w; any goroutine that is no
// loop may call it.
func (in *Instance) WriteStat(w writer, q Query) {
	d := in.newDump(w, q)
	for d.step() {
	}
}

func (in *Instance) newDump(w writer, q Query) *dump {
	d := &dump{Instance: in, Query: q, w: w, mono: in.clock().Mono(), wall: in.clock().Wall().Unix()}
	for i := range columns {
		d.shown = append(d.shown, in.has(keyword.StatColumn, columns[i].name))
	}
	for i := range moduleColumns {
		d.modules = append(d.modules, in.has(keyword.StatModule, moduleColumns[i].name))
	}
	d.form = map[string]form{"typed": asTyped, "json": asJSON}[q.Form]
	d.walk.proxies = in.Proxies
	return d
}

// step writes what comes next, at most one line; it reports false once all is
// written.
func (d *dump) step() bool {
	if !d.begun {
		d.begun = true
		switch d.form {
		case asCSV:
			d.header()
		case asJSON:
			d.w.WriteString("[")
		}
		return true
	}
	if !d.open {
		if d.walk.proxy(d.selects) == nil {
			if d.form == asJSON {
				d.w.WriteString("]\n")
			}
			return false
		}
		d.open = true
	}
	var o object
	if d.open = d.walk.next(&o); d.open {
		d.line(o)
	}
	return true
}

// selects tells whether the query takes a proxy.
func (d *dump) selects(p *proxy.Proxy) bool {
	switch {
	case p.Disabled, d.Proxy != nil && p != d.Proxy, d.Proxy == nil && d.ID >= 0 && p.ID != d.ID:
		return false
	}
	return d.Shows == nil || d.Shows(p)
}

func (in *Instance) clock() clock.Source {
	if in.Clock == nil {
		return clock.System
	}
	return in.Clock
}

func (d *dump) header() {
	d.w.WriteString("# ")
	for i := range columns {
		if d.shown[i] {
			d.w.WriteString(columns[i].name + ",")
		}
	}
	d.w.WriteString("-,")
	for i := range moduleColumns {
		if d.modules[i] {
			d.w.WriteString(moduleColumns[i].name + ",")
		}
	}
	d.w.WriteString("\n")
}

// wanted tells whether the query takes a line.
func (d *dump) wanted(o *object) bool {
	if d.Types >= 0 && d.Types&lineTypes[o.kind] == 0 {
		return false
	}
	if d.Server >= 0 && o.kind != 'F' && o.kind != 'B' && sid(o).n != int64(d.Server) {
		return false
	}
	if o.kind == 'S' {
		inMaint := o.s.Admin().Maint()
		rising := checks(o.s) && o.health.Value > 0 // reference: one on its way up is shown
		if d.NoMaint && inMaint || d.Up && (inMaint || o.s.Oper() == proxy.Down && !rising) {
			return false
		}
	}
	return true
}

// fill gives an object what its values need.
func (d *dump) fill(o *object) {
	o.in, o.mono, o.wall, o.full, o.only = d.Instance, d.mono, d.wall, d.Full, d.Up || d.NoMaint
}

func (d *dump) line(o object) {
	d.fill(&o)
	if !d.wanted(&o) {
		return
	}
	if d.form == asJSON {
		if d.rows > 0 {
			d.w.WriteString(",")
		}
		d.w.WriteString("[")
	}
	d.rows++
	n := 0
	for i := range columns {
		if d.shown[i] {
			n += d.cell(&o, &columns[i], i, n)
		}
	}
	if d.form == asCSV {
		d.w.WriteString("-,")
	}
	for i := range moduleColumns {
		if d.modules[i] {
			n += d.cell(&o, &moduleColumns[i], len(columns)+i, n)
		}
	}
	switch d.form {
	case asCSV:
		d.w.WriteString("\n")
	case asJSON:
		d.w.WriteString("]")
	}
}

// cell writes one value and returns how many were written; before is how many
// the line has already.
func (d *dump) cell(o *object, c *column, pos, before int) int {
	v := empty
	if c.value != nil && strings.IndexByte(c.kinds, o.kind) >= 0 {
		v = c.value(o)
	}
	if d.form == asCSV {
		d.w.WriteString(v.text(c.typ, true) + ",")
		return 1
	}
	if !v.set {
		return 0
	}
	tags := c.tags
	if t := otherTags[string(o.kind)+"."+c.name]; t != "" {
		tags = t
	}
	if d.form == asTyped {
		d.w.WriteString(string(o.kind) + "." + strconv.Itoa(o.p.ID) + "." + strconv.FormatInt(sid(o).n, 10) + "." +
			strconv.Itoa(pos) + "." + c.name + ".1:" + tags + ":" + c.typ.String() + ":" + v.text(c.typ, false))
		if d.Desc {
			d.w.WriteString(`:"` + c.desc + `"`)
		}
		d.w.WriteString("\n")
		return 1
	}
	if before > 0 {
		d.w.WriteString(",")
	}
	kind := map[byte]string{'F': "Frontend", 'B': "Backend", 'S': "Server", 'L': "Listener"}[o.kind]
	d.w.WriteString(`{"objType":"` + kind + `","proxyId":` + strconv.Itoa(o.p.ID) + `,"id":` + strconv.FormatInt(sid(o).n, 10) + `,`)
	jsonValue(d.w, pos, c.name, tags, c.typ, v.text(c.typ, false))
	return 1
}
