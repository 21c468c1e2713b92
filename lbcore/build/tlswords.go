//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"gohap/lbcore/certs"
	"gohap/lbcore/keyword"
)

// tlsWord is a word that says how TLS is spoken, wherever it is: on bind and
// server lines, in the brackets of a crt-list, among the defaults of global.
type tlsWord struct {
	name    string
	arg     string // "" for none
	missing string // how the reference says that it is
	good    string // an argument for the example
	summary string
	where   tlsPlace
	set     func(b *Builder, to *certs.Settings, arg string) error
}

type tlsPlace uint8

const (
	onBind tlsPlace = 1 << iota
	inList          // of a crt-list
	onServer
	byDefault // ssl-default-bind-options, ssl-default-server-options

	both       = onBind | inList | onServer
	everywhere = both | byDefault
)

var tlsWords = append([]tlsWord{
	{"alpn", "<protocols>", "missing the comma-delimited ALPN protocol suite", "http/1.1", "protocols that are agreed on by ALPN", both,
		func(_ *Builder, to *certs.Settings, arg string) error {
			to.ALPN, to.NoALPN = certs.ParseALPN(arg), false
			return nil
		}},
	{"no-alpn", "", "", "", "no protocol is agreed on by ALPN", onBind | inList,
		func(_ *Builder, to *certs.Settings, _ string) error { to.ALPN, to.NoALPN = nil, true; return nil }},
	{"ciphers", "<list>", "missing cipher suite", "ECDHE-ECDSA-AES128-GCM-SHA256:HIGH", "cipher suites of TLS 1.2 and before, as an OpenSSL cipher string", both,
		text(func(s *certs.Settings) *string { return &s.Ciphers })},
	{"ciphersuites", "<list>", "missing cipher suite", "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256", "cipher suites of TLS 1.3", both,
		text(func(s *certs.Settings) *string { return &s.Suites })},
	{"curves", "<list>", "missing curve suite", "X25519:P-256", "groups of the key exchange", both, text(func(s *certs.Settings) *string { return &s.Curves })},
	{"ecdhe", "<curve>", "missing named curve", "prime256v1", "the one curve of the key exchange", onBind | inList, text(func(s *certs.Settings) *string { return &s.ECDHE })},
	{"sigalgs", "<list>", "missing signature algorithm list", "ECDSA+SHA256", "signature algorithms; they are checked only", both,
		text(func(s *certs.Settings) *string { return &s.SigAlgs })},
	{"client-sigalgs", "<list>", "missing signature algorithm list", "RSA+SHA256", "signature algorithms of client certificates; they are checked only", both,
		text(func(s *certs.Settings) *string { return &s.ClientSigAlgs })},
	{"ssl-min-ver", "<version>", "missing the ssl/tls version", "TLSv1.2", "oldest version of TLS", everywhere, version(func(v *certs.Versions) *uint16 { return &v.Min })},
	{"ssl-max-ver", "<version>", "missing the ssl/tls version", "TLSv1.3", "newest version of TLS", everywhere, version(func(v *certs.Versions) *uint16 { return &v.Max })},
	{"no-tls-tickets", "", "", "", "sessions are not resumed by tickets", onBind | onServer | byDefault,
		func(_ *Builder, to *certs.Settings, _ string) error { to.Tickets = certs.No; return nil }},
	{"tls-tickets", "", "", "", "sessions are resumed by tickets", onBind | onServer | byDefault,
		func(_ *Builder, to *certs.Settings, _ string) error { to.Tickets = certs.Yes; return nil }},
	{"prefer-client-ciphers", "", "", "", "the client's order of ciphers counts; Go orders them by itself", onBind | byDefault,
		func(*Builder, *certs.Settings, string) error { return nil }},
	{"strict-sni", "", "", "", "a name without certificate ends the handshake", onBind | byDefault,
		func(_ *Builder, to *certs.Settings, _ string) error { to.StrictSNI = certs.Yes; return nil }},
	{"no-strict-sni", "", "", "", "a name without certificate gets the first one", onBind | byDefault,
		func(_ *Builder, to *certs.Settings, _ string) error { to.StrictSNI = certs.No; return nil }},
	{"ca-file", "<file>", "missing CAfile path", "@system-ca", "authorities that sign the peer's certificate", both, caWord("ca-file", func(s *certs.Settings) *string { return &s.CAFile })},
	{"ca-verify-file", "<file>", "missing CAfile path", "@system-ca", "further authorities, whose names clients are not sent", onBind | inList,
		caWord("ca-verify-file", func(s *certs.Settings) *string { return &s.CAVerifyFile })},
	{"crl-file", "<file>", "missing CRLfile path", "", "lists of revoked certificates", both, crlWord},
	{"no-ca-names", "", "", "", "clients are not sent the authorities' names", onBind | inList,
		func(_ *Builder, to *certs.Settings, _ string) error { to.NoCANames = true; return nil }},
	{"verify", "none|optional|required", "missing verify method", "none", "whether the peer's certificate is verified", onBind | inList, verifyWord},
	{"ca-ignore-err", "<list>", "missing error IDs list", "10,20", "errors about authorities that are let pass", onBind, ignoreWord("ca-ignore-err", func(s *certs.Settings) *certs.ErrorSet { return &s.IgnoreCA })},
	{"crt-ignore-err", "<list>", "missing error IDs list", "all", "errors about the client's certificate that are let pass", onBind, ignoreWord("crt-ignore-err", func(s *certs.Settings) *certs.ErrorSet { return &s.IgnoreCrt })},
	{"tls-ticket-keys", "<file>", "missing TLS ticket keys file path", "", "keys of session tickets, the same on all nodes", onBind,
		func(b *Builder, to *certs.Settings, arg string) error {
			to.TicketFile = arg
			_, err := b.certs.Tickets(arg)
			return err
		}},
}, versionWords()...)

// versionWords are force-tlsv12, no-tlsv12 and their like.
func versionWords() (words []tlsWord) {
	for i, name := range []string{"sslv3", "tlsv10", "tlsv11", "tlsv12", "tlsv13"} {
		v := uint16(tls.VersionTLS10 - 1 + i)
		words = append(words, tlsWord{"no-" + name, "", "", "", "without that version", onBind | onServer | byDefault,
			func(_ *Builder, to *certs.Settings, _ string) error { to.Versions.Without(v); return nil }})
		if i > 0 {
			words = append(words, tlsWord{"force-" + name, "", "", "", "that version alone", onBind | onServer | byDefault,
				func(_ *Builder, to *certs.Settings, _ string) error {
					to.Versions.Min, to.Versions.Max = v, v
					return nil
				}})
		}
	}
	return words
}

func text(field func(*certs.Settings) *string) func(*Builder, *certs.Settings, string) error {
	return func(_ *Builder, to *certs.Settings, arg string) error { *field(to) = arg; return nil }
}

func version(field func(*certs.Versions) *uint16) func(*Builder, *certs.Settings, string) error {
	return func(_ *Builder, to *certs.Settings, arg string) error {
		v, ok := certs.ParseVersion(arg)
		if !ok {
			return fmt.Errorf("'%s' : unknown ssl/tls version", arg)
		}
		*field(&to.Versions) = v
		return nil
	}
}

// fileError is an error of a file that has a message of its own in front.
type fileError struct {
	first error
	then  string
}

func (e *fileError) Error() string { return e.then }

func caWord(name string, field func(*certs.Settings) *string) func(*Builder, *certs.Settings, string) error {
	return func(b *Builder, to *certs.Settings, arg string) error {
		*field(to) = arg
		if _, err := b.certs.Authority(arg); err != nil {
			return &fileError{err, "'" + name + "' : unable to load " + arg}
		}
		return nil
	}
}

func crlWord(b *Builder, to *certs.Settings, arg string) error {
	to.CRLFile = arg
	if _, err := b.certs.Revocations(arg); err != nil {
		return &fileError{err, "'crl-file' : unable to load " + arg}
	}
	return nil
}

func verifyWord(_ *Builder, to *certs.Settings, arg string) error {
	switch arg {
	case "none":
		to.Verify = certs.VerifyNone
	case "optional":
		to.Verify = certs.VerifyOptional
	case "required":
		to.Verify = certs.VerifyRequired
	default:
		return fmt.Errorf("'verify' : unknown verify method '%s', only 'none', 'optional', and 'required' are supported", arg)
	}
	return nil
}

func ignoreWord(name string, field func(*certs.Settings) *certs.ErrorSet) func(*Builder, *certs.Settings, string) error {
	return func(_ *Builder, to *certs.Settings, arg string) (err error) {
		if *field(to), err = certs.ParseErrors(arg); err != nil {
			return fmt.Errorf("'%s' : %w", name, err)
		}
		return nil
	}
}

// tlsNamed returns a word that is there in a place, and is not taken away.
func (b *Builder) tlsNamed(name string, where tlsPlace) *tlsWord {
	for i := range tlsWords {
		w := &tlsWords[i]
		class := keyword.Bind
		if where == onServer {
			class = keyword.Server
		}
		if w.name == name && w.where&where != 0 && (where == byDefault || b.Set.Lookup(class, name) != nil) {
			return w
		}
	}
	return nil
}

// take reads a word with its argument from a line and returns how many words it
// took.
func (w *tlsWord) take(b *Builder, to *certs.Settings, words []string) (int, error) {
	if w.arg == "" {
		return 1, w.set(b, to, "")
	}
	if len(words) < 2 || words[1] == "" {
		return 0, fmt.Errorf("'%s' : %s", w.name, w.missing)
	}
	return 2, w.set(b, to, words[1])
}

// listSettings reads the options in the brackets of a crt-list's line.
func (b *Builder) listSettings(path string, line *certs.Line) (s certs.Settings, f certs.Files, err error) {
	words := line.Options
	var l loaded
	for len(words) > 0 {
		taken, err := b.listedPart(&l, words)
		switch {
		case err != nil:
			return s, l.files, fmt.Errorf("parsing [%s:%d] : %w", path, line.Number, err)
		case taken:
			words = words[min(2, len(words)):]
			continue
		}
		w := b.tlsNamed(words[0], inList)
		switch {
		case w == nil:
			return s, l.files, fmt.Errorf("parsing [%s:%d]: unknown ssl keyword %s", path, line.Number, words[0])
		case w.arg != "" && len(words) < 2:
			return s, l.files, fmt.Errorf("parsing [%s:%d]: ssl args out of '[]' for %s", path, line.Number, words[0])
		}
		n, err := w.take(b, &s, words)
		if err != nil {
			return s, l.files, err
		}
		words = words[n:]
	}
	return s, l.files, nil
}

// sentenceOf takes the full stop off an error that is put into a message.
func sentenceOf(err error) string { return strings.TrimSuffix(err.Error(), ".") }

var errNoCertificate = errors.New("'crt' : missing certificate location")
