package build

import (
	"encoding/pem"
	"errors"
	"math"
	"strconv"
	"time"

	"gohap/lbcore/certs"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

func globalTLSRows() []keyword.Row {
	row := func(name, args, summary, good string, f GlobalFunc, bad ...string) keyword.Row {
		return keyword.Row{Class: keyword.Global, Name: name, Where: keyword.InGlobal, Args: args, Summary: summary,
			Good: []keyword.Example{{Config: name + " " + good}}, Bad: append(bad, name), Impl: f}
	}
	folder := func(name, summary string, at func(*certs.Store) *string) keyword.Row {
		return row(name, "<folder>", summary, "/etc/ssl", func(b *Builder, st *config.Statement) {
			switch to := at(b.certs); {
			case b.tooMany(st, 2):
			case *to != "":
				b.Alertf(st, "'%s' already specified.", name)
			case st.Word(1) == "":
				b.Alertf(st, "global statement '%s' expects a directory path as an argument.", name)
			default:
				*to = st.Words[1]
			}
		})
	}
	list := func(name, what, good, summary string, to func(*Global) *string) keyword.Row {
		return row(name, "<list>", summary, good, func(b *Builder, st *config.Statement) {
			switch {
			case b.tooMany(st, 2):
			case st.Word(1) == "":
				b.Alertf(st, "global statement '%s' expects a %s.", name, what)
			default:
				*to(&b.Global) = st.Words[1]
			}
		})
	}
	const cipher, curve = "cipher suite as an argument", "curves suite as an arguments"
	return []keyword.Row{
		folder("ca-base", "where relative ca-file and crl-file lie", func(s *certs.Store) *string { return &s.CABase }),
		folder("crt-base", "where relative crt lie", func(s *certs.Store) *string { return &s.CrtBase }),
		folder("key-base", "where relative key files lie", func(s *certs.Store) *string { return &s.KeyBase }),
		row("issuers-chain-path", "<folder>", "certificates that complete chains", "/etc/ssl", issuersPath, "issuers-chain-path /nonexistent"),
		row("ssl-default-bind-options", "<option>…", "what bind lines begin with", "ssl-min-ver TLSv1.2 no-tls-tickets",
			tlsOptions(onBind, func(g *Global) *certs.Settings { return &g.BindTLS }), "ssl-default-bind-options foo"),
		row("ssl-default-server-options", "<option>…", "what server lines begin with", "ssl-min-ver TLSv1.2",
			tlsOptions(onServer, func(g *Global) *certs.Settings { return &g.ServerTLS }), "ssl-default-server-options foo"),
		list("ssl-default-bind-ciphers", cipher, "HIGH", "'ciphers' of bind lines", func(g *Global) *string { return &g.BindTLS.Ciphers }),
		list("ssl-default-bind-ciphersuites", cipher, "TLS_AES_128_GCM_SHA256", "'ciphersuites' of bind lines", func(g *Global) *string { return &g.BindTLS.Suites }),
		list("ssl-default-bind-curves", curve, "X25519:P-256", "'curves' of bind lines", func(g *Global) *string { return &g.BindTLS.Curves }),
		list("ssl-default-bind-sigalgs", curve, "ECDSA+SHA256", "'sigalgs' of bind lines", func(g *Global) *string { return &g.BindTLS.SigAlgs }),
		list("ssl-default-bind-client-sigalgs", curve, "ECDSA+SHA256", "'client-sigalgs' of bind lines", func(g *Global) *string { return &g.BindTLS.ClientSigAlgs }),
		list("ssl-default-server-ciphers", cipher, "HIGH", "'ciphers' of server lines", func(g *Global) *string { return &g.ServerTLS.Ciphers }),
		list("ssl-default-server-ciphersuites", cipher, "TLS_AES_128_GCM_SHA256", "'ciphersuites' of server lines", func(g *Global) *string { return &g.ServerTLS.Suites }),
		list("ssl-default-server-curves", curve, "X25519:P-256", "'curves' of server lines", func(g *Global) *string { return &g.ServerTLS.Curves }),
		list("ssl-default-server-sigalgs", curve, "ECDSA+SHA256", "'sigalgs' of server lines", func(g *Global) *string { return &g.ServerTLS.SigAlgs }),
		list("ssl-default-server-client-sigalgs", curve, "ECDSA+SHA256", "'client-sigalgs' of server lines", func(g *Global) *string { return &g.ServerTLS.ClientSigAlgs }),
		row("ssl-server-verify", "none|required", "'verify' of servers that say nothing", "none", func(b *Builder, st *config.Statement) {
			switch st.Word(1) {
			case "none":
				b.Global.ServerTLS.Verify = certs.VerifyNone
			case "required":
				b.Global.ServerTLS.Verify = certs.VerifyRequired
			case "":
				b.Alertf(st, "'ssl-server-verify' expects an integer argument.")
				return
			default:
				b.Alertf(st, "'ssl-server-verify' expects 'none' or 'required' as argument.")
				return
			}
			b.tooMany(st, 2)
		}, "ssl-server-verify foo"),
		row("maxsslconn", "<number>", "most TLS connections, both sides", "10000", number(0, math.MaxInt32, func(g *Global, n int64) { g.MaxSSLConn = n })),
		row("maxsslrate", "<number>", "most TLS connections of clients a second", "1000", number(0, math.MaxInt32, func(g *Global, n int64) { g.MaxSSLRate = n })),
		row("tune.ssl.lifetime", "<time>", "how long a session may be resumed", "10m", func(b *Builder, st *config.Statement) {
			if b.tooMany(st, 2) {
				return
			}
			if len(st.Words) < 2 {
				b.Alertf(st, "'tune.ssl.lifetime' expects ssl sessions <lifetime> in seconds as argument.")
				return
			}
			t, err := config.ParseTime(st.Words[1], time.Second)
			if err != nil {
				if errors.Is(err, config.ErrTimeOverflow) {
					b.Alertf(st, "%s in argument '%s' to <tune.ssl.lifetime> (maximum value is 2147483647 s or ~68 years).", err, st.Words[1])
				} else {
					b.Alertf(st, "%s in argument to <tune.ssl.lifetime>.", err)
				}
				return
			}
			b.certs.Lifetime = t.Value
		}, "tune.ssl.lifetime x"),
		row("tune.ssl.cachesize", "<number>", "sessions in the cache; there is none, tickets hold them", "20000",
			without(number(0, math.MaxInt32, func(*Global, int64) {}), "sessions are held by tickets alone")),
		row("tune.ssl.default-dh-param", "<number>", "size of Diffie-Hellman parameters; there are no such suites", "2048",
			without(dhSize, "there are no DHE suites"), "tune.ssl.default-dh-param 512"),
		row("ssl-dh-param-file", "<file>", "Diffie-Hellman parameters; there are no such suites", "testdata/tls/dh.pem",
			without(dhFile, "there are no DHE suites"), "ssl-dh-param-file testdata/none"),
		row("ssl-load-extra-files", "<kind>…", "which side files of certificates are looked for", "bundle ocsp", extraFiles, "ssl-load-extra-files foo"),
		certFlag("ssl-load-extra-del-ext", "side files replace a certificate's extension", func(x *certs.Extra) { x.DelExt = true }),
		certFlag("ssl-skip-self-issued-ca", "authorities that have signed themselves are not sent with a certificate", func(x *certs.Extra) { x.SkipRoots = true }),
	}
}

// certFlag is a word without arguments about how certificates are loaded.
func certFlag(name, summary string, set func(*certs.Extra)) keyword.Row {
	return keyword.Row{Class: keyword.Global, Name: name, Where: keyword.InGlobal, Summary: summary,
		Good: []keyword.Example{{Config: name}}, Bad: []string{name + " x"},
		Impl: GlobalFunc(func(b *Builder, st *config.Statement) {
			if !b.tooMany(st, 1) {
				set(&b.certs.Extra)
			}
		})}
}

func dhSize(b *Builder, st *config.Statement) {
	if n, err := strconv.Atoi(st.Word(1)); err == nil && n < 1024 {
		b.Alertf(st, "'tune.ssl.default-dh-param' expects a value >= 1024.")
		return
	}
	number(1024, 65536, func(*Global, int64) {})(b, st)
}

// dhFile checks a file of Diffie-Hellman parameters.
func dhFile(b *Builder, st *config.Statement) {
	path := st.Word(1)
	if path == "" {
		b.Alertf(st, "'ssl-dh-param-file' expects a file path as an argument.")
		return
	}
	if b.tooMany(st, 2) {
		return
	}
	text, err := b.Files.ReadFile(path)
	if err == nil {
		for block := new(pem.Block); block != nil; {
			if block, text = pem.Decode(text); block != nil && block.Type == "DH PARAMETERS" {
				return
			}
		}
	}
	b.Alertf(st, "'ssl-dh-param-file': unable to load DH parameters from file <%s>.", path)
}

// without makes a word that is checked and has no effect: -dD names it.
func without(f GlobalFunc, why string) GlobalFunc {
	return func(b *Builder, st *config.Statement) {
		f(b, st)
		b.Diag.Rawf(config.Diag, "parsing [%s] : '%s' has no effect: %s.", st.Pos, st.Words[0], why)
	}
}

func issuersPath(b *Builder, st *config.Statement) {
	path := st.Word(1)
	if b.tooMany(st, 2) {
		return
	}
	if info, err := b.Files.Stat(path); err != nil || !info.IsDir() {
		b.Alertf(st, "global statement 'issuers-chain-path' expects a directory path as an argument.")
		return
	}
	if err := b.certs.LoadIssuers(path); err != nil {
		b.Alertf(st, "'issuers-chain-path' : %s", err)
	}
}

// tlsOptions reads ssl-default-bind-options and its like.
func tlsOptions(side tlsPlace, to func(*Global) *certs.Settings) GlobalFunc {
	return func(b *Builder, st *config.Statement) {
		word := st.Words[0]
		if len(st.Words) < 2 {
			b.Alertf(st, "global statement '%s' expects an option as an argument.", word)
			return
		}
		for words := st.Words[1:]; len(words) > 0; {
			w := b.tlsNamed(words[0], byDefault)
			if w == nil || w.where&side == 0 {
				b.Alertf(st, "unknown option '%s' on global statement '%s'.", words[0], word)
				return
			}
			n, err := w.take(b, to(&b.Global), words)
			if err != nil {
				b.Alertf(st, "%s on global statement '%s'.", err, word)
				return
			}
			words = words[n:]
		}
	}
}

func extraFiles(b *Builder, st *config.Statement) {
	none := certs.Extra{DelExt: b.certs.Extra.DelExt, SkipRoots: b.certs.Extra.SkipRoots}
	x := none
	fail := len(st.Words) < 2
	for _, w := range st.Words[1:] {
		switch w {
		case "none":
			x = none
		case "all":
			x = certs.AllExtra
			x.DelExt, x.SkipRoots = none.DelExt, none.SkipRoots
		case "bundle":
			x.Bundle = true
		case "sctl":
			x.SCTL = true
		case "ocsp":
			x.OCSP = true
		case "issuer":
			x.Issuer = true
		case "key":
			x.Key = true
		default:
			fail = true
		}
	}
	if fail {
		b.Alertf(st, "'ssl-load-extra-files' expects one or multiple arguments (none, all, bundle, sctl, ocsp, issuer).")
		return
	}
	b.certs.Extra = x
}
