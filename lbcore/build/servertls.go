//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gohap/lbcore/certs"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// serverTLS is what a server line says about TLS.
type serverTLS struct {
	denied    bool // no-ssl was said last
	on        bool
	said      bool // ssl was said, and no-ssl not behind it on the same line
	inherited bool // default-server said it
	noReuse   bool
	settings  certs.Settings
	crt       string
	host      string // verifyhost
	sni       placed
	back      *certs.Back // once settled
}

const noCAText = "verify is enabled by default but no CA file specified. If you're running on a LAN where you're certain to trust the server's certificate, please set an explicit 'verify none' statement on the 'server' line, or use 'ssl-server-verify none' in the global section to disable server-side verifications by default."

func serverTLSRows() []keyword.Row {
	row := func(name, args, summary, good string, f func(b *Builder, st *config.Statement, to *serverLine, w []string) (int, error)) keyword.Row {
		return keyword.Row{Class: keyword.Server, Name: name, Args: args, Summary: summary, Good: []keyword.Example{{Config: "server s1 127.0.0.1:443 " + good}},
			Impl: ServerFunc(func(b *Builder, st *config.Statement, to *serverLine, w []string) (int, error) {
				n, err := f(b, st, to, w)
				var file *fileError
				if errors.As(err, &file) && !to.dynamic {
					b.alertAt(st, "%s%s.", to.label, file.first)
				}
				return n, err
			})}
	}
	flag := func(name, summary string, set func(*serverTLS)) keyword.Row {
		return row(name, "", summary, "verify none "+name, func(_ *Builder, _ *config.Statement, to *serverLine, _ []string) (int, error) {
			set(&to.tls)
			return 1, nil
		})
	}
	text := func(name, args, missing, good, summary string, field func(*serverTLS) *string) keyword.Row {
		return row(name, args, summary, good, func(_ *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
			if len(w) < 2 || w[1] == "" {
				return 0, fmt.Errorf("'%s' : %s", name, missing)
			}
			*field(&to.tls) = w[1]
			return 2, nil
		})
	}
	rows := []keyword.Row{
		flag("ssl", "speaks TLS with the server", func(t *serverTLS) { t.on, t.said, t.denied = true, true, false }),
		flag("no-ssl", "does not speak TLS with the server", func(t *serverTLS) {
			t.on, t.denied, t.said = false, true, t.inherited // reference: what default-server says stays to be switched on
		}),
		flag("ssl-reuse", "resumes sessions", func(t *serverTLS) { t.noReuse = false }),
		flag("no-ssl-reuse", "resumes no sessions", func(t *serverTLS) { t.noReuse = true }),
		text("crt", "<file>", "missing certificate file path", "crt "+certExample, "the certificate that the server is shown", func(t *serverTLS) *string { return &t.crt }),
		text("verifyhost", "<name>", "missing hostname to verify against", "verifyhost www.example", "the name that the server's certificate must have", func(t *serverTLS) *string { return &t.host }),
		row("sni", "<expression>", "the name that the server is asked for", "sni req.hdr(host)", func(_ *Builder, st *config.Statement, to *serverLine, w []string) (int, error) {
			if len(w) < 2 || w[1] == "" {
				return 0, errors.New("'sni' : missing sni expression")
			}
			to.tls.sni = placed{w[1], st.Pos}
			return 2, nil
		}),
		row("verify", "none|required", "whether the server's certificate is verified", "verify none", func(_ *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
			if len(w) < 2 || w[1] == "" {
				return 0, errors.New("'verify' : missing verify method")
			}
			switch w[1] {
			case "none":
				to.tls.settings.Verify = certs.VerifyNone
			case "required":
				to.tls.settings.Verify = certs.VerifyRequired
			default:
				return 0, fmt.Errorf("'verify' : unknown verify method '%s', only 'none' and 'required' are supported", w[1])
			}
			return 2, nil
		}),
	}
	for i := range tlsWords {
		w := &tlsWords[i]
		if w.where&onServer == 0 {
			continue
		}
		good := strings.TrimSpace(w.name + " " + w.good)
		if w.name == "crl-file" {
			good += " testdata/tls/crl.pem"
		}
		rows = append(rows, row(w.name, w.arg, w.summary, good, func(b *Builder, _ *config.Statement, to *serverLine, words []string) (int, error) {
			return w.take(b, &to.tls.settings, words)
		}))
	}
	return rows
}

// settleTLS makes the TLS of a server, for its traffic or its checks. It tells
// whether that went well.
func (l *serverLine) settleTLS(b *Builder, s *section) bool {
	t := &l.tls
	if !t.said && !l.more.transport.SSL && !(l.check && b.plansSSL(s)) {
		return true
	}
	fail := func(format string, args ...any) bool {
		b.Diag.Rawf(config.Alert, "[%s] : 'server %s/%s' : %s", l.pos, s.name, l.srv.Name, fmt.Sprintf(format, args...))
		return false
	}
	own := t.settings.Over(b.Global.ServerTLS)
	if own.Verify == certs.VerifyUnset {
		own.Verify = certs.VerifyRequired
	}
	var slot *certs.Slot
	if t.crt != "" {
		slots, err := b.certs.Find(t.crt, certs.Files{})
		if err != nil {
			return fail("%s.", sentenceOf(err))
		}
		slot = slots[0]
	}
	if s.mode == proxy.HTTP {
		own.ALPN = slices.DeleteFunc(slices.Clone(own.ALPN), func(p string) bool { return p == "h2" })
		if len(own.ALPN) != len(t.settings.ALPN) && t.settings.ALPN != nil {
			b.Diag.Rawf(config.Warning, "[%s] : 'server %s/%s' : 'alpn' : h2 is not offered, for HTTP/2 is not there yet.", l.pos, s.name, l.srv.Name)
		}
	}
	back, err := certs.NewBack(b.certs, own, slot, t.host, !t.noReuse)
	switch {
	case certs.IsNoCA(err):
		return fail("%s", noCAText)
	case err != nil && strings.HasPrefix(err.Error(), "all SSL"):
		return fail("%s '%s': %s for server '%s'.", s.noun(), s.name, err, l.srv.Name)
	case err != nil && (strings.Contains(err.Error(), "curves") || strings.Contains(err.Error(), "Signature")):
		return fail("Proxy '%s': %s for server '%s'.", s.name, sentenceOf(err), l.srv.Name)
	case err != nil:
		return fail("%s.", sentenceOf(err))
	}
	if _, _, odd, _ := own.Versions.Range(0); odd == certs.Ignored {
		b.Diag.Rawf(config.Warning, "[%s] : 'server %s/%s' : no-sslv3/no-tlsv1x are ignored for this server. Use only 'ssl-min-ver' and 'ssl-max-ver' to fix.", l.pos, s.name, l.srv.Name)
	}
	for _, n := range back.Notes {
		b.Diag.Rawf(config.Warning, "[%s] : 'server %s/%s' : %s", l.pos, s.name, l.srv.Name, n)
	}
	t.back, l.srv.Release = back, back.Release
	if t.on {
		l.srv.Config.TLS = back
	}
	if t.said || l.more.transport.SSL { // reference: what checks speak will do
		l.srv.TLS, l.srv.SNI = back, b.sniExpr(l, s)
	}
	return true
}

// sniExpr compiles the expression of sni.
func (b *Builder) sniExpr(l *serverLine, s *section) *sample.Expr {
	f := l.tls.sni
	if f.text == "" {
		return nil
	}
	fail := func(err string) *sample.Expr {
		b.Diag.Rawf(config.Alert, "config : [%s] : 'server %s/%s' : error detected while parsing sni or pool-conn-name expressions : %s.", l.pos, s.name, l.srv.Name, err)
		return nil
	}
	o := sample.Options{Words: b.Set, ProcVars: b.procVars, Lists: b.lists, Proxy: s.name, File: f.pos.File, Line: f.pos.Line, Env: b.Env.Lookup,
		Refs: b.holdRefs("server sni"), Warn: func(w string) { b.Diag.Warnf(f.pos, "%s", w) }}
	e, rest, err := sample.Compile(b.Set, f.text, o)
	switch {
	case err != nil:
		return fail(sentenceOf(err))
	case rest != "":
		return fail("missing comma after fetch keyword")
	case e.Validity()&sample.BackendUseServer == 0:
		return fail(fmt.Sprintf("fetch method '%s' extracts information from '%s', none of which is available here.", f.text, e.Row().Needs))
	}
	return e
}
