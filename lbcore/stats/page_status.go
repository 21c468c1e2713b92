package stats

import (
	"strings"

	"gohap/lbcore/proxy"
)

// This file is how a page tells the state of a server: by words and by a colour,
// whose class the style sheet knows.

// serverClass is the class of a server's line (reference): by its state, and
// whether it is a backup.
func serverClass(o *object) string {
	text := serverStatus(o.s, &o.health)
	side := "active_"
	if o.s.IsBackup() {
		side = "backup_"
	}
	partial := strings.Contains(text, "/")
	switch word, rest, _ := strings.Cut(text, " "); {
	case word == "MAINT":
		return "maintain"
	case text == "no check":
		return side + "no_check"
	case word == "DOWN" && partial && rest != "(agent)":
		return side + "going_up"
	case word == "DOWN":
		return side + "down"
	case word == "NOLB":
		return side + "nolb"
	case rest == "(agent)": // reference: a server that its agent drains is shown as one that is up
		return side + "up"
	case word == "DRAIN", o.s.UserWeight() == 0 && !partial:
		return side + "draining"
	case partial:
		return side + "going_down"
	}
	return side + "up"
}

// statusCell tells the state and since when.
func statusCell(u *unit, o *object) {
	text := serverStatus(o.s, &o.health)
	u.str("<td class=ac>")
	if text == "no check" {
		u.str("<i>no check</i></td>")
		return
	}
	if strings.HasPrefix(text, "MAINT (via") { // the cells of the checks tell
		text = "MAINT"
	}
	u.str(span(lastChange(o).n), " ", text)
	if _, count, ok := strings.Cut(text, " "); ok && strings.Contains(count, "/") {
		if strings.HasPrefix(text, "DOWN") {
			u.str(" &uarr;")
		} else {
			u.str(" &darr;")
		}
	}
	u.str("</td>")
}

// checkCell tells of the latest check.
func checkCell(u *unit, o *object) {
	st := o.cell("check_status")
	if !st.set {
		u.str("<td></td>")
		return
	}
	text := st.s
	if !strings.HasPrefix(text, "* ") {
		text = " " + text
	}
	u.str("<td class=ac><u>")
	u.esc(text)
	if code := o.cell("check_code"); code.set {
		u.str("/")
		u.int(code.n)
	}
	if d := o.cell("check_duration"); d.set {
		u.str(" in ")
		u.int(d.n)
		u.str("ms")
	}
	u.str("<div class=tips>")
	u.esc(o.cell("check_desc").s)
	if info := o.cell("last_chk").s; info != "" {
		u.str(": ")
		u.esc(info)
	}
	u.str("</div></u></td>")
}

// healthCells tell how often checks failed, how often the server went down and for
// how long; of a server that follows another one, which.
func healthCells(u *unit, o *object) {
	switch t := o.s.Watch.Track; {
	case checks(o.s):
		u.str("<td><u>")
		u.num(checkFails(o).n)
		what := "Failed Health Checks"
		if o.s.Watch.Observe != proxy.ObserveNone {
			u.str("/")
			u.num(o.s.ObservedFails())
			what = "Failed Health Checks/Health Analyses"
		}
		u.str("<div class=tips>", what, "</div></u></td>")
		u.nums(o, "chkdown")
		u.str("<td>", span(downTime(o).n), "</td>")
	case t != nil:
		u.str(`<td class=ac colspan=3><a class=lfsb href="#`)
		u.esc(t.Proxy.Name + "/" + t.Name)
		u.str(`">via `)
		u.esc(t.Proxy.Name + "/" + t.Name)
		u.str("</a></td>")
	default:
		u.str("<td colspan=3></td>")
	}
}
