package stats

import (
	_ "embed" // the style sheet
	"fmt"
	"strconv"
	"strings"
)

//go:embed page.css
var styleSheet string

// pageStage is which part of an HTML page comes next.
type pageStage uint8

const (
	stageHead pageStage = iota
	stageProcess
	stageProxy // the beginning of a table, or the end of the page
	stageLines
)

// nextHTML appends the next part: the head, the facts about the process, then of
// each proxy the beginning, the lines and the end of its table.
func (g *page) nextHTML(u *unit) bool {
	switch g.stage {
	case stageHead:
		g.head(u)
		g.stage = stageProcess
		g.pieces.await(g.Instance, func(f *facts) { g.facts = f })
	case stageProcess:
		g.title(u)
		g.process(u)
		g.displayOptions(u)
		g.outcome(u)
		g.stage = stageProxy
	case stageProxy:
		g.list = g.dump.walk.proxy(g.shows)
		if g.list == nil {
			u.str("</body></html>\n")
			return false
		}
		g.tableHead(u)
		g.stage = stageLines
	case stageLines:
		var o object
		if !g.dump.walk.next(&o) {
			g.tableEnd(u)
			g.stage = stageProxy
			break
		}
		if g.dump.fill(&o); g.dump.wanted(&o) {
			g.line(u, &o)
		}
	}
	return true
}

func (g *page) node() string {
	if !g.conf.ShowNode {
		return ""
	}
	return orElse(g.conf.Node, g.Node)
}

func (g *page) description() string {
	if !g.conf.ShowDesc {
		return ""
	}
	return orElse(g.conf.Desc, g.Description)
}

func (g *page) head(u *unit) {
	u.str("<!DOCTYPE html>\n<html lang=\"en\"><head><title>Statistics Report for ", g.Name)
	if n := g.node(); n != "" {
		u.str(" on ")
		u.esc(n)
	}
	u.str("</title>\n<link rel=\"icon\" href=\"data:,\">\n",
		"<meta http-equiv=\"content-type\" content=\"text/html; charset=utf-8\">\n",
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
		"<style type=\"text/css\"><!--\n", styleSheet, "-->\n</style></head>\n")
}

func (g *page) title(u *unit) {
	u.str("<body><h1>", g.Name)
	if !g.conf.HideVersion {
		u.str(" version ", g.Version, ", released ", g.ReleaseDate)
	}
	u.str("</h1>\n<h2>Statistics Report for pid ")
	u.int(int64(g.PID))
	if n := g.node(); n != "" {
		u.str(" on ")
		u.esc(n)
	}
	if d := g.description(); d != "" {
		u.str(": ")
		u.esc(d)
	}
	u.str("</h2>\n<hr width=\"100%\" class=\"hr\">\n")
}

// process tells about the process, and what the colours mean.
func (g *page) process(u *unit) {
	f := g.facts
	memory := "unlimited"
	if n := f.memMaxMB(); n > 0 {
		memory = strconv.FormatInt(n, 10) + " MB"
	}
	fmt.Fprintf(u, "<h3>&gt; General process information</h3>\n<table border=0 class=\"info\"><tr><td align=\"left\" nowrap width=\"1%%\">\n"+
		"<p><b>pid = </b> %d (process #1, nbproc = 1, nbthread = %d)<br>\n"+
		"<b>uptime = </b> %s; warnings = %d<br>\n"+
		"<b>system limits:</b> memmax = %s; ulimit-n = %d<br>\n"+
		"<b>maxsock = </b> %d; <b>maxconn = </b> %d; <b>reached = </b> %d; <b>maxpipes = </b> %d<br>\n"+
		"current conns = %d; current pipes = %d/%d; conn rate = %d/sec; bit rate = %s<br>\n"+
		"Running tasks: %d/%d (0 niced); idle = %d %%<br>\n",
		g.PID, f.threads(), f.uptime(), f.warnings(), memory, f.ulimit(),
		f.maxSock(), f.maxconn(), f.maxReached(), f.maxpipes(),
		f.currConns(), f.pipesUsed(), f.pipesUsed()+f.pipesFree(), f.connRate(), bitRate(f.bytesOutRate()),
		f.runQueue(), f.tasks(), f.idle())
	u.str(legend)
}

// bitRate is a rate of bytes a second in bits a second.
func bitRate(bytes int64) string {
	bits := float64(bytes) * 8
	switch {
	case bits >= 1e9:
		return fmt.Sprintf("%.3f Gbps", bits/1e9)
	case bits >= 1e6:
		return fmt.Sprintf("%.3f Mbps", bits/1e6)
	}
	return fmt.Sprintf("%.3f kbps", bits/1e3)
}

const legend = `</td><td align="center" nowrap>
<table class="lgd"><tr>
<td class="active_up">&nbsp;</td><td class="noborder">active UP </td><td class="backup_up">&nbsp;</td><td class="noborder">backup UP </td></tr><tr>
<td class="active_going_down"></td><td class="noborder">active UP, going down </td><td class="backup_going_down"></td><td class="noborder">backup UP, going down </td></tr><tr>
<td class="active_going_up"></td><td class="noborder">active DOWN, going up </td><td class="backup_going_up"></td><td class="noborder">backup DOWN, going up </td></tr><tr>
<td class="active_down"></td><td class="noborder">active or backup DOWN &nbsp;</td><td class="active_no_check"></td><td class="noborder">not checked </td></tr><tr>
<td class="maintain"></td><td class="noborder" colspan="3">active or backup DOWN for maintenance (MAINT) &nbsp;</td></tr><tr>
<td class="active_draining"></td><td class="noborder" colspan="3">active or backup SOFT STOPPED for maintenance &nbsp;</td></tr></table>
Note: "NOLB"/"DRAIN" = UP with load-balancing disabled.</td>`

// link appends the address of this page with options behind it.
func (g *page) link(u *unit, options ...string) {
	u.str(`<a href="`)
	u.esc(string(g.conf.URI) + strings.Join(options, ""))
	u.str(`">`)
}

func (g *page) displayOptions(u *unit) {
	up, quiet, calm := "", "", ""
	if g.want.up {
		up = ";up"
	}
	if g.conf.Refresh > 0 {
		calm = ";norefresh"
		if g.want.norefresh {
			quiet = calm
		}
	}
	scope := g.scopeLink()
	u.str(`<td align="left" valign="top" nowrap width="1%"><b>Display option:</b><ul style="margin-top: 0.25em;"><li><form method="GET">Scope : `)
	g.keepQuery(u)
	u.str(`<input value="`)
	u.esc(g.want.scope)
	u.str(`" name="scope" size="8" maxlength="20" tabindex="1"/></form>`, "\n<li>")
	if g.want.up {
		g.link(u, quiet, scope)
		u.str("Show all servers</a><br>\n")
	} else {
		g.link(u, ";up", quiet, scope)
		u.str("Hide 'DOWN' servers</a><br>\n")
	}
	switch {
	case g.conf.Refresh == 0:
	case g.want.norefresh:
		u.str("<li>")
		g.link(u, up, scope)
		u.str("Enable refresh</a><br>\n")
	default:
		u.str("<li>")
		g.link(u, up, ";norefresh", scope)
		u.str("Disable refresh</a><br>\n")
	}
	u.str("<li>")
	g.link(u, up, quiet, scope)
	u.str("Refresh now</a><br>\n<li>")
	g.link(u, ";csv", calm, scope)
	u.str("CSV export</a><br>\n<li>")
	g.link(u, ";json", calm, scope)
	u.str("JSON export</a> (")
	g.link(u, ";json-schema")
	u.str("schema</a>)<br>\n</ul></td>", externalResources, "</tr></table>\n")
}

const externalResources = `<td align="left" valign="top" nowrap width="1%"><b>External resources:</b><ul style="margin-top: 0.25em;">
<li><a href="http://docs.haproxy.org/3.2/configuration.html">Manual of the configuration (HAProxy 3.2)</a><br>
<li><a href="http://docs.haproxy.org/3.2/management.html">Manual of management (HAProxy 3.2)</a><br>
</ul></td>`

// keepQuery has the form of the scope keep the query that the page's prefix
// begins: browsers replace it by the form's fields.
func (g *page) keepQuery(u *unit) {
	_, query, ok := strings.Cut(string(g.conf.URI), "?")
	if !ok || query == "" {
		return
	}
	name, value, _ := strings.Cut(query, "=")
	u.str(`<input type="hidden" name="`)
	u.esc(name)
	u.str(`" value="`)
	u.esc(value)
	u.str(`"/>`)
}

// outcome tells what became of an action.
func (g *page) outcome(u *unit) {
	if g.want.st == "" {
		return
	}
	n := messages[g.want.st]
	u.str("<p><div class=", n.class, `><a class=lfsb href="`)
	u.esc(string(g.conf.URI) + g.keep(true))
	u.str(`" title="Remove this message">[X]</a> `, n.text, "</div>\n<p>\n")
}

// form tells whether the proxy at hand has a form that changes its servers.
func (g *page) form() bool {
	return g.admin && g.list.IsBackend && len(g.list.Set().All) > 0
}

func (g *page) tableHead(u *unit) {
	p := g.list
	if g.form() {
		u.str(`<form method="post">`)
	}
	u.str(`<table class="tbl" width="100%">`, "\n", `<tr class="titre"><th class="pxname" width="10%"><a name="`)
	u.esc(p.Name)
	u.str(`"></a>`)
	g.tip(u, func() {
		u.str(`<a class=px href="#`)
		u.esc(p.Name)
		u.str(`">`)
		u.esc(p.Name)
		u.str("</a>")
	}, func() {
		kind := "proxy"
		switch {
		case !p.IsBackend:
			kind = "frontend"
		case !p.IsFrontend:
			kind = "backend"
		}
		u.str("cap: ", kind, ", mode: ", p.Mode.String(), ", id: ")
		u.int(int64(p.ID))
	})
	class := "empty"
	if p.Desc != "" {
		class = "desc"
	}
	u.str(`</th><th class="`, class, `" width="90%">`)
	u.esc(p.Desc)
	u.str("</th></tr>\n</table>\n", `<table class="tbl" width="100%">`, "\n", `<tr class="titre">`)
	switch {
	case g.form():
		u.str(`<th rowspan=2 width=1><input type="checkbox" onclick="for(c in document.getElementsByClassName('`)
		u.esc(p.Name)
		u.str(`-checkbox')) document.getElementsByClassName('`)
		u.esc(p.Name)
		u.str(`-checkbox').item(c).checked = this.checked"></th>`)
	case g.admin:
		u.str("<th rowspan=2></th>")
	}
	u.str(tableTitles)
	if n := len(g.modules()); g.conf.ShowModules && n > 0 {
		u.str("<th colspan=", strconv.Itoa(n), ">Extra modules</th>")
	}
	u.str("</tr>\n", tableColumns)
	if g.conf.ShowModules {
		for range g.modules() {
			u.str("<th></th>")
		}
	}
	u.str("\n</tr>")
}

const (
	tableTitles  = `<th rowspan=2></th><th colspan=3>Queue</th><th colspan=3>Session rate</th><th colspan=6>Sessions</th><th colspan=2>Bytes</th><th colspan=2>Denied</th><th colspan=3>Errors</th><th colspan=2>Warnings</th><th colspan=9>Server</th>`
	tableColumns = `<tr class="titre"><th>Cur</th><th>Max</th><th>Limit</th><th>Cur</th><th>Max</th><th>Limit</th><th>Cur</th><th>Max</th><th>Limit</th><th>Total</th><th>LbTot</th><th>Last</th><th>In</th><th>Out</th><th>Req</th><th>Resp</th><th>Req</th><th>Conn</th><th>Resp</th><th>Retr</th><th>Redis</th><th>Status</th><th>LastChk</th><th>Wght</th><th>Act</th><th>Bck</th><th>Chk</th><th>Dwn</th><th>Dwntme</th><th>Thrtle</th>`
)

func (g *page) tableEnd(u *unit) {
	u.str("</table>")
	if g.form() {
		u.str(`Choose the action to perform on the checked servers : <select name=action><option value=""></option>`)
		for _, a := range actions {
			if a.label != "" {
				u.str(`<option value="`, a.word, `">`, a.label, "</option>")
			}
		}
		u.str(`</select><input type="hidden" name="b" value="#`, strconv.Itoa(g.list.ID), `">&nbsp;<input type="submit" value="Apply"></form>`)
	}
	u.str("<p>\n")
}

// modules are the modules that have counters here, in the order of their columns.
func (g *page) modules() (names []string) {
	for i := range moduleColumns {
		if m := moduleOf(&moduleColumns[i]); g.dump.modules[i] && (len(names) == 0 || names[len(names)-1] != m) {
			names = append(names, m)
		}
	}
	return names
}

// tip appends text with a note that is shown when it is pointed at, where legends
// are wanted; the text alone elsewhere.
func (g *page) tip(u *unit, text, note func()) {
	if !g.conf.ShowLegends {
		text()
		return
	}
	u.str("<u>")
	text()
	u.str("<div class=tips>")
	note()
	u.str("</div></u>")
}
