package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gohap/lbcore/clock"
)

// Front is how one bind line speaks TLS. It is built by NewFront, Add and Finish while
// the configuration is read; afterwards loops use Config, and the store's changes
// publish another index.
type Front struct {
	// Proxy, Address and Place are the line's, for messages. Spoken leaves the
	// protocols that connections of the line may speak; nil leaves all.
	Proxy, Address, Place string
	Spoken                func(protocols []string) []string

	store   *Store
	general Settings
	strict  bool
	index   atomic.Pointer[index]
	Notes   []string // what was taken and has no effect, for warnings; while it is built

	// under the store's lock, once the configuration runs
	entries []*Entry
	plain   *profile // of the line itself
	made    map[string]*profile
}

// Entry is a certificate with the names and the settings that it answers with. It is
// read-only: another version of the certificate is another entry.
type Entry struct {
	slot    *Slot
	cert    *Cert
	line    *ListLine // of a crt-list, nil for others
	profile *profile
	filters []string
	first   bool // answers names that nobody has

	// with and without are the profile's for this certificate, made when they are
	// needed first.
	with, without atomic.Pointer[tls.Config]
}

// Cert returns the entry's certificate.
func (e *Entry) Cert() *Cert { return e.cert }

// profile is a set of settings in the form of crypto/tls.
type profile struct {
	settings Settings
	with     *tls.Config // with ALPN
	without  *tls.Config // for a client that has none in common
	verifier *verifier
	forgives bool // verification is ours, its verdict is kept
	tickets  *Tickets
	lifetime time.Duration
	mark     []byte // of settings under which a session may be resumed
}

// NewFront begins a bind line with its settings.
func NewFront(s *Store, general Settings) (*Front, error) {
	f := &Front{store: s, general: general, strict: general.StrictSNI == Yes, made: map[string]*profile{}}
	p, err := f.profile(f.made, general)
	if err == nil { // lines of a list narrow what is in force
		f.general.Versions = Versions{Min: p.with.MinVersion, Max: p.with.MaxVersion}
	}
	f.plain = p
	return f, err
}

// Add lets certificates answer under settings of their own and for the names of
// filters, or their own names when there are none. First makes them answer names
// that nobody has.
func (f *Front) Add(slots []*Slot, own Settings, filters []string, first bool) error {
	for _, s := range slots {
		e, err := f.entry(s, own, filters, first)
		if err != nil {
			return err
		}
		f.entries = append(f.entries, e)
	}
	return nil
}

// AddLine is Add for a line of a crt-list, whose changes reach the front.
func (f *Front) AddLine(l *ListLine, first bool) error {
	e, err := f.entry(l.slot, l.own, l.Filters, first)
	if err != nil {
		return err
	}
	e.line = l
	f.entries = append(f.entries, e)
	l.list.join(f)
	return nil
}

func (f *Front) entry(s *Slot, own Settings, filters []string, first bool) (*Entry, error) {
	if f.Spoken != nil {
		own.ALPN = f.Spoken(own.ALPN)
	}
	p, err := f.profile(f.made, own.Over(f.general))
	if err != nil {
		return nil, err
	}
	return &Entry{slot: s, cert: s.Cert(), profile: p, filters: filters, first: first}, nil
}

// again is the entry with another version of its certificate or its settings.
func (e *Entry) again(c *Cert, p *profile) *Entry {
	return &Entry{slot: e.slot, cert: c, line: e.line, profile: p, filters: e.filters, first: e.first}
}

// Empty tells whether there is no certificate; while it is built.
func (f *Front) Empty() bool { return len(f.entries) == 0 }

// Strict tells whether an unknown name ends a handshake.
func (f *Front) Strict() bool { return f.strict }

// Config is what a connection begins with; any goroutine.
func (f *Front) Config() *tls.Config { return f.index.Load().config }

// Settings returns the line's settings.
func (f *Front) Settings() Settings { return f.general }

// Finish ends the building: from now on changes of the store reach the front.
func (f *Front) Finish() {
	defer f.store.lock()()
	f.store.fronts = append(f.store.fronts, f)
	f.publish(f.entries, f.plain)
	f.store = &Store{core: f.store.core, sealed: true, held: true} // whoever changes the front has the lock
}

// index finds entries by name; read-only.
type index struct {
	config      *tls.Config
	exact, wild map[string][]*Entry // wild: by what follows the asterisk
	first       []*Entry
}

// publish lets entries answer from now on. Under the store's lock.
func (f *Front) publish(entries []*Entry, plain *profile) {
	x := &index{exact: map[string][]*Entry{}, wild: map[string][]*Entry{}}
	for _, e := range entries {
		for n, form := range e.answers() {
			switch form {
			case ownName:
				x.exact[n] = append(x.exact[n], e)
			case anyName:
				x.first = append(x.first, e)
			case wildName:
				x.wild[n[1:]] = append(x.wild[n[1:]], e)
			}
		}
	}
	x.config = plain.with.Clone()
	x.config.GetConfigForClient = f.choose
	f.entries, f.plain = entries, plain
	f.index.Store(x)
	if changed := f.store.changed; changed != nil {
		changed()
	}
}

// form is the form of a name that an entry answers, in the order of the reference's
// lists: one by itself, the asterisk for what nobody else answers, a wildcard.
type form int

const (
	ownName form = iota
	anyName
	wildName
)

// answers are the names that an entry is for, in lower case: its filters, or else its
// certificate's, and before them the asterisk where it is a first.
func (e *Entry) answers() iter.Seq2[string, form] {
	return func(yield func(string, form) bool) {
		if e.first && !yield("*", anyName) {
			return
		}
		names := e.filters
		if len(names) == 0 {
			names = e.cert.Names
		}
		for _, n := range names {
			n, of := strings.ToLower(n), ownName
			switch {
			case n[0] == '!':
				continue
			case n == "*":
				of = anyName
			case n[0] == '*':
				of = wildName
			}
			if !yield(n, of) {
				return
			}
		}
	}
}

// refuses tells whether one of the entry's filters excludes a name.
func (e *Entry) refuses(name string) bool {
	for _, n := range e.filters {
		if n[0] != '!' {
			continue
		}
		n = strings.ToLower(n[1:])
		if n == name || n != "" && n[0] == '*' && wildcard(name) == n[1:] {
			return true
		}
	}
	return false
}

// wildcard is what the asterisk of a matching wildcard is followed by.
func wildcard(name string) string {
	if i := strings.IndexByte(name, '.'); i >= 0 {
		return name[i:]
	}
	return ""
}

// find returns the entry for a name and the kinds of key that the client takes,
// nil for none. Reference: the kind counts more than whether a name is matched by
// itself or by a wildcard; and a name that has a certificate is never served by that
// of another, even where the client cannot take it: the handshake says what is missing.
func (f *Front) find(name string, takes *takes) *Entry {
	x := f.index.Load()
	if name != "" {
		exact, wild := x.exact[name], x.wild[wildcard(name)]
		if e := pick(exact, wild, name, takes); e != nil {
			return e
		}
	}
	if f.strict {
		return nil
	}
	return pick(x.first, nil, "", takes)
}

// pick prefers ECDSA, as the reference does, then what comes first.
func pick(exact, wild []*Entry, name string, takes *takes) *Entry {
	for _, k := range [...]Kind{ECDSA, RSA, Other} {
		for _, list := range [...][]*Entry{exact, wild} {
			for _, e := range list {
				if e.cert.Kind == k && takes.has(e, k) && (name == "" || !e.refuses(name)) {
					return e
				}
			}
		}
	}
	for _, list := range [...][]*Entry{exact, wild} {
		for _, e := range list {
			if name == "" || !e.refuses(name) {
				return e
			}
		}
	}
	return nil
}

// takes is which kinds of key a client can verify, up to TLS 1.2 and in TLS 1.3,
// where cipher suites do not name the kind.
type takes struct {
	old, new [kinds]bool
	is13     bool // the client offers it
}

func (t *takes) has(e *Entry, k Kind) bool {
	if t.is13 && e.profile.with.MaxVersion >= tls.VersionTLS13 {
		return t.new[k]
	}
	return t.old[k]
}

// takesOf finds which kinds of key a client can verify.
func takesOf(h *tls.ClientHelloInfo) (t takes) {
	t.new[RSA] = len(h.SignatureSchemes) == 0
	for _, s := range h.SignatureSchemes {
		switch s {
		case tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512, tls.ECDSAWithSHA1:
			t.new[ECDSA] = true
		case tls.Ed25519:
			t.new[Other] = true
		default:
			t.new[RSA] = true
		}
	}
	t.is13 = slices.Contains(h.SupportedVersions, tls.VersionTLS13)
	ecdsa := slices.ContainsFunc(h.CipherSuites, func(id uint16) bool {
		return slices.ContainsFunc(suites, func(s suite) bool { return s.id == id && strings.Contains(s.tags, "aECDSA") })
	})
	t.old = [kinds]bool{RSA: t.new[RSA], ECDSA: t.new[ECDSA] && ecdsa, Other: t.new[Other] && ecdsa}
	return t
}

// choose implements tls.Config.GetConfigForClient.
func (f *Front) choose(h *tls.ClientHelloInfo) (*tls.Config, error) {
	t := takesOf(h)
	e := f.find(strings.ToLower(strings.TrimSuffix(h.ServerName, ".")), &t)
	conn, _ := h.Conn.(Handshaker)
	if e == nil {
		return nil, nil // without a certificate: getCertificate ends it
	}
	if conn != nil {
		conn.Choose(e, e.cert.staple(h))
	}
	p := e.profile
	at, of := &e.without, p.without
	if len(h.SupportedProtos) == 0 || slices.ContainsFunc(p.with.NextProtos, func(s string) bool { return slices.Contains(h.SupportedProtos, s) }) {
		at, of = &e.with, p.with
	}
	cfg := e.config(at, of)
	if p.forgives && conn != nil {
		cfg = cfg.Clone()
		cfg.VerifyConnection = func(s tls.ConnectionState) error { return p.verify(s, conn) }
	}
	return cfg, nil
}

// config returns, or makes, one of the profile's configurations for the entry's
// certificate: sessions are resumed with the same certificate alone (reference).
func (e *Entry) config(at *atomic.Pointer[tls.Config], of *tls.Config) *tls.Config {
	if cfg := at.Load(); cfg != nil {
		return cfg
	}
	cfg := of.Clone()
	if p := e.profile; p.tickets != nil {
		sum := sha256.Sum256(append(p.mark[:len(p.mark):len(p.mark)], e.cert.sum[:]...))
		sealing(cfg, p.tickets, p.lifetime, binary.BigEndian.Uint64(sum[:]))
	}
	at.Store(cfg)
	return cfg
}

// getCertificate implements tls.Config.GetCertificate.
func (f *Front) getCertificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	conn, ok := h.Conn.(Handshaker)
	if !ok || conn.Chosen() == nil {
		return nil, nil // "no certificates configured", which the peer is told as an unknown name
	}
	c := conn.Chosen().cert
	expired := c.staple(h) == StapleExpired
	if !c.slow && !expired {
		return &c.TLS, nil
	}
	own := c.TLS
	if c.slow {
		own.PrivateKey = &slowKey{c.signer(), conn}
	}
	if expired {
		own.OCSPStaple = nil
	}
	return &own, nil
}

// verify judges a client's certificates where crypto/tls does not.
func (p *profile) verify(s tls.ConnectionState, conn Handshaker) error {
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	v, err := p.verifier.verify(s.PeerCertificates)
	if err == nil && conn != nil {
		conn.Forgive(v)
	}
	return err
}

// profile makes the configuration for settings, or finds it among those made before.
func (f *Front) profile(made map[string]*profile, s Settings) (*profile, error) {
	key := fmt.Sprintf("%+v", s)
	if p := made[key]; p != nil {
		return p, nil
	}
	cfg, notes, err := s.config(tls.VersionTLS12)
	if !f.store.sealed { // nobody reads those of a command: they would gather
		f.Notes = append(f.Notes, notes...)
	}
	if err != nil {
		return nil, err
	}
	p := &profile{settings: s}
	cfg.GetCertificate = f.getCertificate
	if err := p.client(cfg, f.store); err != nil {
		return nil, err
	}
	cfg.SessionTicketsDisabled = s.Tickets == No
	if s.Tickets != No {
		keys, err := f.store.Tickets(s.TicketFile)
		if err != nil {
			return nil, err
		}
		p.tickets, p.lifetime = keys, f.store.Lifetime
		p.mark = fmt.Appendf(nil, "%v %v %v %v ", s.Verify, s.CAFile, s.CAVerifyFile, s.CRLFile)
	}
	p.with, p.without = cfg, cfg
	if len(s.ALPN) > 0 {
		p.without = cfg.Clone()
		p.without.NextProtos = nil
		p.with.NextProtos = s.ALPN
	}
	made[key] = p
	return p, nil
}

// client sets what is asked of a client's certificate.
func (p *profile) client(cfg *tls.Config, store *Store) error {
	s := &p.settings
	if s.Verify <= VerifyNone {
		return nil
	}
	if s.CAFile == "" && s.CAVerifyFile == "" {
		return errNoCA
	}
	v := &verifier{usage: x509.ExtKeyUsageClientAuth, ignoreCA: s.IgnoreCA, ignoreCrt: s.IgnoreCrt}
	var err error
	if s.CAFile != "" {
		if v.authority, err = store.Authority(s.CAFile); err != nil {
			return err
		}
		cfg.ClientCAs = v.authority.Pool
	}
	if s.CAVerifyFile != "" {
		all, err := store.Authority(s.CAVerifyFile)
		if err != nil {
			return err
		}
		v.authority = v.authority.with(all)
	}
	if s.CRLFile != "" {
		if v.crl, err = store.Revocations(s.CRLFile); err != nil {
			return err
		}
	}
	p.verifier = v
	p.forgives = s.IgnoreCA != ErrorSet{} || s.IgnoreCrt != ErrorSet{}
	ours := p.forgives || s.CAVerifyFile != "" || s.NoCANames
	switch {
	case ours && s.Verify == VerifyRequired:
		cfg.ClientAuth = tls.RequireAnyClientCert
	case ours:
		cfg.ClientAuth = tls.RequestClientCert
	case s.Verify == VerifyRequired:
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	default:
		cfg.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if s.NoCANames {
		cfg.ClientCAs = nil
	}
	switch {
	case ours:
		cfg.VerifyConnection = func(cs tls.ConnectionState) error { return p.verify(cs, nil) }
	case v.crl != nil:
		cfg.VerifyConnection = func(cs tls.ConnectionState) error {
			if len(cs.VerifiedChains) == 0 {
				return nil
			}
			_, err := v.forgive(cs.PeerCertificates, v.crl.check(cs.VerifiedChains[0], clock.Wall()))
			return err
		}
	}
	return nil
}

// with returns the authorities of both files; a may be nil.
func (a *Authority) with(b *Authority) *Authority {
	if a == nil {
		return b
	}
	both := &Authority{Pool: b.Pool.Clone()}
	for _, c := range a.Certs {
		both.Pool.AddCert(c)
	}
	return both
}
