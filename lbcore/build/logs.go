package build

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/log"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// LogTarget is one log line and where it stands.
type LogTarget struct {
	*log.Target
	Pos config.Position
}

type ringConf struct {
	name           string
	pos            config.Position
	size           int
	desc           string
	maxlen         int
	format         log.Format
	to             []*log.Forward
	connect, write time.Duration
}

func logRows() []keyword.Row {
	format := func(name, summary, good string, set func(*section, placed)) keyword.Row {
		return proxyRow(name, keyword.InFrontends, "<format>", summary, good, func(b *Builder, s *section, st *config.Statement) {
			switch {
			case len(st.Words) < 2:
				b.Alertf(st, "%s expects an argument.", name)
			case len(st.Words) > 2:
				b.Alertf(st, "%s expects only one argument, don't forget to escape spaces!", name)
			case s.lacks(true, false) != "":
				b.Warnf(st, "%s '%s' : '%s' directive is ignored in backends.", s.noun(), s.name, name)
			case set == nil:
				s.setsLogFormat(b, st, name, placed{st.Words[1], st.Pos})
			default:
				set(s, placed{st.Words[1], st.Pos})
			}
		}, name)
	}
	return []keyword.Row{
		{Class: keyword.Proxy, Name: "log", Where: keyword.InProxies, Args: "global | <target> [len <n>] [format <f>] [sample <r>:<n>] <facility> [<level> [<minlevel>]]",
			Flags: keyword.Negatable, Summary: "where the proxy's traffic is logged", Good: []keyword.Example{{Config: "log global"}, {Config: "no log"}},
			Bad: []string{"log 127.0.0.1", "log 127.0.0.1 nofacility"}, Impl: ProxyFunc(logKeyword)},
		proxyRow("log-tag", keyword.InProxies, "<text>", "the tag of the proxy's log lines", "log-tag web", func(b *Builder, s *section, st *config.Statement) {
			if len(st.Words) < 2 {
				b.Alertf(st, "'log-tag' expects a tag for use in syslog.")
				return
			}
			s.logTag = st.Word(1)
		}),
		format("log-format", "the line that is logged for a request or connection", "log-format %ci:%cp\\ %ST", nil),
		format("log-format-sd", "the structured data of rfc5424 lines", "log-format-sd [x@1\\ a=\\\"%ci\\\"]", func(s *section, p placed) { s.sdFormat = p }),
		format("error-log-format", "the line of requests and connections that failed", "error-log-format %ci", func(s *section, p placed) { s.errorFormat = p }),
	}
}

func (b *Builder) logTarget(st *config.Statement) (log.Entry, bool) {
	e, err := log.Parse(st.Words[1:], st.No, b.rules(config.LogRules))
	if err != nil {
		text := strings.TrimSuffix(err.Error(), ".")
		if strings.HasPrefix(text, "expects <address> and <facility>") { // reference: without a dot, and "global" in proxies only
			where := "or global"
			if b.opened == "global" {
				where = ""
			}
			b.Alertf(st, "log : expects <address> and <facility> %s as arguments", where)
			return e, false
		}
		b.Alertf(st, "log : %s", text)
		return e, false
	}
	if word := b.unknownLogWord(st.Words[1:], e.Target != nil && e.Target.Connects()); word != "" {
		b.Alertf(st, "log : %s.", keyword.Refusal("'"+word+"'"))
		return e, false
	}
	return e, true
}

// unknownLogWord returns the first word of a well-formed log line that has no
// row, or nothing; stream says that its target is connected to.
func (b *Builder) unknownLogWord(words []string, stream bool) string {
	if len(words) == 0 {
		return ""
	}
	target := "udp@/unix/fd@"
	if stream {
		target = "tcp@"
	}
	switch first, _, ring := strings.Cut(words[0], "@"); {
	case words[0] == "global", words[0] == "stdout", words[0] == "stderr":
		target = words[0]
	case ring && first == "ring":
		target = "ring@"
	}
	if b.Set.Lookup(keyword.LogTargetParam, target) == nil {
		return words[0]
	}
	// Behind the parameters: the facility, the level, the lowest level.
	classes := []keyword.Class{keyword.Facility, keyword.Level, keyword.Level}
	params := []string{"facility", "level", "minlevel"}
	for words = words[1:]; len(words) > 0; words = words[1:] {
		word, class, param := words[0], keyword.Class(""), words[0]
		switch word {
		case "len", "sample", "format", "profile":
			if word == "format" {
				class = keyword.LogFormat
			}
			words = words[1:]
			word = words[0]
		default:
			class, param = classes[0], params[0]
			classes, params = classes[1:], params[1:]
		}
		if b.Set.Lookup(keyword.LogTargetParam, param) == nil {
			return param
		}
		if class != "" && b.Set.Lookup(class, word) == nil {
			return word
		}
	}
	return ""
}

func globalLog(b *Builder, st *config.Statement) {
	e, ok := b.logTarget(st)
	switch {
	case !ok:
	case e.Flush:
		b.Global.LogTargets = nil
	case e.Global:
		b.Alertf(st, "log : 'global' is not supported for a global syslog server")
	default:
		b.Global.LogTargets = append(b.Global.LogTargets, &LogTarget{e.Target, st.Pos})
	}
}

func logKeyword(b *Builder, s *section, st *config.Statement) {
	e, ok := b.logTarget(st)
	switch {
	case !ok:
	case e.Flush:
		s.logTargets, s.logGlobal = nil, false
	case e.Global:
		s.logGlobal, s.logGlobalPos = true, st.Pos
	default:
		s.logTargets = append(append([]*LogTarget(nil), s.logTargets...), &LogTarget{e.Target, st.Pos})
	}
}

// logging makes a frontend's logging of what its section says. The outputs of
// its loggers are the instance's business.
func (b *Builder) logging(s *section) *proxy.Logging {
	lg := &proxy.Logging{Tag: b.tagOf(s), Loggers: b.loggersOf(s)}
	lg.Format = b.format(s, s.logFormat, sample.ForLog, sample.Logs, "log-format")
	lg.Steps = s.logSteps
	for _, l := range lg.Loggers {
		lg.Profiled = lg.Profiled || l.Profile != nil
	}
	lg.SD = b.format(s, s.sdFormat, sample.ForLog, sample.Logs, "log-format-sd")
	if len(lg.Loggers) == 0 && (lg.Format != nil || lg.SD != nil) {
		b.Diag.Rawf(config.Warning, "log format ignored for %s '%s' since it has no log address.", s.noun(), s.name)
	}
	lg.Error = b.format(s, s.errorFormat, sample.ForLog, sample.Logs, "error-log-format")
	for _, f := range []string{s.logFormat.text, s.errorFormat.text, s.sdFormat.text} {
		lg.ServerSide = lg.ServerSide || strings.Contains(f, "bi") || strings.Contains(f, "bp") || strings.Contains(f, "bc_src")
	}
	return lg
}

func (b *Builder) tagOf(s *section) string {
	if s.logTag != "" {
		return s.logTag
	}
	return b.Global.LogTag
}

// loggersOf returns the loggers of a section's targets.
func (b *Builder) loggersOf(s *section) []*log.Logger {
	targets := s.logTargets
	if s.logGlobal {
		targets = append(append([]*LogTarget(nil), targets...), b.Global.LogTargets...)
	}
	var all []*log.Logger
	for _, t := range targets {
		b.findRing(s, t)
		b.findProfile(s, t)
		all = append(all, b.logger(t))
	}
	return all
}

// findRing notes what keeps the program from starting when a target's ring does
// not exist; the section is nil for the global targets. Reference: -c does not
// notice, and "log global" is blamed where it stands.
func (b *Builder) findRing(s *section, t *LogTarget) {
	if t.Kind != log.InRing || b.rings[t.Ring] != nil {
		return
	}
	if s == nil {
		b.late = append(b.late, fmt.Sprintf("global log directive declared in file %s at line '%d' uses unknown ring named '%s'.", t.Pos.File, t.Pos.Line, t.Ring))
		return
	}
	pos := t.Pos
	if s.logGlobal && slices.Contains(b.Global.LogTargets, t) {
		pos = s.logGlobalPos
	}
	b.late = append(b.late, fmt.Sprintf("log directive declared in proxy section '%s' in file '%s' at line %d uses unknown ring named '%s'.", s.name, pos.File, pos.Line, t.Ring))
}

// logger returns the one logger of a target, so that sampling and counters are
// shared by the proxies that use it.
func (b *Builder) logger(t *LogTarget) *log.Logger {
	if b.loggers == nil {
		b.loggers = map[*log.Target]*log.Logger{}
	}
	l := b.loggers[t.Target]
	if l == nil {
		l = &log.Logger{Target: t.Target, Profile: b.logProfile(t)}
		if r := b.rings[t.Ring]; t.Kind == log.InRing && r != nil && t.Format == log.Unspecified {
			t.Format = r.format
		}
		b.loggers[t.Target] = l
	}
	return l
}

// format compiles a log format; nil when there is none or after an error.
func (b *Builder) format(s *section, f placed, place sample.Place, valid sample.Validity, what string) *sample.Format {
	text := f.text
	if text == "" {
		return nil
	}
	if name, ok := strings.CutPrefix(text, builtinFormat); ok {
		text = map[string]string{"http": config.HTTPLogFormat, "https": config.HTTPSLogFormat, "httpclf": config.HTTPCLFLogFormat, "tcp": config.TCPLogFormat, "tcpclf": config.TCPCLFLogFormat}[name]
	}
	in := map[sample.Place]string{sample.ForLog: "log-format string", sample.ForID: "unique-id-format string", sample.ForString: "use_backend expression"}[place]
	o := sample.Options{Place: valid, Words: b.Set, Files: b.Files, ProcVars: b.procVars, Lists: b.lists, Proxy: s.name, File: f.pos.File, Line: f.pos.Line, Env: b.Env.Lookup, Refs: b.holdRefs(in),
		Warn: func(w string) { b.Diag.Warnf(f.pos, "%s", w) }}
	c, err := sample.CompileFormat(b.Set, text, sample.FormatOptions{Options: o, For: place, HTTP: s.mode == proxy.HTTP})
	if err != nil {
		b.Diag.Rawf(config.Alert, "Parsing [%s]: failed to parse %s : %s.", f.pos, what, strings.TrimSuffix(err.Error(), "."))
		return nil
	}
	return c
}

func ringRows() []keyword.Row {
	row := func(name, args, good, summary string, f func(*Builder, *ringConf, *config.Statement)) keyword.Row {
		return keyword.Row{Class: keyword.SectionRing, Name: name, Where: keyword.InOther, Args: args, Summary: summary,
			Good: []keyword.Example{{Config: good}}, Impl: f}
	}
	return []keyword.Row{
		row("size", "<bytes>", "size 64k", "how much the ring keeps", func(b *Builder, r *ringConf, st *config.Statement) {
			n, err := config.ParseSize(st.Word(1))
			if err != nil || n < 1024 {
				b.Alertf(st, "invalid size '%s' for ring '%s'.", st.Word(1), r.name)
				return
			}
			r.size = int(n)
		}),
		row("description", "<text>", "description last lines", "text about the ring", func(_ *Builder, r *ringConf, st *config.Statement) {
			r.desc = strings.Join(st.Words[1:], " ")
		}),
		row("maxlen", "<bytes>", "maxlen 1200", "longest line", func(b *Builder, r *ringConf, st *config.Statement) {
			if r.maxlen = atoi(st.Word(1)); r.maxlen <= 0 {
				b.Alertf(st, "invalid size '%s' for new sink buffer.", st.Word(1))
			}
		}),
		row("format", "<format>", "format rfc5424", "how lines are framed that do not say it", ringFormat),
		row("server", "<name> <address> [log-proto legacy|octet-count]", "server s1 127.0.0.1:514", "where the lines are sent to over a connection", ringServer),
		row("timeout:connect", "<time>", "timeout connect 5s", "how long connecting may take", nil),
		row("timeout:server", "<time>", "timeout server 5s", "how long the server may take no more", nil),
	}
}

func (b *Builder) openRing(st *config.Statement) config.Outcome {
	name := st.Word(1)
	if name == "" {
		b.Alertf(st, "missing ring name.")
		return config.Abort
	}
	if b.rings[name] != nil {
		b.Alertf(st, "sink named '%s' already exists.", name)
	}
	b.ring = &ringConf{name: name, pos: st.Pos, size: 16384}
	b.rings[name] = b.ring
	b.ringOrder = append(b.ringOrder, b.ring)
	return config.Continue
}

func (b *Builder) ringLine(st *config.Statement) {
	if st.Words[0] == "timeout" {
		b.ringTimeout(st)
		return
	}
	row := b.Set.Lookup(keyword.SectionRing, st.Words[0])
	if row == nil {
		b.unknown(st, keyword.SectionRing, st.Words[0], "keyword", "'ring' section", b.Set.Names(keyword.SectionRing))
		return
	}
	if f, ok := row.Impl.(func(*Builder, *ringConf, *config.Statement)); ok && f != nil {
		f(b, b.ring, st)
	}
}

func ringFormat(b *Builder, r *ringConf, st *config.Statement) {
	row := b.Set.Lookup(keyword.LogFormat, st.Word(1))
	if row == nil {
		b.Alertf(st, "unknown format '%s'.", st.Word(1))
		return
	}
	if !b.tooMany(st, 2) {
		r.format = row.Impl.(log.Format)
	}
}

// ringServer reads where the lines of a ring go.
func ringServer(b *Builder, r *ringConf, st *config.Statement) {
	if len(st.Words) < 3 {
		b.alertTight(st.Pos, "'server' expects <name> and <addr>[:<port>] as arguments.")
		return
	}
	a, err := config.ParseAddress(st.Words[2], b.rules(config.LogRules))
	f := &log.Forward{To: &log.Target{Text: st.Words[1]}}
	switch {
	case err != nil:
		b.Alertf(st, "'server %s/%s' : %s", r.name, st.Words[1], err)
		return
	case a.Family == config.Unix:
		f.To.Path = a.Path
	case a.Family == config.Abstract || a.Family == config.AbstractZ:
		f.To.Path = "@" + a.AbstractName()
	case !a.IP.IsValid() || a.Port == 0:
		b.Alertf(st, "'server %s/%s' : no address and port in '%s'", r.name, st.Words[1], st.Words[2])
		return
	default:
		f.To.Addr = netip.AddrPortFrom(a.IP, uint16(a.Port))
	}
	for i := 3; i < len(st.Words); i++ {
		if st.Words[i] != "log-proto" {
			b.Alertf(st, "'server %s/%s' : '%s' is known to lines of backends, not to those of rings in gohap.", r.name, st.Words[1], st.Words[i])
			return
		}
		switch i++; st.Word(i) {
		case "legacy":
			f.Counted = false
		case "octet-count":
			f.Counted = true
		default:
			b.Alertf(st, "'server %s/%s' : 'log-proto' expects one of 'legacy' or 'octet-count' but got '%s'.", r.name, st.Words[1], st.Word(i))
			return
		}
	}
	r.to = append(r.to, f)
}

// ringTimeout reads timeout connect and timeout server of a ring.
func (b *Builder) ringTimeout(st *config.Statement) {
	word := "timeout " + st.Word(1)
	if b.Set.Lookup(keyword.SectionRing, "timeout:"+st.Word(1)) == nil {
		b.Alertf(st, "'timeout' of a ring expects 'connect' or 'server' (got '%s').", st.Word(1))
		return
	}
	text := st.Word(2)
	if text == "" {
		b.Alertf(st, "'%s' expects <time> as argument.", word)
		return
	}
	d, ok := b.time(st, text, word, time.Millisecond)
	switch {
	case !ok:
	case st.Words[1] == "connect":
		b.ring.connect = d
	default:
		b.ring.write = d
	}
}

// newRing makes the ring of a section and says where its lines go.
func (c *ringConf) newRing() *log.Ring {
	r := log.NewRing(c.name, c.size)
	r.Desc, r.MaxLen = cmp.Or(c.desc, c.name), c.maxlen
	for _, f := range c.to {
		f.Connect, f.Write = c.connect, c.write
	}
	return r
}
