//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gohap/lbcore/certs"
	"gohap/lbcore/clock"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// bindTLS is what a bind line says about TLS.
type bindTLS struct {
	on       bool
	line     string // its address, for messages
	pos      config.Position
	settings certs.Settings
	entries  []bindEntry
}

// bindEntry is a certificate of a bind line, or a list of them.
type bindEntry struct {
	slots    []*certs.Slot
	list     *certs.List // of a crt-list or a folder
	fallback bool        // default-crt
}

// tlsOf returns what is collected of a bind line.
func (b *Builder) tlsOf(to *proxy.Bind, st *config.Statement) *bindTLS {
	t := b.bindTLS[to]
	if t == nil {
		t = &bindTLS{line: st.Word(1), pos: st.Pos}
		b.bindTLS[to] = t
	}
	return t
}

// certExample is an example with a certificate, which the tests put there.
const certExample = "testdata/tls/site.pem"

func bindTLSRows() []keyword.Row {
	row := func(name, args, summary, good string, f func(b *Builder, t *bindTLS, w []string) (int, error)) keyword.Row {
		return keyword.Row{Class: keyword.Bind, Name: name, Args: args, Summary: summary, Good: []keyword.Example{{Config: "bind :8443 " + good}},
			Impl: BindFunc(func(b *Builder, st *config.Statement, to *proxy.Bind, w []string) (int, error) {
				n, err := f(b, b.tlsOf(to, st), w)
				var file *fileError
				if errors.As(err, &file) {
					b.Diag.Rawf(config.Alert, "config : %s.", file.first)
				}
				return n, err
			})}
	}
	rows := []keyword.Row{
		row("ssl", "", "speaks TLS", "ssl crt "+certExample, func(_ *Builder, t *bindTLS, _ []string) (int, error) { t.on = true; return 1, nil }),
		row("crt", "<file>", "a certificate, a folder of them, or a bundle", "crt "+certExample, func(b *Builder, t *bindTLS, w []string) (int, error) {
			return b.bindCert(t, w, false)
		}),
		row("default-crt", "<file>", "a certificate for names that no other has", "default-crt "+certExample, func(b *Builder, t *bindTLS, w []string) (int, error) {
			return b.bindCert(t, w, true)
		}),
		row("crt-list", "<file>", "certificates with settings and names of their own", "crt-list testdata/tls/list", func(b *Builder, t *bindTLS, w []string) (int, error) {
			if len(w) < 2 {
				return 0, errors.New("'crt-list' : missing certificate location")
			}
			if err := b.bindList(t, w[1]); err != nil {
				if strings.HasPrefix(err.Error(), "\n") {
					return 0, err
				}
				var file *fileError
				if errors.As(err, &file) {
					return 0, &fileError{file.first, "'crt-list' : " + file.then}
				}
				return 0, fmt.Errorf("'crt-list' : %w", err)
			}
			return 2, nil
		}),
	}
	for i := range tlsWords {
		w := &tlsWords[i]
		if w.where&onBind == 0 {
			continue
		}
		good := w.name
		if w.good != "" {
			good += " " + w.good
		}
		switch w.name {
		case "crl-file":
			good += " testdata/tls/crl.pem"
		case "tls-ticket-keys":
			good += " testdata/tls/tickets"
		}
		rows = append(rows, row(w.name, w.arg, w.summary, good, func(b *Builder, t *bindTLS, words []string) (int, error) {
			return w.take(b, &t.settings, words)
		}))
	}
	return rows
}

func (b *Builder) bindCert(t *bindTLS, w []string, fallback bool) (int, error) {
	if len(w) < 2 {
		return 0, errNoCertificate
	}
	folder, err := b.certs.Folder(w[1])
	if err != nil {
		return 0, fmt.Errorf("%w.", err)
	}
	if folder != nil {
		t.entries = append(t.entries, bindEntry{list: folder, fallback: fallback})
		return 2, nil
	}
	if err := b.certs.Like(w[1], certs.Files{}); err != nil {
		return 0, defined("Can't load '"+w[1]+"',", err)
	}
	slots, err := b.certs.Find(w[1], certs.Files{})
	if err == nil {
		err = served(slots)
	}
	if err != nil {
		return 0, fmt.Errorf("%w.", err)
	}
	t.entries = append(t.entries, bindEntry{slots: slots, fallback: fallback})
	return 2, nil
}

// served tells why certificates cannot be used on a bind line.
func served(slots []*certs.Slot) error {
	for _, s := range slots {
		if err := s.Served(); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder) bindList(t *bindTLS, path string) error {
	list, lines, err := b.certs.List(path)
	if err != nil {
		return err
	}
	t.entries = append(t.entries, bindEntry{list: list})
	for i := range lines {
		l := &lines[i]
		own, files, err := b.listSettings(path, l)
		if err != nil {
			return err
		}
		if err := b.certs.Like(l.Name, files); err != nil {
			return defined(fmt.Sprintf("'crt-list' : '%s' in crt-list '%s' line %d,", l.Name, path, l.Number), err)
		}
		slots, err := b.certs.FindListed(l.Name, files)
		if err == nil {
			err = served(slots)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "unable to stat") && !strings.HasSuffix(err.Error(), "cannot be read or parsed") {
			return fmt.Errorf("error processing line %d in file '%s' : %w.", l.Number, path, err)
		}
		if err != nil {
			return fmt.Errorf("%w.", err)
		}
		for _, slot := range slots {
			list.Enter(*l, own, slot)
		}
	}
	return nil
}

// listLine reads a line of a crt-list that a command adds: no file is read any more.
func (b *Builder) listLine(l *certs.Line) (certs.Settings, certs.Files, error) {
	alone := *b
	alone.Diag, alone.certs = &config.Diagnostics{}, b.certs.Sealed()
	return alone.listSettings("CLI", l)
}

// Inherit takes the secrets of the configuration that is being replaced (certs.Store);
// before anything is read.
func (b *Builder) Inherit(secrets []byte) error { return b.certs.Inherit(secrets) }

// settleTLS makes the TLS of a section's bind lines.
func (b *Builder) settleTLS(s *section) {
	for _, l := range s.binds {
		if t := b.bindTLS[l.Bind]; t != nil && t.on {
			b.settleBind(s, l.Bind, t)
		}
	}
}

func (b *Builder) settleBind(s *section, to *proxy.Bind, t *bindTLS) {
	own := t.settings.Over(b.Global.BindTLS)
	b.settleALPN(s, t, &own)
	front, err := certs.NewFront(b.certs, own)
	if err != nil {
		b.bindProblem(s, t, err)
		return
	}
	b.warnVersions(s, t, own.Versions)
	front.Proxy, front.Address, front.Place = s.name, t.line, t.pos.String()
	front.Spoken = func(protocols []string) []string { return b.spoken(s, protocols) }
	for _, e := range t.entries {
		if err := e.add(front); err != nil {
			b.bindProblem(s, t, err)
			return
		}
		b.warnFilters(t, e.list)
	}
	for _, n := range slices.Compact(front.Notes) {
		b.Diag.Warnf(t.pos, "'bind %s' in section '%s' : %s", t.line, s.name, n)
	}
	b.warnRevocations(s, t, own.CRLFile)
	switch {
	case !front.Empty():
	case front.Strict():
		b.Diag.Rawf(config.Warning, "Proxy '%s': no SSL certificate specified for bind '%s' at [%s], ssl connections will fail (use 'crt').", s.name, t.line, t.pos)
	default:
		b.Diag.Rawf(config.Alert, "Proxy '%s': no SSL certificate specified for bind '%s' at [%s] (use 'crt').", s.name, t.line, t.pos)
		return
	}
	front.Finish()
	to.TLS = front
}

// add lets the certificates answer; the first of a line answer names that nobody has.
func (e *bindEntry) add(front *certs.Front) error {
	first := e.fallback || front.Empty()
	if e.list == nil {
		return front.Add(e.slots, certs.Settings{}, nil, first)
	}
	lines := e.list.Lines()
	for i, l := range lines {
		alike := i == 0 || l.Number > 0 && l.Number == lines[0].Number // a bundle
		if err := front.AddLine(l, e.fallback || first && alike); err != nil {
			return err
		}
	}
	return nil
}

// warnFilters tells of lines that leave names out of nothing.
func (b *Builder) warnFilters(t *bindTLS, list *certs.List) {
	if list == nil {
		return
	}
	for _, l := range list.Lines() {
		begins := func(c byte) bool { return slices.ContainsFunc(l.Filters, func(f string) bool { return f[0] == c }) }
		if begins('!') && !begins('*') {
			b.Diag.Rawf(config.Warning, "config : parsing [%s]: crt-list: negative filters on crt-list line \"%s\" without a positive wildcard filter won't do anything!", t.pos, l.Name)
		}
	}
}

// spoken leaves the protocols that a frontend's mux speaks.
func (b *Builder) spoken(s *section, protocols []string) []string {
	if s.mode != proxy.HTTP {
		return protocols // passed on as they are
	}
	return slices.DeleteFunc(slices.Clone(protocols), func(p string) bool { return p == "h2" })
}

// settleALPN gives an HTTP frontend its protocols. Reference: http/1.1, and h2,
// are offered unless something else is said.
func (b *Builder) settleALPN(s *section, t *bindTLS, own *certs.Settings) {
	switch {
	case own.ALPN == nil && !own.NoALPN && s.mode == proxy.HTTP:
		own.ALPN = []string{"http/1.1"}
	case s.mode == proxy.HTTP && slices.Contains(own.ALPN, "h2"):
		b.Diag.Warnf(t.pos, "'bind %s' in section '%s' : 'alpn' : h2 is not offered, for HTTP/2 is not there yet", t.line, s.name)
		own.ALPN = b.spoken(s, own.ALPN)
	}
}

// warnVersions tells of a choice of versions that is not taken as it stands.
func (b *Builder) warnVersions(s *section, t *bindTLS, v certs.Versions) {
	low, _, odd, _ := v.Range(tls.VersionTLS12)
	switch odd {
	case certs.Ignored:
		b.Diag.Rawf(config.Warning, "Proxy '%s': no-sslv3/no-tlsv1x are ignored for bind '%s' at [%s]. Use only 'ssl-min-ver' and 'ssl-max-ver' to fix.", s.name, t.line, t.pos)
	case certs.Lowered:
		b.Diag.Rawf(config.Warning, "Proxy '%s': Ambiguous configuration for bind '%s' at [%s]: the ssl-min-ver value is not configured and the ssl-max-ver value is lower than the default ssl-min-ver value (TLSv1.2). Setting the ssl-min-ver to %s. Use 'ssl-min-ver' to fix this.",
			s.name, t.line, t.pos, certs.ConfigVersion(low))
	}
}

func (b *Builder) bindProblem(s *section, t *bindTLS, err error) {
	text := sentenceOf(err)
	b.Diag.Rawf(config.Alert, "Proxy '%s': %s for bind '%s' at [%s].", s.name, text, t.line, t.pos)
}

// warnRevocations tells of lists that are out of date: whoever needs them is
// refused.
func (b *Builder) warnRevocations(s *section, t *bindTLS, path string) {
	if path == "" {
		return
	}
	r, err := b.certs.Revocations(path)
	if err != nil {
		return
	}
	for _, l := range r.Expired(clock.Wall()) {
		b.Diag.Warnf(t.pos, "'bind %s' in section '%s' : 'crl-file' : the list of '%s' in '%s' expired at %s: certificates of that authority will be refused.",
			t.line, s.name, l.Issuer, path, l.NextUpdate.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
}
