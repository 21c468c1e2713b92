package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

// Problem is why a handshake failed, in the words of OpenSSL and of the
// reference's connection errors.
type Problem struct {
	Code    uint32 // OpenSSL's, as ssl_fc_err; zero where it knows none
	Reason  string // its text
	Conn    int    // the reference's number of the connection error, as fc_err
	Verdict Verdict
	Alert   []byte // a plain record that the peer is still to be sent
	Err     error  // what Go says
}

// Verdict is why a peer's certificate was not good enough: an error number of
// X.509 verification and the depth in the chain that it is about. The zero value
// is fine.
type Verdict struct {
	Code, Depth int
	Late        int // the error that was found behind that one, zero for none
}

// Result is the number that verification ends with when the error is let pass.
// Reference: a certificate with nobody above it is found wrong twice.
func (v Verdict) Result() int {
	if v.Late != 0 {
		return v.Late
	}
	if v.Code == VerifyNoIssuer && v.Depth == 0 {
		return VerifyNoFirst
	}
	return v.Code
}

// Numbers of connection errors (reference: fc_err, bc_err).
const (
	ConnSocket       = 6
	ConnPorts        = 7
	ConnBind         = 8
	ConnProxyEmpty   = 11
	ConnProxyTimeout = 13
	ConnProxyCut     = 14
	ConnProxyForeign = 15
	ConnProxyInvalid = 16
	ConnProxyUnknown = 17
	ConnEmpty        = 24
	ConnAbort        = 25
	ConnTimeout      = 26
	ConnCA           = 30
	ConnCrt          = 31
	ConnHost         = 32
	ConnSNI          = 33
	ConnHandshake    = 34
	ConnFatal        = 43
	ConnReset        = 47
	ConnPipe         = 56
)

// connErrors are the names and texts of connection errors, by number.
var connErrors = [...][2]string{
	ConnSocket:       {"SOCK_ERR", "General socket error"},
	ConnPorts:        {"PORT_RANGE", "Source port range exhausted"},
	ConnBind:         {"CANT_BIND", "Can't bind to source address"},
	ConnProxyEmpty:   {"PRX_EMPTY", "Connection closed while waiting for PROXY protocol header"},
	ConnProxyTimeout: {"PRX_TIMEOUT", "Timeout while waiting for PROXY protocol header"},
	ConnProxyCut:     {"PRX_TRUNCATED", "Truncated PROXY protocol header received"},
	ConnProxyForeign: {"PRX_NOT_HDR", "Received something which does not look like a PROXY protocol header"},
	ConnProxyInvalid: {"PRX_BAD_HDR", "Received an invalid PROXY protocol header"},
	ConnProxyUnknown: {"PRX_BAD_PROTO", "Received an unhandled protocol in the PROXY protocol header"},
	ConnEmpty:        {"SSL_EMPTY", "Connection closed during SSL handshake"},
	ConnAbort:        {"SSL_ABORT", "Connection error during SSL handshake"},
	ConnTimeout:      {"SSL_TIMEOUT", "Timeout during SSL handshake"},
	ConnCA:           {"SSL_CA_FAIL", "SSL client CA chain cannot be verified"},
	ConnCrt:          {"SSL_CRT_FAIL", "SSL client certificate not trusted"},
	ConnHost:         {"SSL_MISMATCH", "Server presented an SSL certificate different from the configured one"},
	ConnSNI:          {"SSL_MISMATCH_SNI", "Server presented an SSL certificate different from the expected one"},
	ConnHandshake:    {"SSL_HANDSHAKE", "SSL handshake failure"},
	ConnFatal:        {"SSL_FATAL", "SSL fatal error"},
	ConnReset:        {"ERESET", "ECONNRESET returned by OS"},
	ConnPipe:         {"EPIPE", "EPIPE returned by OS"},
}

// ConnText is the reference's text of a connection error.
func ConnText(n int) string {
	if n == 0 {
		return "Success"
	}
	return connErrors[n][1]
}

// ConnName is its name, "" for none.
func ConnName(n int) string { return connErrors[n][0] }

// String returns OpenSSL's line about the problem, "" where it has none.
func (p *Problem) String() string {
	if p.Code == 0 {
		return ""
	}
	return fmt.Sprintf("error:%08X:SSL routines::%s", p.Code, p.Reason)
}

// OpenSSL's reasons, of its library number 20.
const lib = 20 << 23

var reasons = map[int]string{
	0x86: "certificate verify failed", 0x92: "data length too long", 0x9b: "https proxy request",
	0x9c: "http request", 0xc1: "no shared cipher", 0xc7: "peer did not return a certificate",
	0xea: "callback failed", 0xf4: "unexpected message", 0x102: "unsupported protocol",
	0x10b: "wrong version number", 0x119: "decryption failed or bad record mac", 0x9f: "length mismatch",
	0x110: "clienthello tlsext", 0x175: "inappropriate fallback", 0x95: "digest check failed",
}

// alerts are the reasons of received alerts, by number.
var alerts = map[uint8]string{
	10: "ssl/tls alert unexpected message", 20: "ssl/tls alert bad record mac", 21: "tlsv1 alert decryption failed",
	22: "tlsv1 alert record overflow", 30: "ssl/tls alert decompression failure", 40: "ssl/tls alert handshake failure",
	41: "ssl/tls alert no certificate", 42: "ssl/tls alert bad certificate", 43: "ssl/tls alert unsupported certificate",
	44: "ssl/tls alert certificate revoked", 45: "ssl/tls alert certificate expired", 46: "ssl/tls alert certificate unknown",
	47: "ssl/tls alert illegal parameter", 48: "tlsv1 alert unknown ca", 49: "tlsv1 alert access denied",
	50: "tlsv1 alert decode error", 51: "tlsv1 alert decrypt error", 60: "tlsv1 alert export restriction",
	70: "tlsv1 alert protocol version", 71: "tlsv1 alert insufficient security", 80: "tlsv1 alert internal error",
	86: "tlsv1 alert inappropriate fallback", 90: "tlsv1 alert user cancelled", 100: "tlsv1 alert no renegotiation",
	109: "tlsv13 alert missing extension", 110: "tlsv1 unsupported extension", 111: "tlsv1 certificate unobtainable",
	112: "tlsv1 unrecognized name", 113: "tlsv1 bad certificate status response", 114: "tlsv1 bad certificate hash value",
	115: "tlsv1 alert unknown psk identity", 116: "tlsv13 alert certificate required", 120: "tlsv1 alert no application protocol",
}

// alertText is OpenSSL's text of an alert that came.
func alertText(n uint8) string {
	if text := alerts[n]; text != "" {
		return text
	}
	return fmt.Sprintf("reason(%d)", 1000+int(n))
}

// Explain words the error of a handshake; first is what the peer sent first, last
// the seven bytes that came last: OpenSSL's client sends an alert in the clear
// where the keys have changed already, which crypto/tls cannot read.
func Explain(err error, first, last []byte) Problem {
	p := Problem{Err: err, Conn: ConnHandshake}
	reason := func(r int) Problem { p.Code, p.Reason = uint32(lib|r), reasons[r]; return p }
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var op *net.OpError
	switch {
	case err == nil:
		return Problem{}
	case errors.As(err, &verify):
		p.Verdict = judge(verify)
		p.Conn = ConnCrt
		if p.Verdict.Depth > 0 {
			p.Conn = ConnCA
		}
		var name *nameError
		if errors.As(verify.Err, &name) {
			p.Conn = name.conn
		}
		return reason(0x86)
	case errors.As(err, &record):
		return explainRecord(p, record, first, reason)
	case errors.As(err, &op) && op.Op == "remote error":
		if n, ok := alertNumber(op.Err); ok {
			if len(first) > 0 && first[0] == recordAlert { // instead of a hello
				return reason(0xf4)
			}
			p.Code, p.Reason = uint32(lib|1000+int(n)), alertText(n)
		}
		return p
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		p.Conn = ConnEmpty
		return p
	case errors.As(err, new(syscall.Errno)):
		return p
	}
	if len(last) == 7 && last[0] == recordAlert && last[1] == 3 && last[3] == 0 && last[4] == 2 && last[5] <= 2 {
		p.Code, p.Reason = uint32(lib|1000+int(last[6])), alertText(last[6])
		return p
	}
	return explainText(p, err, op, reason)
}

const (
	recordAlert       = 21
	recordApplication = 23
)

func explainRecord(p Problem, e tls.RecordHeaderError, first []byte, reason func(int) Problem) Problem {
	switch {
	case strings.Contains(e.Msg, "oversized"):
		return reason(0x92)
	case e.Conn == nil && !strings.Contains(e.Msg, "SSLv2"):
		return reason(0x10b)
	case len(first) > 0 && first[0] == recordApplication:
		p.Alert = []byte{recordAlert, 3, 3, 0, 2, 2, 10}
		return reason(0xf4)
	}
	for _, m := range []string{"GET ", "POST ", "HEAD ", "PUT "} {
		if bytes.HasPrefix(first, []byte(m)) {
			return reason(0x9c)
		}
	}
	if bytes.HasPrefix(first, []byte("CONNE")) {
		return reason(0x9b)
	}
	return reason(0x10b)
}

// explainText knows what crypto/tls says only in words.
func explainText(p Problem, err error, op *net.OpError, reason func(int) Problem) Problem {
	text := err.Error()
	if op != nil && op.Op == "local error" {
		if n, ok := alertNumber(op.Err); ok {
			switch n {
			case 10:
				return reason(0xf4)
			case 20:
				return reason(0x119)
			case 22:
				return reason(0x92)
			case 50:
				return reason(0x9f)
			}
		}
		return p
	}
	for _, k := range []struct {
		part string
		code int
	}{
		{"no certificates configured", 0xea}, // strict-sni
		{"client offered only unsupported versions", 0x102},
		{"server selected unsupported protocol version", 0x102},
		{"no cipher suite supported", 0xc1},
		{"unsupported certificate", 0xc1},
		{"peer doesn't support any of the certificate's signature algorithms", 0xc1},
		{"no ECDHE curve supported", 0xc1},
		{"didn't provide a certificate", 0xc7},
		{"unexpected message", 0xf4},
		{"no mutually supported", 0xc1},
		{"inappropriate protocol fallback", 0x175},
		{"invalid signature", 0x95},
		{"bad record MAC", 0x119},
	} {
		if strings.Contains(text, k.part) {
			return reason(k.code)
		}
	}
	return p
}

// alertNumber finds the number of an alert, whose type crypto/tls keeps to itself,
// by its text.
func alertNumber(err error) (uint8, bool) {
	n, ok := alertTexts[err.Error()]
	return n, ok
}

var alertTexts = func() map[string]uint8 {
	m := map[string]uint8{}
	for n := range 256 {
		m[tls.AlertError(n).Error()] = uint8(n)
	}
	return m
}()

// X.509 verification errors, with OpenSSL's numbers.
const (
	VerifyNoCRL          = 3
	VerifyNotYet         = 9
	VerifyExpired        = 10
	VerifyCRLExpired     = 12
	VerifySelfSigned     = 18
	VerifySelfSignedRoot = 19
	VerifyNoIssuer       = 20
	VerifyNoFirst        = 21
	VerifyRevoked        = 23
	VerifyPathLength     = 25
	VerifyPurpose        = 26
	VerifyRejected       = 28
	VerifyNamePermitted  = 47
	VerifyHostname       = 62
	VerifyMDWeak         = 68
	VerifyInvalidCA      = 79
)

// verdictError is a verdict of our own.
type verdictError struct {
	Verdict
	text string
}

func (e *verdictError) Error() string { return e.text }

// nameError is a certificate that does not have the name that is asked for; conn says
// whether that is the one of verifyhost or the one that was sent by SNI.
type nameError struct {
	conn int
	err  error
}

func (e *nameError) Error() string { return e.err.Error() }
func (e *nameError) Unwrap() error { return e.err }

// CheckText is how checks tell of a handshake that failed (reference).
func CheckText(err error) string {
	var name *nameError
	if errors.As(err, &name) {
		return ConnText(name.conn)
	}
	return ConnText(ConnHandshake)
}

// judge finds the number of a verification error.
func judge(e *tls.CertificateVerificationError) Verdict {
	certs := e.UnverifiedCertificates
	depth := func(c *x509.Certificate) int {
		for i, o := range certs {
			if c != nil && o.Equal(c) {
				return i
			}
		}
		return 0
	}
	var own *verdictError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(e.Err, &own):
		return own.Verdict
	case errors.As(e.Err, &invalid):
		return Verdict{Code: judgeInvalid(invalid), Depth: depth(invalid.Cert)}
	case errors.As(e.Err, new(x509.HostnameError)):
		return Verdict{Code: VerifyHostname, Depth: 0}
	case errors.As(e.Err, &unknown):
		last := certs[len(certs)-1]
		switch self := bytes.Equal(last.RawIssuer, last.RawSubject); {
		case self && len(certs) == 1:
			return Verdict{Code: VerifySelfSigned, Depth: 0}
		case self:
			return Verdict{Code: VerifySelfSignedRoot, Depth: len(certs) - 1}
		}
		return Verdict{Code: VerifyNoIssuer, Depth: len(certs) - 1}
	}
	return Verdict{Code: VerifyRejected, Depth: 0}
}

func judgeInvalid(e x509.CertificateInvalidError) int {
	switch e.Reason {
	case x509.Expired:
		if strings.Contains(e.Detail, "is before") {
			return VerifyNotYet
		}
		return VerifyExpired
	case x509.NotAuthorizedToSign:
		return VerifyInvalidCA
	case x509.TooManyIntermediates:
		return VerifyPathLength
	case x509.IncompatibleUsage:
		return VerifyPurpose
	case x509.CANotAuthorizedForThisName, x509.CANotAuthorizedForExtKeyUsage, x509.NameConstraintsWithoutSANs, x509.UnconstrainedName:
		return VerifyNamePermitted
	}
	return VerifyRejected
}
