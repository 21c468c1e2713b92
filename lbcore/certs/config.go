package certs

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"gohap/lbcore/clock"
)

// errNoCA is verification without anything to verify by; the builder words it for
// the line.
var errNoCA = errors.New("verify is enabled but no CA file specified")

// IsNoCA tells whether an error says that a ca-file is missing.
func IsNoCA(err error) bool { return errors.Is(err, errNoCA) }

// signer is the certificate's private key.
func (c *Cert) signer() crypto.Signer { return c.TLS.PrivateKey.(crypto.Signer) }

// config makes the part that both sides have in common. notes say what has no
// effect. low is the oldest version where nothing is said.
func (s *Settings) config(low uint16) (cfg *tls.Config, notes []string, err error) {
	cfg = &tls.Config{DynamicRecordSizingDisabled: true, CipherSuites: defaultSuites, Time: clock.Wall}
	if cfg.MinVersion, cfg.MaxVersion, _, err = s.Versions.Range(low); err != nil {
		return nil, nil, err
	}
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if s.Ciphers != "" {
		ids, missing, unknown, err := ParseCiphers(s.Ciphers)
		if err != nil {
			return nil, nil, err
		}
		cfg.CipherSuites = ids
		if len(missing) > 0 {
			note("'ciphers' : not offered, for they are not there: %s", strings.Join(missing, ", "))
		}
		if len(unknown) > 0 {
			note("'ciphers' : unknown: %s", strings.Join(unknown, ", "))
		}
	}
	if s.Suites != "" {
		left, err := ParseSuites(s.Suites)
		if err != nil {
			return nil, nil, err
		}
		if len(left) > 0 && cfg.MaxVersion == tls.VersionTLS13 {
			note("'ciphersuites' : offered all the same, for TLS 1.3 always has them here: %s", strings.Join(left, ", "))
		}
	}
	list, word := s.Curves, "curves"
	if list == "" {
		list, word = s.ECDHE, "ecdhe"
	}
	if list != "" {
		ids, missing, err := ParseCurves(list)
		if err != nil {
			if word == "ecdhe" {
				err = fmt.Errorf("unable to set elliptic named curve to '%s'", list)
			}
			return nil, nil, err
		}
		cfg.CurvePreferences = ids
		if len(missing) > 0 {
			note("'%s' : not offered, for they are not there: %s", word, strings.Join(missing, ", "))
		}
	}
	for _, a := range []struct{ word, list string }{{"sigalgs", s.SigAlgs}, {"client-sigalgs", s.ClientSigAlgs}} {
		if a.list == "" {
			continue
		}
		if err := ParseSigAlgs(a.list); err != nil {
			return nil, nil, err
		}
		note("'%s' has no effect: the signature algorithms are those of Go", a.word)
	}
	return cfg, notes, nil
}

// Back is how TLS is spoken to one server.
type Back struct {
	config   *tls.Config
	verifier *verifier
	host     string // verifyhost
	Notes    []string
}

// NewBack makes the client's side. crt may be nil; reuse keeps sessions.
func NewBack(store *Store, s Settings, crt *Slot, host string, reuse bool) (*Back, error) {
	low := uint16(tls.VersionTLS12)
	if s.Versions.Min == 0 && s.Versions.Max != 0 { // reference: nothing is said of it
		low = min(low, tls.VersionTLS10)
	}
	cfg, notes, err := s.config(low)
	if err != nil {
		return nil, err
	}
	b := &Back{config: cfg, host: host, Notes: notes}
	cfg.InsecureSkipVerify = true // verification is ours: names are optional
	cfg.NextProtos = s.ALPN
	if s.Verify == VerifyRequired {
		if s.CAFile == "" {
			return nil, errNoCA
		}
		v := &verifier{usage: x509.ExtKeyUsageServerAuth}
		if v.authority, err = store.Authority(s.CAFile); err != nil {
			return nil, err
		}
		if s.CRLFile != "" {
			if v.crl, err = store.Revocations(s.CRLFile); err != nil {
				return nil, err
			}
		}
		b.verifier = v
		cfg.VerifyConnection = b.verify
	}
	if crt != nil {
		cfg.GetClientCertificate = func(h *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &crt.Cert().TLS, nil
		}
	}
	if reuse && s.Tickets != No {
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(16)
	}
	return b, nil
}

// Config returns what a connection uses that names the server, "" for no name.
func (b *Back) Config(name string) *tls.Config {
	if name == "" {
		return b.config
	}
	cfg := b.config.Clone()
	cfg.ServerName = name
	return cfg
}

// verify judges a server's certificates. Reference: without verifyhost the name
// that was asked for is the one to match, without either none is.
func (b *Back) verify(s tls.ConnectionState) error {
	if s.DidResume { // it was judged when the session began
		return nil
	}
	if _, err := b.verifier.verify(s.PeerCertificates); err != nil {
		return err
	}
	host, conn := b.host, ConnHost
	if host == "" {
		host, conn = s.ServerName, ConnSNI
	}
	if host == "" {
		return nil
	}
	if err := matchHost(s.PeerCertificates[0], host); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: &nameError{conn, err}}
	}
	return nil
}

// matchHost compares a name with a certificate's. Reference: the common name
// counts where there is no alternative name that matches.
func matchHost(c *x509.Certificate, host string) error {
	err := c.VerifyHostname(host)
	if err == nil {
		return nil
	}
	cn, name := strings.ToLower(c.Subject.CommonName), strings.ToLower(host)
	if len(c.DNSNames) == 0 && (cn == name || strings.HasPrefix(cn, "*.") && wildcard(name) == cn[1:]) {
		return nil
	}
	return err
}
