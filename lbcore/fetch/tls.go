package fetch

import (
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"gohap/lbcore/certs"
	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
	"gohap/lbcore/transport"
)

const (
	clientConn = sample.NeedsClientConnection
	serverConn = sample.NeedsServerConnection
)

// spoken is TLS as fetches of both sides see it.
type spoken interface {
	State() tls.ConnectionState
	Session() []byte
}

// tlsSide finds the TLS of one side, nil where there is none.
type tlsSide func(c *sample.Context) spoken

func clientSide(c *sample.Context) spoken {
	if t := clientTLS(c); t != nil {
		return t
	}
	return nil
}

func serverSide(c *sample.Context) spoken {
	if t := serverTLS(c); t != nil {
		return t
	}
	if over, ok := checkConn(c).(*tls.Conn); ok {
		return checkTLS{over}
	}
	return nil
}

// checkTLS is the TLS of a running check. Its session has no id: nothing sees its
// tickets.
type checkTLS struct{ *tls.Conn }

// State implements spoken.
func (t checkTLS) State() tls.ConnectionState { return t.ConnectionState() }

// Session implements spoken.
func (t checkTLS) Session() []byte { return nil }

func clientTLS(c *sample.Context) *transport.TLS {
	if ss := session(c); ss != nil {
		return ss.TLS()
	}
	return nil
}

func serverTLS(c *sample.Context) *transport.TLS {
	if x := exchange(c); x != nil {
		return x.ServerTLS()
	}
	return nil
}

// keep puts text into the arena.
func keep(c *sample.Context, s *sample.Sample, text string) bool {
	s.SetStr(c.Arena.Copy([]byte(text)))
	return true
}

// tlsText makes a fetch of a text about what was agreed on; none is no value.
func tlsText(side tlsSide, of func(*tls.ConnectionState) string) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		t := side(c)
		if t == nil {
			return false
		}
		cs := t.State()
		text := of(&cs)
		return text != "" && keep(c, s, text)
	}
}

// tlsFlag makes a fetch of a boolean, false without TLS.
func tlsFlag(side tlsSide, of func(*tls.ConnectionState) bool) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		t := side(c)
		on := false
		if t != nil {
			cs := t.State()
			on = of(&cs)
		}
		s.SetBool(on)
		return true
	}
}

// tlsKnown is tlsFlag that has no value without TLS.
func tlsKnown(side tlsSide, of func(*tls.ConnectionState) bool) sample.FetchFunc {
	flag := tlsFlag(side, of)
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		return side(c) != nil && flag(c, args, s)
	}
}

func tlsInt(side tlsSide, of func(*tls.ConnectionState) int) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		t := side(c)
		if t == nil {
			return false
		}
		cs := t.State()
		n := of(&cs)
		s.SetInt(int64(n))
		return n != 0
	}
}

func sessionID(side tlsSide) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		t := side(c)
		if t == nil {
			return false
		}
		id := t.Session()
		s.SetBin(c.Arena.Copy(id))
		return len(id) > 0
	}
}

// certOf finds a certificate: the peer's of a side, or the one that was shown.
type certOf func(c *sample.Context) *x509.Certificate

func peerOf(side tlsSide) certOf {
	return func(c *sample.Context) *x509.Certificate {
		if t := side(c); t != nil {
			if cs := t.State(); len(cs.PeerCertificates) > 0 {
				return cs.PeerCertificates[0]
			}
		}
		return nil
	}
}

func shown(c *sample.Context) *x509.Certificate {
	if t := clientTLS(c); t != nil && t.Shown() != nil {
		return t.Shown().Leaf()
	}
	return nil
}

func certText(of certOf, text func(*x509.Certificate) string) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		crt := of(c)
		if crt == nil {
			return false
		}
		t := text(crt)
		return t != "" && keep(c, s, t)
	}
}

func certBytes(of certOf, data func(*x509.Certificate) []byte) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		crt := of(c)
		if crt == nil {
			return false
		}
		s.SetBin(c.Arena.Copy(data(crt)))
		return true
	}
}

func certVersion(of certOf) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		crt := of(c)
		if crt == nil {
			return false
		}
		s.SetInt(int64(crt.Version))
		return true
	}
}

// distinguished makes a fetch of a subject or issuer: all of it, or one part.
// Reference: an occurrence counts from one, or from the end when it is negative.
func distinguished(of certOf, raw func(*x509.Certificate) []byte) sample.FetchFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		crt := of(c)
		if crt == nil {
			return false
		}
		parts := certs.NameParts(raw(crt))
		word, occ, rfc := "", int64(1), false
		if len(args) > 0 {
			word = args[0].Str
		}
		if len(args) > 1 && args[1].Int != 0 {
			occ = args[1].Int
		}
		if len(args) > 2 {
			rfc = args[2].Str == "rfc2253"
		}
		switch {
		case word == "" && rfc:
			return keep(c, s, rfc2253(parts))
		case word == "":
			return keep(c, s, certs.OneLine(parts))
		}
		var found []string
		for _, p := range parts {
			if strings.EqualFold(p.Key, word) { // reference
				found = append(found, p.Value)
			}
		}
		if occ < 0 {
			occ += int64(len(found)) + 1
		}
		return occ >= 1 && occ <= int64(len(found)) && keep(c, s, found[occ-1])
	}
}

// rfc2253 writes a name as RFC 2253 section 2 has it, last part first.
func rfc2253(parts []certs.NamePart) string {
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString(parts[i].Key + "=")
		escapeName(&b, parts[i].Value)
		switch {
		case i > 0 && parts[i].Joined:
			b.WriteByte('+')
		case i > 0:
			b.WriteByte(',')
		}
	}
	return b.String()
}

// escapeName writes a value (RFC 2253 section 2.4; bytes beyond ASCII in hex, as
// OpenSSL does).
func escapeName(b *strings.Builder, v string) {
	for i := range len(v) {
		switch c := v[i]; {
		case strings.IndexByte(`,+"\<>;`, c) >= 0, c == '#' && i == 0, c == ' ' && (i == 0 || i == len(v)-1):
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(b, `\%02X`, c)
		default:
			b.WriteByte(c)
		}
	}
}

// checkName knows the formats of a distinguished name.
func checkName(args []sample.Arg, _ *sample.Options) error {
	if len(args) > 2 && args[2].Str != "" && args[2].Str != "rfc2253" {
		return errNameFormat
	}
	return nil
}

var errNameFormat = badArgument("only rfc2253 or a blank value are currently supported for the format argument.")

type badArgument string

func (e badArgument) Error() string { return string(e) }

// certTime writes a time as it stands in certificates (RFC 5280 section 4.1.2.5),
// with two digits of the year. Reference: there is none beyond 2099.
func certTime(t time.Time) string {
	if y := t.UTC().Year(); y < 1950 || y > 2099 {
		return ""
	}
	return t.UTC().Format("060102150405Z")
}

func keyAlg(c *x509.Certificate) string {
	switch c.PublicKeyAlgorithm {
	case x509.RSA:
		return "rsaEncryption"
	case x509.ECDSA:
		return "id-ecPublicKey"
	case x509.Ed25519:
		return "ED25519"
	case x509.DSA:
		return "dsaEncryption"
	}
	return ""
}

// onSide is an example that runs where a side is known.
func onSide(needs sample.Needs, expr, out string) []keyword.Example {
	if needs == serverConn {
		return on(expr, res(""), out)
	}
	return ex(expr, out)
}

// certRows are the fetches about one certificate.
func certRows(prefix, whose string, of certOf, needs sample.Needs) []entry {
	bad := func(name string) []string { return []string{name + "(x)"} }
	text := func(name, what string, f func(*x509.Certificate) string) entry {
		name = prefix + name
		return entry{name: name, out: sample.Str, needs: needs, fetch: certText(of, f), summary: what + " of " + whose, good: onSide(needs, name, missing), bad: bad(name)}
	}
	data := func(name, what string, f func(*x509.Certificate) []byte) entry {
		name = prefix + name
		return entry{name: name, out: sample.Bin, needs: needs, fetch: certBytes(of, f), summary: what + " of " + whose, good: onSide(needs, name, missing), bad: bad(name)}
	}
	dn := func(name, what string, raw func(*x509.Certificate) []byte) entry {
		name = prefix + name
		return entry{name: name, out: sample.Str, args: args(0, sample.ArgStr, sample.ArgInt, sample.ArgStr), check: checkName, needs: needs,
			fetch: distinguished(of, raw), summary: what + " of " + whose, good: onSide(needs, name+"(CN)", missing), bad: []string{name + "(CN,1,foo)"}}
	}
	return []entry{
		data("_der", "the DER form", func(c *x509.Certificate) []byte { return c.Raw }),
		dn("_i_dn", "the issuer", func(c *x509.Certificate) []byte { return c.RawIssuer }),
		dn("_s_dn", "the subject", func(c *x509.Certificate) []byte { return c.RawSubject }),
		text("_key_alg", "the algorithm of the key", keyAlg),
		text("_sig_alg", "the algorithm of the signature", certs.SignatureName),
		text("_notafter", "the end of the validity", func(c *x509.Certificate) string { return certTime(c.NotAfter) }),
		text("_notbefore", "the begin of the validity", func(c *x509.Certificate) string { return certTime(c.NotBefore) }),
		data("_serial", "the serial number", func(c *x509.Certificate) []byte { return c.SerialNumber.Bytes() }),
		data("_sha1", "the SHA-1 fingerprint", func(c *x509.Certificate) []byte { h := sha1.Sum(c.Raw); return h[:] }),
		{name: prefix + "_version", out: sample.SInt, needs: needs, fetch: certVersion(of), summary: "the version of " + whose, good: onSide(needs, prefix+"_version", missing), bad: bad(prefix + "_version")},
	}
}

// sideRows are the fetches about the TLS of one side.
func sideRows(prefix, whose string, side tlsSide, needs sample.Needs) []entry {
	row := func(name string, out sample.Type, f sample.FetchFunc, what, value string) entry {
		name = prefix + name
		return entry{name: name, out: out, needs: needs, fetch: f, summary: what + " of " + whose, good: onSide(needs, name, value), bad: []string{name + "(x)"}}
	}
	return []entry{
		row("", sample.Bool, func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
			on := side(c) != nil
			if ss := session(c); needs == clientConn && ss != nil {
				on = ss.Secured()
			} else if x := exchange(c); needs == serverConn && x != nil {
				on = on || x.ServerSecured() // reference: also once it is gone, or before it stands
			}
			s.SetBool(on)
			return true
		}, "whether TLS is spoken, a matter", "0"),
		row("_alpn", sample.Str, tlsText(side, func(s *tls.ConnectionState) string { return s.NegotiatedProtocol }), "the protocol agreed on by ALPN", missing),
		row("_cipher", sample.Str, tlsText(side, func(s *tls.ConnectionState) string { return certs.CipherName(s.CipherSuite) }), "the cipher suite", missing),
		row("_curve", sample.Str, tlsText(side, func(s *tls.ConnectionState) string { return certs.CurveName(s.CurveID) }), "the group of the key exchange", missing),
		row("_protocol", sample.Str, tlsText(side, func(s *tls.ConnectionState) string { return certs.VersionName(s.Version) }), "the version", missing),
		row("_sni", sample.Str, tlsText(side, func(s *tls.ConnectionState) string { return s.ServerName }), "the name that the server is asked for, a matter", missing),
		row("_is_resumed", sample.Bool, tlsFlag(side, func(s *tls.ConnectionState) bool { return s.DidResume }), "whether the session was resumed, a matter", "0"),
		row("_use_keysize", sample.SInt, tlsInt(side, func(s *tls.ConnectionState) int { return certs.CipherBits(s.CipherSuite) }), "the bits of the cipher's key in use", missing),
		row("_alg_keysize", sample.SInt, tlsInt(side, func(s *tls.ConnectionState) int { return certs.CipherBits(s.CipherSuite) }), "the bits of the cipher's key", missing),
	}
}

func problem(c *sample.Context) *certs.Problem {
	if ss := session(c); ss != nil {
		if p := ss.Problem(); p != nil {
			return p
		}
	}
	return &certs.Problem{}
}

// verdict is what was found about the client's certificate, let pass or not.
func verdict(c *sample.Context) certs.Verdict {
	if p := problem(c); p.Verdict.Code != 0 {
		return p.Verdict
	}
	if t := clientTLS(c); t != nil {
		return t.Verdict()
	}
	return certs.Verdict{}
}

// verified makes a fetch of a number about the client's certificate.
func verified(of func(certs.Verdict) int) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		if ss := session(c); ss == nil || !ss.Secured() {
			return false
		}
		s.SetInt(int64(of(verdict(c))))
		return true
	}
}

func fetchChain(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	t := clientTLS(c)
	if t == nil {
		return false
	}
	cs := t.State()
	if len(cs.PeerCertificates) < 2 || cs.DidResume {
		return false
	}
	var all []byte
	for _, crt := range cs.PeerCertificates[1:] { // reference: without the client's own
		all = append(all, crt.Raw...)
	}
	s.SetBin(c.Arena.Copy(all))
	return true
}

// serverProblem makes a fetch about the connection to the server, where there is one.
func serverProblem(f func(*sample.Context, certs.Problem, *sample.Sample) bool) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		x := exchange(c)
		if x == nil {
			return checkConn(c) != nil && f(c, certs.Problem{}, s) // one that fails runs no rules
		}
		p, ok := x.ServerProblem()
		return ok && f(c, p, s)
	}
}

// serverSecured tells whether TLS is spoken with the server, or was to be.
func serverSecured(c *sample.Context) bool {
	if x := exchange(c); x != nil {
		return x.ServerSecured()
	}
	return serverSide(c) != nil
}

var errorRows = []entry{
	{name: "fc_err", out: sample.SInt, needs: client, summary: "the number of the error of the client's connection", good: ex("fc_err", "0"), bad: []string{"fc_err(x)"},
		fetch: func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
			s.SetInt(int64(problem(c).Conn))
			return session(c) != nil
		}},
	{name: "fc_err_str", out: sample.Str, needs: client, summary: "the text of the error of the client's connection", good: ex("fc_err_str", "Success"), bad: []string{"fc_err_str(x)"},
		fetch: func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
			return session(c) != nil && keep(c, s, certs.ConnText(problem(c).Conn))
		}},
	{name: "fc_err_name", out: sample.Str, needs: client, summary: "the name of the error of the client's connection", good: ex("fc_err_name", "", "fc_err_name,length", "0"), bad: []string{"fc_err_name(x)"},
		fetch: func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
			name := certs.ConnName(problem(c).Conn)
			return session(c) != nil && keep(c, s, name)
		}},
	{name: "bc_err", out: sample.SInt, needs: server, summary: "the number of the error of the server's connection, numbered as those of fc_err", good: on("bc_err", res("x: a"), "0"), bad: []string{"bc_err(x)"},
		fetch: serverProblem(func(_ *sample.Context, p certs.Problem, s *sample.Sample) bool { s.SetInt(int64(p.Conn)); return true })},
	{name: "bc_err_name", out: sample.Str, needs: server, summary: "the name of the error of the server's connection", good: on("bc_err_name", res("x: a"), "", "bc_err_name,length", res("x: a"), "0"), bad: []string{"bc_err_name(x)"},
		fetch: serverProblem(func(c *sample.Context, p certs.Problem, s *sample.Sample) bool {
			return keep(c, s, certs.ConnName(p.Conn))
		})},
	{name: "bc_err_str", out: sample.Str, needs: server, summary: "the text of the error of the server's connection", good: on("bc_err_str", res("x: a"), "Success"), bad: []string{"bc_err_str(x)"},
		fetch: serverProblem(func(c *sample.Context, p certs.Problem, s *sample.Sample) bool {
			return keep(c, s, certs.ConnText(p.Conn))
		})},
	{name: "ssl_bc_err", out: sample.SInt, needs: server, summary: "OpenSSL's number of the error of the server's TLS", good: on("ssl_bc_err", res("x: a"), missing), bad: []string{"ssl_bc_err(x)"},
		fetch: serverProblem(func(c *sample.Context, p certs.Problem, s *sample.Sample) bool {
			s.SetInt(int64(p.Code))
			return serverSecured(c)
		})},
	{name: "ssl_bc_err_str", out: sample.Str, needs: server, summary: "OpenSSL's text of the error of the server's TLS", good: on("ssl_bc_err_str", res("x: a"), missing), bad: []string{"ssl_bc_err_str(x)"},
		fetch: serverProblem(func(c *sample.Context, p certs.Problem, s *sample.Sample) bool {
			text := p.String()
			return text != "" && keep(c, s, text)
		})},
	{name: "ssl_fc_err", out: sample.SInt, needs: clientConn, summary: "OpenSSL's number of the error of the client's TLS", good: ex("ssl_fc_err", missing), bad: []string{"ssl_fc_err(x)"},
		fetch: func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
			ss := session(c)
			s.SetInt(int64(problem(c).Code))
			return ss != nil && ss.Secured()
		}},
	{name: "ssl_fc_err_str", out: sample.Str, needs: clientConn, summary: "OpenSSL's text of the error of the client's TLS", good: ex("ssl_fc_err_str", missing), bad: []string{"ssl_fc_err_str(x)"},
		fetch: func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
			text := problem(c).String()
			return text != "" && keep(c, s, text)
		}},
	{name: "ssl_c_err", out: sample.SInt, needs: clientConn, summary: "the error about the client's certificate", good: ex("ssl_c_err", missing), bad: []string{"ssl_c_err(x)"},
		fetch: verified(func(v certs.Verdict) int {
			if v.Depth > 0 {
				return 0
			}
			return v.Code
		})},
	{name: "ssl_c_ca_err", out: sample.SInt, needs: clientConn, summary: "the error about the authorities of the client's certificate", good: ex("ssl_c_ca_err", missing), bad: []string{"ssl_c_ca_err(x)"},
		fetch: verified(func(v certs.Verdict) int {
			if v.Depth == 0 {
				return 0
			}
			return v.Code
		})},
	{name: "ssl_c_ca_err_depth", out: sample.SInt, needs: clientConn, summary: "the place of that error in the chain", good: ex("ssl_c_ca_err_depth", missing), bad: []string{"ssl_c_ca_err_depth(x)"},
		fetch: verified(func(v certs.Verdict) int { return v.Depth })},
	{name: "ssl_c_verify", out: sample.SInt, needs: clientConn, summary: "the result of verifying the client's certificate, 0 for well", good: ex("ssl_c_verify", missing), bad: []string{"ssl_c_verify(x)"},
		fetch: func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
			t := clientTLS(c)
			if t == nil || t.Handshaking() { // reference: known once the handshake is over
				return false
			}
			s.SetInt(int64(t.Verdict().Result()))
			return true
		}},
	{name: "ssl_c_used", out: sample.Bool, needs: clientConn, summary: "whether the session has a client certificate", good: ex("ssl_c_used", missing), bad: []string{"ssl_c_used(x)"},
		fetch: tlsKnown(clientSide, func(s *tls.ConnectionState) bool { return len(s.PeerCertificates) > 0 })},
	{name: "ssl_fc_has_crt", out: sample.Bool, needs: clientConn, summary: "whether the client has shown a certificate on this connection", good: ex("ssl_fc_has_crt", missing), bad: []string{"ssl_fc_has_crt(x)"},
		fetch: tlsKnown(clientSide, func(s *tls.ConnectionState) bool { return len(s.PeerCertificates) > 0 && !s.DidResume })},
	{name: "ssl_fc_session_id", out: sample.Bin, needs: clientConn, fetch: sessionID(clientSide), summary: "the id of the client's session", good: ex("ssl_fc_session_id", missing), bad: []string{"ssl_fc_session_id(x)"}},
	{name: "ssl_bc_session_id", out: sample.Bin, needs: serverConn, fetch: sessionID(serverSide), summary: "the id of the session with the server", good: on("ssl_bc_session_id", res(""), missing), bad: []string{"ssl_bc_session_id(x)"}},
	{name: "ssl_fc_has_sni", out: sample.Bool, needs: clientConn, summary: "whether the client has named the server", good: ex("ssl_fc_has_sni", "0"), bad: []string{"ssl_fc_has_sni(x)"},
		fetch: tlsFlag(clientSide, func(s *tls.ConnectionState) bool { return s.ServerName != "" })},
	{name: "ssl_c_chain_der", out: sample.Bin, needs: clientConn, summary: "the DER forms of the certificates behind the client's own", good: ex("ssl_c_chain_der", missing), bad: []string{"ssl_c_chain_der(x)"},
		fetch: fetchChain},
}

// tlsRows are all of them.
func tlsRows() (all []entry) {
	all = append(all, errorRows...)
	all = append(all, sideRows("ssl_fc", "the client's connection", clientSide, clientConn)...)
	all = append(all, sideRows("ssl_bc", "the server's connection", serverSide, serverConn)...)
	all = append(all, certRows("ssl_c", "the client's certificate", peerOf(clientSide), clientConn)...)
	all = append(all, certRows("ssl_f", "the certificate that the client was shown", shown, clientConn)...)
	// Reference: valid wherever those of the client are.
	return append(all, certRows("ssl_s", "the server's certificate", peerOf(serverSide), clientConn)...)
}

// cipherAlias and versionAlias are %sslc and %sslv.
func cipherAlias(c *sample.Context, dst []byte) []byte {
	if t := clientTLS(c); t != nil && !t.Handshaking() {
		return append(dst, certs.CipherName(t.State().CipherSuite)...)
	}
	return dst
}

func versionAlias(c *sample.Context, dst []byte) []byte {
	if t := clientTLS(c); t != nil && !t.Handshaking() {
		return append(dst, certs.VersionName(t.State().Version)...)
	}
	return dst
}
