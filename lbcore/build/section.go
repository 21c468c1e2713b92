package build

import (
	"fmt"
	"slices"
	"time"

	"gohap/lbcore/acl"
	"gohap/lbcore/check"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// conf is what a proxy inherits: a plain value, copied from a defaults section.
type conf struct {
	mode          proxy.Mode
	options       proxy.Options
	timeouts      proxy.Timeouts
	maxconn       int64
	backlog       int
	fullconn      int
	keepQueue     int64 // max-keep-alive-queue
	retries       int
	redispatch    int
	reuse         proxy.Reuse
	retryOn       proxy.RetryOn
	sessConns     int
	balancing     balancing
	forwardFor    *proxy.Forwarded
	originalTo    *proxy.Forwarded
	rfc7239       *forwardedLine
	pages         []pageLine
	logTargets    []*LogTarget
	logGlobal     bool
	logGlobalPos  config.Position
	logTag        string
	logFormat     placed
	logFormatWord string // that set it
	errorFormat   placed
	sdFormat      placed
	logSteps      uint32
	uniqueFormat  placed
	uniqueHeader  string
	monitorURI    string
	sessRate      int64
	defBackend    placed
	disabled      bool
	defaultServer []string
	cookieCapture *proxy.CookieCapture
	check         checkConf
	alerts        alertConf
	inspectDelay  time.Duration
	inspectResp   time.Duration
	cookie        *cookieLine
	dynamicKey    string
	sendName      string
	rdpCookie     placed // of persist rdp-cookie
	stateFrom     proxy.StateSource
	source        sourceLine
	stats         *statsPage
}

// placed is a text with the place that it was written at, for messages that
// come later.
type placed struct {
	text string
	pos  config.Position
}

// section is a defaults or proxy section.
type section struct {
	conf
	kind  string
	name  string
	pos   config.Position
	where keyword.Where
	scope *acl.Scope
	from  *section
	twin  *section // a defaults section of the same name before it
	used  bool     // a defaults section that was referenced by name
	ruled bool     // a defaults section that has rules
	heir  string   // the kind of proxies that took them
	named bool     // a defaults section with a name
	p     *proxy.Proxy

	binds      []*bindLine
	servers    []*serverLine
	dispatch   *serverLine // nil for none
	switches   []switchLine
	useServers []useServer
	sticks     []stickLine
	monitors   []*acl.Cond
	final      map[keyword.Class]bool // the latest rule of a set ends it
	seen       int                    // the classes of rules so far, a bit each, for warnings
	plan       *check.Plan            // of the servers' checks, nil to connect alone
	id         int
	modeSet    bool
	// stateFile is server-state-file-name, empty for the backend's name.
	stateFile string
}

type switchLine struct {
	cond *acl.Cond
	name string
	pos  config.Position
}

func builtinConf() conf {
	return conf{retries: 3, keepQueue: -1, retryOn: proxy.RetryConn, sessConns: 5, logFormat: placed{}}
}

// openProxy begins a defaults, frontend, backend or listen section.
func (b *Builder) openProxy(st *config.Statement) config.Outcome {
	kind, name := st.Words[0], st.Word(1)
	where := map[string]keyword.Where{"defaults": keyword.InDefaults, "frontend": keyword.InFrontend,
		"backend": keyword.InBackend, "listen": keyword.InListen}[kind]
	if kind == "defaults" && name == "from" {
		name = ""
	}
	if kind != "defaults" && name == "" {
		b.Alertf(st, "'%s' expects an <id> argument%s", kind, map[bool]string{true: ".", false: ""}[false])
		return config.Abort
	}
	if bad := badName(name); bad != 0 {
		b.Alertf(st, "character '%c' is not permitted in '%s' name '%s'.", bad, kind, name)
	}
	s := &section{kind: kind, name: name, pos: st.Pos, where: where, named: name != "", scope: acl.NewScope(b.Set)}
	s.scope.Refs = b.lists
	s.p = &proxy.Proxy{Name: name, File: st.Pos.File, Line: st.Pos.Line, Kind: kind,
		IsFrontend: kind == "frontend" || kind == "listen", IsBackend: kind == "backend" || kind == "listen"}
	b.sec = s
	b.inherit(st, s)
	b.oldAddress(st, s)
	if kind == "defaults" {
		b.addDefaults(st, s)
		return config.Continue
	}
	b.addProxy(st, s)
	return config.Continue
}

// badName returns the first character that a proxy's name, and a guid, may not have.
func badName(name string) rune {
	for _, c := range name {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_', c == '.', c == ':':
		default:
			return c
		}
	}
	return 0
}

// inherit copies the settings of the defaults section that applies.
func (b *Builder) inherit(st *config.Statement, s *section) {
	s.conf = builtinConf()
	base := b.current
	explicit := false
	for i := 1; i < len(st.Words); i++ {
		if st.Words[i] != "from" {
			continue
		}
		explicit = true
		base = b.defaults[st.Word(i+1)]
		if base == nil {
			b.stopf(st, "defaults section '%s' not found for %s '%s'.", st.Word(i+1), s.noun(), s.name)
			return
		}
		if base.twin != nil {
			b.Alertf(st, "ambiguous defaults section name '%s' referenced by %s '%s' exists at least at %s and %s.", base.name, s.noun(), s.name, base.pos, base.twin.pos)
		}
		base.used = true
	}
	if base == nil || s.kind == "defaults" && !explicit {
		return
	}
	if s.kind == "listen" && base.ruled {
		b.alertTight(st.Pos, "a listen section cannot inherit from a defaults section defining TCP/HTTP rules.")
		b.stop = true
		return
	}
	if s.kind == "defaults" && base.ruled {
		b.alertTight(st.Pos, "a defaults section cannot inherit from a defaults section defining TCP/HTTP rules (defaults section at %s).", base.pos)
		b.stop = true
		return
	}
	s.from = base
	s.conf = base.conf
	s.check.ownTCP, s.check.ownHTTP = false, false
	s.pages = slices.Clone(base.pages)
	if base.ruled && s.kind != "defaults" && b.mayInherit(s, st) {
		s.copyRules(base)
	}
}

// copyRules takes over the rules of a named defaults section: they run first.
func (s *section) copyRules(base *section) {
	d, p := base.p, s.p
	p.HTTPReqRules = append(p.HTTPReqRules, d.HTTPReqRules...)
	p.HTTPResRules = append(p.HTTPResRules, d.HTTPResRules...)
	p.HTTPAfterRules = append(p.HTTPAfterRules, d.HTTPAfterRules...)
	p.TCPConnRules = append(p.TCPConnRules, d.TCPConnRules...)
	p.TCPSessRules = append(p.TCPSessRules, d.TCPSessRules...)
	p.TCPReqRules = append(p.TCPReqRules, d.TCPReqRules...)
	p.TCPResRules = append(p.TCPResRules, d.TCPResRules...)
}

func (b *Builder) addDefaults(st *config.Statement, s *section) {
	if s.name != "" {
		if old := b.defaults[s.name]; old != nil && old.used {
			b.Diag.Rawf(config.Alert, "config : Parsing [%s]: defaults '%s' has the same name as another defaults section declared at %s which was explicitly referenced hence cannot be replaced. Please remove or rename one of the offending defaults section.", st.Pos, s.name, old.pos)
			b.stop = true
		} else if old != nil {
			s.twin = old
		}
		b.defaults[s.name] = s
	}
	b.current = s
}

func (b *Builder) addProxy(st *config.Statement, s *section) {
	for _, o := range b.sections {
		if o.name != s.name {
			continue
		}
		clash := s.p.IsFrontend && o.p.IsFrontend || s.p.IsBackend && o.p.IsBackend
		text := fmt.Sprintf("config : Parsing [%s]: %s '%s' has the same name as %s '%s' declared at %s.", st.Pos, s.noun(), s.name, o.noun(), o.name, o.pos)
		if clash {
			b.Diag.Add(config.Alert, text)
		}
		b.Diag.Add(config.Warning, text+" This is dangerous and will not be supported anymore in version 3.3.")
		break
	}
	b.sections = append(b.sections, s)
	if s.p.IsBackend || b.byName[s.name] == nil {
		b.byName[s.name] = s
	}
}

// oldAddress takes the 1.x form of a listening address on the section's line,
// which today's reference refuses.
func (b *Builder) oldAddress(st *config.Statement, s *section) {
	i := 2
	if s.kind == "defaults" {
		return
	}
	if st.Word(i) == "from" {
		i += 2
	}
	if i >= len(st.Words) {
		return
	}
	if !s.p.IsFrontend {
		b.tooMany(st, i)
		return
	}
	b.Warnf(st, "an address on a '%s' line is an old form; please write 'bind %s' in the section.", s.kind, st.Words[i])
	line := *st
	line.Words = append([]string{"bind"}, st.Words[i:]...)
	bindKeyword(b, s, &line)
}

// proxyLine dispatches a line of a defaults or proxy section.
func (b *Builder) proxyLine(st *config.Statement) {
	s, word := b.sec, st.Words[0]
	if s == nil {
		return
	}
	row := b.Set.Lookup(keyword.Proxy, word)
	if row == nil {
		if r := b.Set.Lookup(keyword.ProxyRejected, word); r != nil {
			r.Impl.(ProxyFunc)(b, s, st)
			return
		}
		b.unknown(st, keyword.Proxy, word, "keyword", fmt.Sprintf("'%s' section", s.kind), b.Set.Names(keyword.Proxy))
		return
	}
	if (st.No || st.Default) && row.Flags&keyword.Negatable == 0 {
		b.Alertf(st, "negation/default currently supported only for options, log, busy-polling, set-dumpable, strict-limits, insecure-fork-wanted and numa-cpu-mapping.")
		return
	}
	row.Impl.(ProxyFunc)(b, s, st)
}

// needs tells whether a section has the capability of a keyword; where it has
// not, the reference warns and ignores the line.
func (b *Builder) needs(s *section, st *config.Statement, what string, frontend, backend bool) bool {
	side := s.lacks(frontend, backend)
	if side == "" {
		return true
	}
	hint := map[string]string{"fullconn": " Maybe you want 'maxconn' instead ?", "maxconn": " Maybe you want 'fullconn' instead ?"}[what]
	b.Warnf(st, "'%s' ignored because %s '%s' has no %s capability.%s", what, s.noun(), s.name, side, hint)
	return false
}

// lacks names the side that a keyword wants and the section has not, "" when
// all is well.
func (s *section) lacks(frontend, backend bool) string {
	switch {
	case s.kind == "defaults" || frontend && backend:
	case frontend && !s.p.IsFrontend:
		return "frontend"
	case backend && !s.p.IsBackend:
		return "backend"
	}
	return ""
}

// noun is the kind of section as messages call it.
func (s *section) noun() string {
	if s.kind == "listen" {
		return "proxy"
	}
	return s.kind
}
