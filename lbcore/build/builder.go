package build

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gohap/lbcore/acl"
	"gohap/lbcore/certs"
	"gohap/lbcore/check"
	"gohap/lbcore/config"
	"gohap/lbcore/control"
	"gohap/lbcore/h1"
	"gohap/lbcore/keyword"
	"gohap/lbcore/log"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// GlobalFunc reads a line of a global section.
type GlobalFunc func(b *Builder, st *config.Statement)

// ProxyFunc reads a line of a defaults or proxy section.
type ProxyFunc func(b *Builder, s *section, st *config.Statement)

// Builder reads one configuration. Use it once.
type Builder struct {
	Set    *keyword.Set
	Diag   *config.Diagnostics
	Env    *config.Environ
	Global Global
	// LocalPeer is this node's name among its peers; PeerFixed: localpeer does not
	// change it.
	LocalPeer string
	PeerFixed bool
	// Files are where the configuration's files are read from; see From.
	Files config.Files
	// OnlyIPv4: names of hosts have addresses of IPv4 alone (flag -4).
	OnlyIPv4 bool

	sections   []*section // proxies, in order
	byName     map[string]*section
	defaults   map[string]*section
	current    *section     // latest defaults, anonymous ones included
	open       *sectionKind // nil between sections
	opened     string       // by this word, "" between sections
	sec        *section     // the proxy or defaults section being read
	httpErrs   map[string]*errorSection
	errPages   rule.Pages // of the http-errors section being read
	rings      map[string]*ringConf
	ring       *ringConf
	ringOrder  []*ringConf
	profiles   map[string]*logProfile
	profile    *logProfile // being read
	users      *userlist   // being read
	userlists  map[string]*userlist
	userOrder  []*userlist
	mailers    []*mailersConf
	mailing    *mailersConf // being read
	resolvers  []*resolversConf
	resolving  *resolversConf // being read
	peers      []*peersConf
	peering    *peersConf     // being read
	tables     []*proxy.Table // in order of declaration, those of peers sections included
	writeTo    []writeTo
	twins      []string // what is wrong with peers of one name
	alerts     map[*proxy.Proxy]*check.Alerts
	plans      []*check.Plan
	checkEnds  map[*proxy.Server]check.Endpoints
	statsAt    int              // how many proxies stood in front of the first stats line, which counts as one; -1 for none
	procVars   *sample.ProcVars // reference: the variables of scope proc that are named exist from the start
	lastError  *config.Position
	captures   bool // a size of captured hellos was said
	stop       bool // the reference reads no further
	late       []string
	files      map[string][]byte
	loggers    map[*log.Target]*log.Logger
	lists      *acl.Refs
	certs      *certs.Store
	storage    *certs.Storage // of the crt-store being read
	storeLoads bool           // it has a load line
	bindTLS    map[*proxy.Bind]*bindTLS
	threads    map[*proxy.Bind]threadSet // of bind lines with "thread"
	paths      paths
	guids      map[string]string // who has them
	cases      h1.Cases          // h1-case-adjust
	caseFile   placed            // h1-case-adjust-file
	// tableUsers are the actions that get a stick table once all are known.
	tableUsers []tableUser
	// resolverUsers are the actions that get a resolvers section likewise.
	resolverUsers []resolverUser
	saved         *control.SavedAddresses // those of state files, nil until one is asked for
}

// A sectionKind is how a kind of section is read: what opens it, and each line in it.
// A nil line passes them over.
type sectionKind struct {
	open func(b *Builder, st *config.Statement) config.Outcome
	line func(b *Builder, st *config.Statement)
}

var proxyKind = &sectionKind{(*Builder).openProxy, (*Builder).proxyLine}

// refusedKind is a section that is not served.
var refusedKind = &sectionKind{open: (*Builder).openRefused}

// sectionKinds are the kinds by the word that opens them.
var sectionKinds = map[string]*sectionKind{
	"global":      {(*Builder).openGlobal, (*Builder).globalLine},
	"defaults":    proxyKind,
	"frontend":    proxyKind,
	"backend":     proxyKind,
	"listen":      proxyKind,
	"http-errors": {(*Builder).openHTTPErrors, (*Builder).httpErrorsLine},
	"ring":        {(*Builder).openRing, (*Builder).ringLine},
	"log-profile": {(*Builder).openProfile, (*Builder).profileLine},
	"userlist":    {(*Builder).openUserlist, (*Builder).userlistLine},
	"mailers":     {(*Builder).openMailers, (*Builder).mailersLine},
	"peers":       {(*Builder).openPeers, (*Builder).peersLine},
	"crt-store":   {(*Builder).openCrtStore, (*Builder).crtStoreLine},
	"resolvers":   {(*Builder).openResolvers, (*Builder).resolversLine},
}

// New returns a builder over the words of set.
func New(set *keyword.Set, diag *config.Diagnostics, env *config.Environ) *Builder {
	b := &Builder{
		Set: set, Diag: diag, Env: env,
		byName: map[string]*section{}, defaults: map[string]*section{},
		httpErrs: map[string]*errorSection{}, rings: map[string]*ringConf{},
		procVars: sample.NewProcVars(), alerts: map[*proxy.Proxy]*check.Alerts{},
		certs: certs.NewStore(), bindTLS: map[*proxy.Bind]*bindTLS{}, threads: map[*proxy.Bind]threadSet{}, guids: map[string]string{},
		files: map[string][]byte{}, statsAt: -1, lists: acl.NewRefs(),
	}
	b.From(config.Disk)
	b.Global.init()
	return b
}

// From has all files of the configuration read from disk; before anything is read.
func (b *Builder) From(disk config.Files) {
	b.Files, b.lists.Files, b.certs.From, b.paths.disk = disk, disk, disk, disk
}

// IsSection reports whether a word opens a section that gohap serves.
func (b *Builder) IsSection(word string) bool { return b.Set.Lookup(keyword.Section, word) != nil }

// Refused words the refusal of a section that only the reference serves.
func (b *Builder) Refused(word string) (string, bool) {
	if _, ok := keyword.Known(keyword.Section, word); ok && !b.IsSection(word) {
		return keyword.Refusal("section '" + word + "'"), true
	}
	return "", false
}

// Early implements config.Handler.
func (b *Builder) Early(st *config.Statement) config.Outcome {
	switch st.Words[0] {
	case "quiet":
		b.Diag.Quiet = true
	case "zero-warning":
		b.Diag.ZeroWarning = true
	case "localpeer":
		if name := st.Word(1); name != "" && !b.PeerFixed && b.Set.Lookup(keyword.Global, "localpeer") != nil {
			b.LocalPeer = name
		}
	}
	return config.Continue
}

// Section implements config.Handler.
func (b *Builder) Section(st *config.Statement) config.Outcome {
	b.opened = st.Words[0]
	if b.open = sectionKinds[b.opened]; b.open == nil {
		b.open = refusedKind
	}
	if out := b.open.open(b, st); !b.stop {
		return out
	}
	return config.Abort
}

func (b *Builder) openGlobal(st *config.Statement) config.Outcome {
	b.tooMany(st, 1)
	return config.Continue
}

func (b *Builder) openRefused(st *config.Statement) config.Outcome {
	b.Alertf(st, "%s.", keyword.Refusal("section '"+st.Words[0]+"'"))
	return config.Continue
}

// Statement implements config.Handler.
func (b *Builder) Statement(st *config.Statement) config.Outcome {
	before := b.Diag.Errors()
	if b.open != nil && b.open.line != nil {
		b.open.line(b, st)
	}
	if b.Diag.Errors() > before {
		pos := st.Pos
		b.lastError = &pos
	}
	if b.stop {
		return config.Abort
	}
	return config.Continue
}

// EndSection implements config.Handler.
func (b *Builder) EndSection() config.Outcome {
	b.open, b.opened, b.sec = nil, "", nil
	return config.Continue
}

// Alertf reports an error of a statement.
func (b *Builder) Alertf(st *config.Statement, format string, args ...any) {
	b.Diag.Alertf(st.Pos, format, args...)
}

// Warnf reports a warning about a statement.
func (b *Builder) Warnf(st *config.Statement, format string, args ...any) {
	b.Diag.Warnf(st.Pos, format, args...)
}

// alertAt reports an error in the form of server lines: the place alone.
func (b *Builder) alertAt(st *config.Statement, format string, args ...any) {
	b.Diag.Rawf(config.Alert, "config : [%s] : %s", st.Pos, fmt.Sprintf(format, args...))
}

// alertTight reports an error in the form of a few words: no blank before the
// second colon.
func (b *Builder) alertTight(pos config.Position, format string, args ...any) {
	b.Diag.Rawf(config.Alert, "config : parsing [%s]: %s", pos, fmt.Sprintf(format, args...))
}

// stopf reports an error behind which nothing more is read.
func (b *Builder) stopf(st *config.Statement, format string, args ...any) {
	b.Alertf(st, format, args...)
	b.stop = true
}

// proposal ends a message about an unknown word.
func proposal(word string, names []string) string {
	if d := keyword.DidYouMean(word, names); d != "" {
		return d
	}
	return "."
}

// unknown reports a word that is no word of its place: one that the reference
// knows is refused by name, a misspelt one gets a proposal among candidates.
func (b *Builder) unknown(st *config.Statement, class keyword.Class, word, what, where string, candidates []string) {
	if _, ok := keyword.Known(class, word); ok {
		b.Alertf(st, "%s.", keyword.Refusal(fmt.Sprintf("%s '%s' in %s", what, word, where)))
		return
	}
	b.Alertf(st, "unknown %s '%s' in %s%s", what, word, where, keyword.DidYouMean(word, candidates))
}

// tooMany reports words beyond the first n+1.
func (b *Builder) tooMany(st *config.Statement, n int) bool {
	if len(st.Words) <= n {
		return false
	}
	b.Alertf(st, "'%s' cannot handle unexpected argument '%s'.", st.Words[0], st.Words[n])
	return true
}

// time reads a time of the keyword what; zero and false after an error.
func (b *Builder) time(st *config.Statement, text, what string, unit time.Duration) (time.Duration, bool) {
	t, err := config.ParseTime(text, unit)
	switch e := err.(type) {
	case nil:
	case *config.CharError:
		b.Alertf(st, "unexpected character '%c' in '%s'", e.Char, what)
		return 0, false
	default:
		b.Alertf(st, "%s", config.OverflowText(text, what))
		return 0, false
	}
	if t.Trailing != "" {
		b.trailing(t, text)
	}
	return t.Value, true
}

// trailing warns of what stands behind a complete time.
func (b *Builder) trailing(t config.Time, text string) {
	b.Diag.Rawf(config.Warning, "config : %s", t.TrailingText(text))
}

// address reads an address with the builder's environment and resolver.
func (b *Builder) rules(r config.AddressRules) *config.AddressRules {
	r.Env = b.Env.Lookup
	r.Resolve = resolve
	if b.OnlyIPv4 {
		r.Resolve = func(host string, family config.Family) (netip.Addr, error) {
			if family == config.AnyIP {
				family = config.IPv4
			}
			return resolve(host, family)
		}
	}
	r.UnixPrefix = b.Global.UnixPrefix
	r.Words = b.Set
	if !r.Default { // reference: what logs write to is not looked at
		r.CheckFD = checkSocket
	}
	return &r
}

// checkSocket tells whether an inherited descriptor is an open socket.
func checkSocket(fd int) error {
	_, err := unix.Getsockname(fd)
	switch err {
	case unix.EBADF:
		return errors.New("Bad file descriptor")
	case unix.ENOTSOCK:
		return errors.New("Socket operation on non-socket")
	}
	return nil // of a family that the package does not know, too
}

// resolve asks the machine's resolver, as the C library would.
func resolve(host string, family config.Family) (netip.Addr, error) {
	ips, err := net.LookupIP(host)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, want4 := range []bool{true, false} {
		for _, ip := range ips {
			a, ok := netip.AddrFromSlice(ip)
			if !ok {
				continue
			}
			a = a.Unmap()
			if a.Is4() == want4 && (family == config.AnyIP || family == config.IPv4 == want4) {
				return a, nil
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("no address of that family")
}

// HTTPErrors implements rule.Host.
func (b *Builder) HTTPErrors(name string) rule.Pages {
	if s := b.httpErrs[name]; s != nil {
		return s.pages
	}
	return nil
}

// ReadFile implements rule.Host.
func (b *Builder) ReadFile(path string) ([]byte, error) {
	if t, ok := b.files[path]; ok {
		return t, nil
	}
	t, err := b.Files.ReadFile(path)
	if err == nil {
		b.files[path] = t
	}
	return t, err
}

// MaxReply implements rule.Host.
func (b *Builder) MaxReply() int { return b.Global.Limits.BufSize - b.Global.Limits.MaxRewrite }

// NeedCapture implements rule.Host.
func (b *Builder) NeedCapture(response bool, n int) int {
	caps := &b.sec.p.ReqCaptures
	if response {
		caps = &b.sec.p.ResCaptures
	}
	*caps = append(*caps, proxy.Capture{Len: n})
	return len(*caps) - 1
}

// quoted joins words for a message.
func quoted(words []string) string {
	return "'" + strings.Join(words, "', '") + "'"
}
