package stats

import (
	"strings"
	"sync"

	"gohap/lbcore/proxy"
)

// columnByName finds the generic columns: lines of a page show the same values.
var columnByName = sync.OnceValue(func() map[string]*column {
	m := map[string]*column{}
	for i := range columns {
		m[columns[i].name] = &columns[i]
	}
	return m
})

// cell returns the value of a column for the object; empty where it has none.
func (o *object) cell(name string) cell {
	c := columnByName()[name]
	if c.value == nil || strings.IndexByte(c.kinds, o.kind) < 0 {
		return empty
	}
	return c.value(o)
}

func (o *object) n(name string) int64 { return o.cell(name).n }

// nums appends cells with numbers.
func (u *unit) nums(o *object, names ...string) {
	for _, name := range names {
		u.str("<td>")
		u.num(o.n(name))
		u.str("</td>")
	}
}

// pointed appends a cell with a value and a table of details behind it.
func (u *unit) pointed(n int64, details func()) {
	u.str("<td><u>")
	u.num(n)
	u.str("<div class=tips><table class=det>")
	details()
	u.str("</table></div></u></td>")
}

// detail appends a line of such a table.
func (u *unit) detail(name string, n int64, unit string) {
	u.str("<tr><th>", name, "</th><td>")
	u.num(n)
	u.str(unit, "</td></tr>")
}

// share is detail with the percentage of all.
func (u *unit) share(name string, n, all int64) {
	u.str("<tr><th>", name, "</th><td>")
	u.num(n)
	u.str("</td>")
	u.percent(n, all)
	u.str("</tr>")
}

// line appends the line of an object.
func (g *page) line(u *unit, o *object) {
	switch o.kind {
	case 'F':
		g.frontendLine(u, o)
	case 'L':
		g.listenerLine(u, o)
	case 'S':
		g.serverLine(u, o)
	default:
		g.backendLine(u, o)
	}
}

// anchor appends the place that links to a line go to.
func anchor(u *unit, p *proxy.Proxy, name string) {
	u.str(`<a name="`)
	u.esc(p.Name + "/" + name)
	u.str(`"></a>`)
}

func self(u *unit, p *proxy.Proxy, id, name string) {
	u.str(`<a class=lfsb href="#`)
	u.esc(p.Name + "/" + id)
	u.str(`">`)
	u.esc(name)
	u.str("</a>")
}

func (g *page) adminCell(u *unit) {
	if g.admin {
		u.str("<td></td>")
	}
}

func (g *page) frontendLine(u *unit, o *object) {
	web := o.p.Mode == proxy.HTTP
	u.str(`<tr class="frontend">`)
	g.adminCell(u)
	u.str("<td class=ac>")
	anchor(u, o.p, "Frontend")
	self(u, o.p, "Frontend", "Frontend")
	u.str("</td><td colspan=3></td>")
	u.pointed(o.n("rate"), func() {
		u.detail("Current connection rate:", o.n("conn_rate"), "/s")
		u.detail("Current session rate:", o.n("rate"), "/s")
		if web {
			u.detail("Current request rate:", o.n("req_rate"), "/s")
		}
	})
	u.pointed(o.n("rate_max"), func() {
		u.detail("Max connection rate:", o.n("conn_rate_max"), "/s")
		u.detail("Max session rate:", o.n("rate_max"), "/s")
		if web {
			u.detail("Max request rate:", o.n("req_rate_max"), "/s")
		}
	})
	u.str("<td>")
	u.limit(o.n("rate_lim"))
	u.str("</td>")
	u.nums(o, "scur", "smax", "slim")
	u.pointed(o.n("stot"), func() { frontendTotals(u, o, web) })
	u.str("<td></td><td></td>")
	u.nums(o, "bin")
	bytesOut(u, o)
	u.nums(o, "dreq", "dresp", "ereq")
	u.str("<td></td><td></td><td></td><td></td><td class=ac>", status(o).s, "</td><td class=ac colspan=8></td>")
	g.moduleCells(u, o)
	u.str("</tr>")
}

func frontendTotals(u *unit, o *object, web bool) {
	u.detail("Cum. connections:", o.n("conn_tot"), "")
	u.detail("Cum. sessions:", o.n("stot"), "")
	if !web {
		return
	}
	u.detail("- HTTP/1 sessions:", o.n("h1sess"), "")
	u.detail("- HTTP/2 sessions:", o.n("h2sess"), "")
	u.detail("- HTTP/3 sessions:", o.n("h3sess"), "")
	u.detail("- other sessions:", o.n("sess_other"), "")
	u.detail("Cum. HTTP requests:", o.n("req_tot"), "")
	u.detail("- HTTP/1 requests:", o.n("h1req"), "")
	u.detail("- HTTP/2 requests:", o.n("h2req"), "")
	u.detail("- HTTP/3 requests:", o.n("h3req"), "")
	u.detail("- other requests:", o.n("req_other"), "")
	responses(u, o)
	u.detail("Intercepted requests:", o.n("intercepted"), "")
	u.detail("Cache lookups:", o.n("cache_lookups"), "")
	u.share("Cache hits:", o.n("cache_hits"), o.n("cache_lookups"))
	u.detail("Failed hdr rewrites:", o.n("wrew"), "")
	u.detail("Internal errors:", o.n("eint"), "")
}

// responses are the responses of a proxy by their status.
func responses(u *unit, o *object) {
	u.detail("- HTTP 1xx responses:", o.n("hrsp_1xx"), "")
	u.detail("- HTTP 2xx responses:", o.n("hrsp_2xx"), "")
	u.share("&nbsp;&nbsp;Compressed 2xx:", o.n("comp_rsp"), o.n("hrsp_2xx"))
	u.detail("- HTTP 3xx responses:", o.n("hrsp_3xx"), "")
	u.detail("- HTTP 4xx responses:", o.n("hrsp_4xx"), "")
	u.detail("- HTTP 5xx responses:", o.n("hrsp_5xx"), "")
	u.detail("- other responses:", o.n("hrsp_other"), "")
}

// bytesOut appends the bytes sent, with what compression made of them.
func bytesOut(u *unit, o *object) {
	in, out := o.n("comp_in"), o.n("comp_out")
	begin, end := "", ""
	if in > 0 { // reference: underlined only then
		begin, end = "<u>", "</u>"
	}
	u.str("<td>", begin)
	u.num(o.n("bout"))
	u.str("<div class=tips><table class=det>")
	u.detail("Response bytes in:", o.n("bout"), "")
	u.detail("Compression in:", in, "")
	u.share("Compression out:", out, in)
	u.detail("Compression bypass:", o.n("comp_byp"), "")
	u.share("Total bytes saved:", in-out, o.n("bout")+in-out)
	u.str("</table></div>", end, "</td>")
}

func (g *page) listenerLine(u *unit, o *object) {
	name := svname(o).s
	u.str("<tr class=socket>")
	g.adminCell(u)
	u.str("<td class=ac>")
	anchor(u, o.p, "+"+name)
	g.tip(u, func() { self(u, o.p, "+"+name, name) }, func() {
		address(u, addr(o).s)
		u.str("proto=", proto(o).s, ", id: ")
		u.int(int64(o.b.ID))
	})
	u.str("</td><td colspan=3></td><td colspan=3>&nbsp;</td>")
	u.nums(o, "scur", "smax", "slim", "stot")
	u.str("<td>&nbsp;</td><td>&nbsp;</td>")
	u.nums(o, "bin", "bout", "dreq", "dresp", "ereq")
	u.str("<td></td><td></td><td></td><td></td><td class=ac>", status(o).s, "</td><td class=ac colspan=8></td>")
	g.moduleCells(u, o)
	u.str("</tr>")
}

// address appends where something is, with its family.
func address(u *unit, text string) {
	switch {
	case text == "":
	case strings.HasPrefix(text, "["):
		u.str("IPv6: ")
		u.esc(text)
		u.str(", ")
	case strings.Contains(text, ":") && text[0] >= '0' && text[0] <= '9':
		u.str("IPv4: ")
		u.esc(text)
		u.str(", ")
	default:
		u.str("unix, ")
	}
}

func (g *page) serverLine(u *unit, o *object) {
	name := o.s.Name
	web := o.p.Mode == proxy.HTTP
	u.str(`<tr class="`, serverClass(o), `">`)
	if g.admin {
		u.str("<td><input class='")
		u.esc(o.p.Name)
		u.str(`-checkbox' type="checkbox" name="s" value="`)
		u.esc(name)
		u.str(`"></td>`)
	}
	u.str("<td class=ac>")
	anchor(u, o.p, name)
	g.tip(u, func() { self(u, o.p, name, name) }, func() {
		address(u, o.s.Address().Text)
		u.str("id: ")
		u.int(int64(o.s.ID))
		u.str(", rid: ")
		u.int(revision(o).n)
		if o.s.Cookie != "" {
			u.str(", cookie: '")
			u.esc(o.s.Cookie)
			u.str("'")
		}
	})
	u.str("</td>")
	u.nums(o, "qcur", "qmax")
	u.str("<td>")
	u.limit(o.n("qlimit"))
	u.str("</td>")
	u.nums(o, "rate", "rate_max")
	u.str("<td></td>")
	u.pointed(o.n("scur"), func() { connections(u, o) })
	u.nums(o, "smax")
	u.str("<td>")
	u.limit(o.n("slim"))
	u.str("</td>")
	u.pointed(o.n("stot"), func() { serverTotals(u, o, web) })
	u.nums(o, "lbtot")
	u.str("<td>", span(lastSession(o).n), "</td>")
	u.nums(o, "bin", "bout")
	u.str("<td></td>")
	u.nums(o, "dresp")
	u.str("<td></td>")
	u.nums(o, "econ")
	responseErrors(u, o)
	u.nums(o, "wretr", "wredis")
	statusCell(u, o)
	checkCell(u, o)
	weightCell(u, o)
	for _, is := range []bool{!o.s.IsBackup(), o.s.IsBackup()} {
		u.str("<td class=ac>", map[bool]string{true: "Y", false: "-"}[is], "</td>")
	}
	healthCells(u, o)
	if t := throttle(o); t.set {
		u.str("<td class=ac>")
		u.int(t.n)
		u.str(" %</td>")
	} else {
		u.str("<td class=ac>-</td>")
	}
	g.moduleCells(u, o)
	u.str("</tr>\n")
}

// connections are the details of a server's sessions.
func connections(u *unit, o *object) {
	limit := func(name string, v cell) {
		u.str("<tr><th>", name, "</th><td>")
		u.limit(v.n)
		u.str("</td></tr>")
	}
	u.detail("Current active connections:", o.n("scur"), "")
	u.detail("Current used connections:", o.n("used_conn_cur"), "")
	u.detail("Current idle connections:", o.n("srv_icur"), "")
	u.detail("- unsafe:", o.n("idle_conn_cur"), "")
	u.detail("- safe:", o.n("safe_conn_cur"), "")
	u.detail("Estimated need of connections:", o.n("need_conn_est"), "")
	limit("Active connections limit:", o.cell("slim"))
	limit("Idle connections limit:", o.cell("src_ilim"))
}

func serverTotals(u *unit, o *object, web bool) {
	u.detail("Cum. sessions:", o.n("stot"), "")
	if web {
		made, reused, all := o.n("connect"), o.n("reuse"), o.n("req_tot")
		u.detail("New connections:", made, "")
		u.share("Reused connections:", reused, made+reused)
		u.detail("Cum. HTTP requests:", all, "")
		for _, r := range []string{"1xx", "2xx", "3xx", "4xx", "5xx"} {
			u.share("- HTTP "+r+" responses:", o.n("hrsp_"+r), all)
		}
		u.share("- other responses:", o.n("hrsp_other"), all)
		u.detail("Failed hdr rewrites:", o.n("wrew"), "")
		u.detail("Internal error:", o.n("eint"), "")
	}
	times(u, o, web)
}

// times are the longest and the average times.
func times(u *unit, o *object, web bool) {
	u.str("<tr><th colspan=3>Max / Avg over last 1024 success. conn.</th></tr>")
	line := func(name, column string) {
		u.str("<tr><th>- ", name, " time:</th><td>")
		u.num(o.n(column + "_max"))
		u.str(" / ")
		u.num(o.n(column))
		u.str("</td><td>ms</td></tr>")
	}
	line("Queue", "qtime")
	line("Connect", "ctime")
	if web {
		line("Responses", "rtime")
	}
	line("Total", "ttime")
}

func responseErrors(u *unit, o *object) {
	u.str("<td><u>")
	u.num(o.n("eresp"))
	u.str("<div class=tips>Connection resets during transfers: ")
	u.num(o.n("cli_abrt"))
	u.str(" client, ")
	u.num(o.n("srv_abrt"))
	u.str(" server</div></u></td>")
}

func weightCell(u *unit, o *object) {
	u.str("<td class=ac>")
	u.int(weight(o).n)
	u.str("/")
	u.int(userWeight(o).n)
	u.str("</td>")
}

func (g *page) backendLine(u *unit, o *object) {
	web := o.p.Mode == proxy.HTTP
	u.str(`<tr class="backend">`)
	g.adminCell(u)
	u.str("<td class=ac>")
	g.tip(u, func() {
		anchor(u, o.p, "Backend")
		self(u, o.p, "Backend", "Backend")
	}, func() {
		u.str("balancing: ")
		u.esc(algo(o).s)
		if o.p.Cookie != nil {
			u.str(", cookie: '")
			u.esc(string(o.p.Cookie.Name))
			u.str("'")
		}
	})
	u.str("</td>")
	u.nums(o, "qcur", "qmax")
	u.str("<td></td>")
	u.nums(o, "rate", "rate_max")
	u.str("<td></td>")
	u.nums(o, "scur", "smax", "slim")
	u.pointed(o.n("stot"), func() { backendTotals(u, o, web) })
	u.nums(o, "lbtot")
	u.str("<td>", span(lastSession(o).n), "</td>")
	u.nums(o, "bin")
	bytesOut(u, o)
	u.nums(o, "dreq", "dresp")
	u.str("<td></td>")
	u.nums(o, "econ")
	responseErrors(u, o)
	u.nums(o, "wretr", "wredis")
	state := status(o).s
	if state == "DOWN" { // reference: but not where lines are left out and it says of how many
		state = `<font color="red"><b>DOWN</b></font>`
	}
	u.str("<td class=ac>", span(lastChange(o).n), " ", state, "</td><td class=ac>&nbsp;</td>")
	weightCell(u, o)
	u.str("<td class=ac>")
	u.int(active(o).n)
	u.str("</td><td class=ac>")
	u.int(backup(o).n)
	u.str("</td><td class=ac>&nbsp;</td>")
	u.nums(o, "chkdown")
	if t := downTime(o); t.set {
		u.str("<td>", span(t.n), "</td><td></td>")
	} else {
		u.str("<td>&nbsp;</td><td></td>")
	}
	g.moduleCells(u, o)
	u.str("</tr>")
}

func backendTotals(u *unit, o *object, web bool) {
	u.detail("Cum. sessions:", o.n("stot"), "")
	if web {
		made, reused := o.n("connect"), o.n("reuse")
		u.detail("New connections:", made, "")
		u.share("Reused connections:", reused, made+reused)
		u.detail("Cum. HTTP requests:", o.n("req_tot"), "")
		responses(u, o)
		u.detail("Cache lookups:", o.n("cache_lookups"), "")
		u.share("Cache hits:", o.n("cache_hits"), o.n("cache_lookups"))
		u.detail("Failed hdr rewrites:", o.n("wrew"), "")
		u.detail("Internal errors:", o.n("eint"), "")
	}
	times(u, o, web)
}

// moduleCells appends a cell of counters for each module.
func (g *page) moduleCells(u *unit, o *object) {
	if !g.conf.ShowModules {
		return
	}
	for _, m := range g.modules() {
		begun := false
		for i := range moduleColumns {
			c := &moduleColumns[i]
			if !g.dump.modules[i] || moduleOf(c) != m || strings.IndexByte(c.kinds, o.kind) < 0 {
				continue
			}
			if !begun {
				u.str("<td><u>", m, "<div class=tips><table class=det>")
				begun = true
			}
			u.detail(c.desc, c.value(o).n, "")
		}
		if begun {
			u.str("</table></div></u></td>")
		} else {
			u.str("<td></td>")
		}
	}
}
