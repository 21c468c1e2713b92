package stats

import (
	"strconv"
	"strings"

	"gohap/lbcore/check"
	"gohap/lbcore/proxy"
)

// promValue is one value of a metric for an object, with the label that tells it
// from the others, "" for none.
type promValue struct {
	label, text string
	n           int64
	none        bool // NaN: the object could have the value and has not
}

// process appends a metric of the process.
func (e *export) process(u *unit, m *exportedField) {
	name := "haproxy_process_" + m.name
	if !e.sel.wants(name) {
		return
	}
	f := fieldByName(m.field)
	help := m.help
	if help == "" {
		help = f.desc
	}
	announce(u, name, help, m.counter)
	u.str(name)
	labels := labels{u: u}
	value := number(1)
	switch m.field {
	case "":
		value = empty
	case "node":
		labels.add("node", f.value(e.facts).s)
	case "description":
		if !e.sel.descLabels { // it is the label already
			labels.add("desc", f.value(e.facts).s)
		}
	case "Build info":
		labels.add("version", e.Version)
	default:
		value = f.value(e.facts)
	}
	if e.sel.descLabels && e.Description != "" {
		labels.add("desc", e.Description)
	}
	labels.end()
	u.str(" ")
	if value.set {
		u.int(value.n)
	} else {
		u.str("NaN")
	}
	u.str("\n")
}

// fieldByName finds a field of "show info".
func fieldByName(name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

func announce(u *unit, name, help string, counter bool) {
	kind := "gauge"
	if counter {
		kind = "counter"
	}
	u.str("# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n")
}

// labels appends the labels of a value.
type labels struct {
	u    *unit
	some bool
}

func (l *labels) add(name, value string) {
	if l.some {
		l.u.str(",")
	} else {
		l.u.str("{")
	}
	l.some = true
	l.u.str(name, `="`, labelText.Replace(value), `"`)
}

func (l *labels) end() {
	if l.some {
		l.u.str("}")
	}
}

var labelText = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// exported is the metric at hand: of the table, or of a module's column.
type exported struct {
	exportedColumn
	suffix, module string
}

func (e *export) current() exported {
	if e.metric < len(exportedColumns) {
		m := &exportedColumns[e.metric]
		x := exported{exportedColumn: *m, suffix: m.name}
		if x.help == "" {
			x.help = columnByName()[m.column].desc
		}
		return x
	}
	i := e.metric - len(exportedColumns)
	c := &moduleColumns[i]
	x := exported{suffix: c.name, module: moduleOf(c)}
	x.kinds, x.counter, x.help = c.kinds, true, c.desc
	x.values = func(o *object, dst []promValue) []promValue {
		if v := c.value(o); e.dump.modules[i] {
			dst = append(dst, promValue{n: v.n})
		}
		return dst
	}
	return x
}

// object appends the values of the metric at hand for the next object, or goes to
// the next metric.
func (e *export) object(u *unit) {
	kind := partKinds[e.part]
	m := e.current()
	name := "haproxy_" + partNames[e.part] + "_" + m.suffix
	if strings.IndexByte(m.kinds, kind) < 0 || !e.sel.wants(name) {
		e.metric++
		return
	}
	if !e.open {
		e.open, e.at = true, nil
		e.dump.walk = walker{proxies: e.Proxies, only: kind}
	}
	if e.at == nil {
		if e.at = e.dump.walk.proxy(func(p *proxy.Proxy) bool { return !p.Disabled && (!m.web || p.Mode == proxy.HTTP) }); e.at == nil {
			e.open = false
			e.metric++
			return
		}
	}
	var o object
	if !e.dump.walk.next(&o) {
		e.at = nil
		return
	}
	if e.dump.fill(&o); !e.dump.wanted(&o) {
		return
	}
	if e.values = m.of(&o, e.values[:0]); len(e.values) == 0 {
		return
	}
	if e.told != name {
		e.told = name
		announce(u, name, m.help, m.counter)
	}
	for i := range e.values {
		e.value(u, name, &m, &o, &e.values[i])
	}
}

// of returns the values of the metric for an object.
func (m *exported) of(o *object, dst []promValue) []promValue {
	if m.values != nil {
		return m.values(o, dst)
	}
	v := o.cell(m.column)
	return append(dst, promValue{n: v.n, none: !v.set})
}

func (e *export) value(u *unit, name string, m *exported, o *object, v *promValue) {
	u.str(name)
	l := labels{u: u}
	l.add("proxy", o.p.Name)
	if e.sel.descLabels && o.p.Desc != "" {
		l.add("desc", o.p.Desc)
	}
	switch o.kind {
	case 'S':
		l.add("server", o.s.Name)
	case 'L':
		l.add("listener", svname(o).s)
	}
	if v.label != "" {
		l.add(v.label, v.text)
	}
	if m.module != "" {
		l.add("mod", m.module)
	}
	l.end()
	u.str(" ")
	switch {
	case v.none:
		u.str("NaN")
	case m.seconds:
		u.b = strconv.AppendFloat(u.b, float64(v.n)/1000, 'f', 6, 64)
	default:
		u.int(v.n)
	}
	u.str("\n")
}

// oneOf are the values of a metric that is 1 for one of its states.
func oneOf(dst []promValue, is string, states []string) []promValue {
	for _, s := range states {
		dst = append(dst, promValue{label: "state", text: s, n: bit(s == is).n})
	}
	return dst
}

var (
	upDown         = []string{"DOWN", "UP"}
	listenerStates = []string{"WAITING", "OPEN", "FULL"}
	serverStates   = []string{"DOWN", "UP", "MAINT", "DRAIN", "NOLB"}
	checkResults   = []string{check.HANA, check.SOCKERR, check.L4OK, check.L4TOUT, check.L4CON, check.L6OK, check.L6TOUT, check.L6RSP,
		check.L7TOUT, check.L7RSP, check.L7OK, check.L7OKC, check.L7STS, check.PROCERR, check.PROCTOUT, check.PROCOK}
)

func stateValues(o *object, dst []promValue) []promValue {
	switch o.kind {
	case 'F':
		is := "DOWN"
		if status(o).s == "OPEN" {
			is = "UP"
		}
		return oneOf(dst, is, upDown)
	case 'L':
		return oneOf(dst, status(o).s, listenerStates)
	case 'S':
		return oneOf(dst, serverState(o.s, &o.health), serverStates)
	}
	return oneOf(dst, backendStatus(o), upDown)
}

// serverState is a server's status without details.
func serverState(s *proxy.Server, h *proxy.Health) string {
	word, _, _ := strings.Cut(serverStatus(s, h), " ")
	if word == "no" { // no check
		return "UP"
	}
	return word
}

func checkStates(o *object, dst []promValue) []promValue {
	if !checks(o.s) {
		return dst
	}
	return oneOf(dst, o.health.Status, checkResults)
}

func checkCodes(o *object, dst []promValue) []promValue {
	if !checks(o.s) {
		return dst
	}
	return append(dst, promValue{n: checkCode(o).n})
}

func checkDurations(o *object, dst []promValue) []promValue {
	if o.s.Check == nil || o.health.Status == "INI" || o.health.Status == "UNK" {
		return dst
	}
	return append(dst, promValue{n: o.health.Duration.Milliseconds()})
}

func agentStates(o *object, dst []promValue) []promValue {
	if o.s.Agent == nil || o.s.AgentOff() {
		return dst
	}
	return oneOf(dst, o.s.AgentHealth().Status, checkResults)
}

func agentCodes(o *object, dst []promValue) []promValue {
	if o.s.Agent == nil || o.s.AgentOff() {
		return dst
	}
	return append(dst, promValue{n: agentCode(o).n})
}

func agentDurations(o *object, dst []promValue) []promValue {
	v := o.cell("agent_duration")
	if !v.set {
		return dst
	}
	return append(dst, promValue{n: v.n})
}

// responseClass is the counter of a class of responses. Reference: one metric, whose
// help is that of the first class.
func responseClass(code string) func(*object, []promValue) []promValue {
	return func(o *object, dst []promValue) []promValue {
		return append(dst, promValue{label: "code", text: code, n: o.n("hrsp_" + code)})
	}
}

// counted are the values of a metric that counts servers by their state.
func counted(dst []promValue, p *proxy.Proxy, states []string, of func(*proxy.Server) string) []promValue {
	servers := p.Set().All
	if len(servers) == 0 {
		return dst
	}
	n := make(map[string]int64, len(states))
	for _, s := range servers {
		n[of(s)]++
	}
	for _, s := range states {
		dst = append(dst, promValue{label: "state", text: s, n: n[s]})
	}
	return dst
}

func aggregated(o *object, dst []promValue) []promValue {
	return counted(dst, o.p, serverStates, func(s *proxy.Server) string {
		h := s.Health()
		return serverState(s, &h)
	})
}

func aggregatedChecks(o *object, dst []promValue) []promValue {
	return counted(dst, o.p, checkResults, func(s *proxy.Server) string {
		if !checks(s) {
			return ""
		}
		return s.Health().Status
	})
}
