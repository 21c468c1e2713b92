package build

import (
	"os"
	"time"

	"gohap/lbcore/check"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/log"
	"gohap/lbcore/loop"

	"net/netip"
)

const (
	sectionMailers keyword.Class = "section mailers"
	emailAlert     keyword.Class = "email-alert subkeywords"

	mailTimeout = "timeout:mail" // the one time of its section
)

// Whether external checks are allowed.
const (
	noExternal = iota
	cleanEnv
	preserveEnv
)

type mailersConf struct {
	check.Mailers
	pos  config.Position
	used bool
}

type alertConf struct {
	from, to, mailers, host string
	level                   int // log level plus one, zero for the default
	set                     bool
}

func mailRows() []keyword.Row {
	row := func(class keyword.Class, name, args, summary, good string, bad ...string) keyword.Row {
		return keyword.Row{Class: class, Name: name, Args: args, Summary: summary, Good: []keyword.Example{{Config: good}}, Bad: bad}
	}
	return []keyword.Row{
		row(sectionMailers, "mailer", "<name> <address>:<port>", "an SMTP server that alerts are sent by", "mailer m1 127.0.0.1:25", "mailer m1"),
		row(sectionMailers, mailTimeout, "mail <time>", "how long the delivery of an alert may take", "timeout mail 20s", "timeout mail"),
		row(emailAlert, "from", "<address>", "who sends alerts", "email-alert from a@example.org"),
		row(emailAlert, "to", "<address>", "who gets alerts", "email-alert to b@example.org"),
		row(emailAlert, "level", "<level>", "the least important level that is sent", "email-alert level notice"),
		row(emailAlert, "mailers", "<name>", "the mailers section that alerts go through", "email-alert mailers m"),
		row(emailAlert, "myhostname", "<name>", "the name that mailers are greeted with", "email-alert myhostname lb1"),
		proxyRow("email-alert", keyword.InProxies, "from|to|level|mailers|myhostname <value>", "alerts by e-mail when servers change", "email-alert level notice", alertKeyword, "email-alert", "email-alert foo"),
	}
}

func checkGlobalRows() []keyword.Row {
	row := globalRow
	fork := row("insecure-fork-wanted", "", "lets the process start others, for external checks", "insecure-fork-wanted", func(b *Builder, st *config.Statement) {
		if !b.tooMany(st, 1) {
			b.Global.ForkWanted = !st.No && !st.Default
		}
	}, "insecure-fork-wanted x")
	fork.Flags = keyword.Negatable
	return []keyword.Row{
		row("external-check", "[preserve-env]", "allows option external-check", "external-check", func(b *Builder, st *config.Statement) {
			switch {
			case len(st.Words) > 2 && st.Words[1] == "preserve-env":
				b.Alertf(st, "'external-check' cannot handle unexpected argument '%s'.", st.Words[2])
			case len(st.Words) > 1 && st.Words[1] != "preserve-env":
				b.Alertf(st, "'external-check' only supports 'preserve-env' as an argument, found '%s'.", st.Words[1])
			case len(st.Words) > 1:
				b.Global.ExternalCheck = preserveEnv
			default:
				b.Global.ExternalCheck = cleanEnv
			}
		}, "external-check foo"),
		fork,
		row("pp2-never-send-local", "", "checks say addresses in PROXY headers of version 2, not that they speak for themselves", "pp2-never-send-local", func(b *Builder, st *config.Statement) {
			if !b.tooMany(st, 1) {
				b.Global.NeverLocal = true
			}
		}, "pp2-never-send-local x"),
		row("spread-checks", "<percent>", "how much intervals of checks vary by chance", "spread-checks 5", func(b *Builder, st *config.Statement) {
			if b.tooMany(st, 2) {
				return
			}
			if len(st.Words) < 2 {
				b.alertTight(st.Pos, "'spread-checks' expects an integer argument (0..50).")
				return
			}
			n := atoi(st.Words[1])
			if st.Words[1][0] == '-' || n > 50 {
				b.alertTight(st.Pos, "'spread-checks' needs a positive value in range 0..50.")
				return
			}
			b.Global.SpreadChecks = n
		}, "spread-checks 51"),
		row("max-spread-checks", "<time>", "over how long first checks are spread at most", "max-spread-checks 5s", func(b *Builder, st *config.Statement) {
			if b.tooMany(st, 2) {
				return
			}
			if len(st.Words) < 2 {
				b.alertTight(st.Pos, "'max-spread-checks' expects an integer argument (0..50).")
				return
			}
			t, err := config.ParseTime(st.Words[1], time.Millisecond)
			if e, bad := err.(*config.CharError); bad {
				b.alertTight(st.Pos, "unsupported character '%c' in 'max-spread-checks' (wants an integer delay).", e.Char)
			} else if err != nil {
				b.alertTight(st.Pos, "%s in argument <%s> to <max-spread-checks>, maximum value is 2147483647 ms (~24.8 days).", err, st.Words[1])
			}
			b.Global.MaxSpreadChecks = t.Value
		}, "max-spread-checks x"),
	}
}

func alertKeyword(b *Builder, s *section, st *config.Statement) {
	word, value := st.Word(1), st.Word(2)
	a := &s.alerts
	switch {
	case word == "":
		b.Alertf(st, "missing argument after 'email-alert'.")
		return
	case b.Set.Lookup(emailAlert, word) == nil:
		b.Alertf(st, "email-alert: unknown argument '%s'.", word)
		return
	case word == "level":
		level, ok := log.ParseLevel(value)
		if !ok {
			b.Alertf(st, "unknown log level '%s' after 'level'", value)
			return
		}
		a.level = int(level) + 1
	case value == "":
		b.Alertf(st, "missing argument after '%s'.", word)
		return
	default:
		*map[string]*string{"from": &a.from, "to": &a.to, "mailers": &a.mailers, "myhostname": &a.host}[word] = value
	}
	a.set = true
}

func (b *Builder) openMailers(st *config.Statement) config.Outcome {
	name := st.Word(1)
	b.mailing = nil
	if name == "" {
		b.Alertf(st, "missing name for mailers section.")
		return config.Abort
	}
	if bad := badName(name); bad != 0 {
		b.Alertf(st, "character '%c' is not permitted in 'mailers' name '%s'.", bad, name)
		return config.Abort
	}
	for _, o := range b.mailers {
		if o.Name == name {
			b.Diag.Rawf(config.Alert, "config : Parsing [%s]: mailers section '%s' has the same name as another mailers section declared at %s.", st.Pos, name, o.pos)
		}
	}
	b.mailing = &mailersConf{Mailers: check.Mailers{Name: name, Timeout: 10 * time.Second}, pos: st.Pos}
	b.mailers = append(b.mailers, b.mailing)
	return config.Continue
}

func (b *Builder) mailersLine(st *config.Statement) {
	if b.mailing == nil {
		return
	}
	word := st.Words[0]
	if word == "timeout" {
		word = mailTimeout
	}
	if b.Set.Lookup(sectionMailers, word) == nil {
		b.Alertf(st, "unknown keyword '%s' in '%s' section", st.Words[0], "mailers")
		return
	}
	if word == "mailer" {
		b.mailerLine(st)
		return
	}
	switch {
	case len(st.Words) < 2:
		b.Alertf(st, "'timeout' expects 'mail' and <time> as arguments.")
	case st.Words[1] != "mail":
		b.Alertf(st, "'timeout' expects 'mail' and <time> as arguments got '%s'.", st.Words[1])
	case len(st.Words) < 3:
		b.Alertf(st, "'timeout mail' expects <time> as argument.")
	default:
		t, err := config.ParseTime(st.Words[2], time.Millisecond)
		if e, bad := err.(*config.CharError); bad {
			b.alertTight(st.Pos, "unexpected character '%c' in argument to <timeout mail>.", e.Char)
		} else if err != nil {
			b.time(st, st.Words[2], "timeout mail", time.Millisecond)
		} else if t.Value > 0 {
			b.mailing.Timeout = t.Value
		}
	}
}

func (b *Builder) mailerLine(st *config.Statement) {
	if len(st.Words) < 3 {
		b.Alertf(st, "'mailer' expects <name> and <addr>[:<port>] as arguments.")
		return
	}
	name, text := st.Words[1], st.Words[2]
	if bad := badName(name); bad != 0 {
		b.Alertf(st, "character '%c' is not permitted in server name '%s'.", bad, name)
		return
	}
	a, err := config.ParseAddress(text, b.rules(config.PeerRules))
	switch {
	case err != nil:
		b.Alertf(st, "'mailer %s' : %s", name, err)
	case !a.IP.IsValid():
		b.Alertf(st, "'mailer %s' : TCP not supported for this address family.", name)
	default:
		b.mailing.Servers = append(b.mailing.Servers, check.Mailer{Name: name, Addr: loop.IPSockaddr(netip.AddrPortFrom(a.IP, uint16(a.Port)))})
	}
}

// settleAlerts connects proxies with the mailers that they name.
func (b *Builder) settleAlerts() {
	for _, s := range b.sections {
		a := &s.alerts
		if !a.set {
			continue
		}
		if a.from == "" || a.to == "" || a.mailers == "" {
			b.Diag.Rawf(config.Warning, "'email-alert' will be ignored for %s '%s' (the presence any of 'email-alert from', 'email-alert level' 'email-alert mailers', 'email-alert myhostname', or 'email-alert to' requires each of 'email-alert from', 'email-alert mailers' and 'email-alert to' to be present).", s.noun(), s.name)
			continue
		}
		var to *mailersConf
		for _, m := range b.mailers {
			if m.Name == a.mailers {
				to = m
			}
		}
		if to == nil {
			b.Diag.Rawf(config.Alert, "Proxy '%s': unable to find mailers '%s'.", s.name, a.mailers)
			continue
		}
		to.used = true
		x := &check.Alerts{Mailers: &to.Mailers, From: a.from, To: a.to, Host: a.host, Level: check.LevelAlert}
		if a.level > 0 {
			x.Level = a.level - 1
		}
		if x.Host == "" {
			x.Host, _ = os.Hostname()
		}
		b.alerts[s.p] = x
	}
	for _, m := range b.mailers {
		if !m.used {
			b.Diag.Rawf(config.Warning, "Removing incomplete section 'mailers %s'.", m.Name)
		}
	}
}
