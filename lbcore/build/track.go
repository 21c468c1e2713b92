//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"strconv"

	"gohap/lbcore/config"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// This file has what track-sc rules need of the configuration.

// maxStickCounters bounds what each tracked request costs.
const maxStickCounters = 1024

// stickCounters reads tune.stick-counters.
func stickCounters(b *Builder, st *config.Statement) {
	text := st.Word(1)
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		b.Alertf(st, "tune.stick-counters: '%s' is an invalid number", text)
	case n < 0:
		b.Alertf(st, "tune.stick-counters: the number of stick-counters may not be negative (was %d)", n)
	case n > maxStickCounters:
		b.Alertf(st, "tune.stick-counters: %d is more than %d.", n, maxStickCounters)
	default:
		if len(st.Words) > 2 { // the reference passes over them in silence
			b.Warnf(st, "'tune.stick-counters' takes one argument, '%s' is ignored.", st.Words[2])
		}
		b.Global.Limits.StickCounters = n
	}
}

// StickCounters implements rule.Host.
func (b *Builder) StickCounters() int { return b.Global.Limits.StickCounters }

// A tableUser is an action that works on a stick table.
type tableUser struct {
	rule.TableUser
	word  string // the action as written
	owner *section
	table string
	http  bool // in rules of HTTP

	settled bool
}

// NeedTable implements rule.Host.
func (b *Builder) NeedTable(of *rule.Args, word, name string, own bool, to rule.TableUser) {
	u := tableUser{TableUser: to, word: word, owner: b.sec, table: name, http: of.HTTP}
	if own {
		u.table = b.sec.name
	}
	b.tableUsers = append(b.tableUsers, u)
}

// settleTableUsers gives actions their tables. Reference: those of HTTP rules come
// behind the others of a proxy, those of a defaults section with its first heir.
func (b *Builder) settleTableUsers() {
	for _, s := range b.sections {
		b.settleTables(s, false)
		b.warnTracking(s)
		b.settleTables(s, true)
	}
}

func (b *Builder) settleTables(s *section, http bool) {
	for i := range b.tableUsers {
		u := &b.tableUsers[i]
		if u.settled || u.http != http || u.owner != s && u.owner != s.from {
			continue
		}
		u.settled = true
		b.settleTableUser(u)
	}
}

func (b *Builder) settleTableUser(u *tableUser) {
	t := b.table(u.table)
	switch {
	case t == nil:
		b.Diag.Rawf(config.Alert, "Proxy '%s': unable to find table '%s' referenced by %s.", u.owner.name, u.table, u.word)
	case !u.UseTable(t):
		b.Diag.Rawf(config.Alert, "Proxy '%s': stick-table '%s' uses a type incompatible with the '%s' rule.", u.owner.name, u.table, u.word)
	}
}

// warnTracking tells of content rules that track too late, or what may not be there.
func (b *Builder) warnTracking(s *section) {
	if !s.p.IsFrontend || s.kind == "defaults" {
		return
	}
	for _, r := range s.p.TCPReqRules {
		a, ok := r.Action.(interface{ Contents() (depends, ok bool) })
		if !ok {
			continue
		}
		switch depends, ok := a.Contents(); {
		case !ok:
		case depends:
			if s.inspectDelay == 0 {
				b.Diag.Rawf(config.Warning, "%s '%s' : a 'tcp-request content track-sc*' rule explicitly depending on request contents without any 'tcp-request inspect-delay' setting."+
					" This means that this rule will randomly find its contents. This can be fixed by setting the tcp-request inspect-delay.", s.noun(), s.name)
			}
		case s.mode == proxy.HTTP && (r.Cond == nil || r.Cond.Validity()&sample.FrontendSession != 0):
			b.Diag.Rawf(config.Warning, "%s '%s' : a 'tcp-request content track-sc*' rule not depending on request contents for an HTTP frontend should be executed at the session level,"+
				" using a 'tcp-request session' rule (mandatory to track invalid HTTP requests).", s.noun(), s.name)
		}
	}
}

var _ rule.Host = (*Builder)(nil)
