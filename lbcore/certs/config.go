package certs

import (
	"cmp"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

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

// Back is how TLS is spoken to one server. Once it is made, any goroutine or loop
// uses it.
type Back struct {
	store    *Store
	settings Settings
	crt      *Slot
	host     string // verifyhost
	reuse    bool
	low      uint16
	now      atomic.Pointer[tls.Config]
	Notes    []string
}

// NewBack makes the client's side. crt may be nil; reuse keeps sessions.
func NewBack(store *Store, s Settings, crt *Slot, host string, reuse bool) (*Back, error) {
	b := &Back{store: store, settings: s, crt: crt, host: host, reuse: reuse, low: tls.VersionTLS12}
	if s.Versions.Min == 0 && s.Versions.Max != 0 { // reference: nothing is said of it
		b.low = tls.VersionTLS10
	}
	if s.Verify == VerifyRequired {
		if s.CAFile == "" {
			_, _, err := s.config(b.low)
			return nil, cmp.Or(err, errNoCA)
		}
		if _, err := store.Authority(s.CAFile); err != nil {
			return nil, err
		}
		if s.CRLFile != "" {
			if _, err := store.Revocations(s.CRLFile); err != nil {
				return nil, err
			}
		}
	}
	store.mu.Lock()
	defer store.mu.Unlock()
	cfg, notes, err := b.make()
	if err != nil {
		return nil, err
	}
	b.Notes = notes
	b.now.Store(cfg)
	store.backs = append(store.backs, b)
	return b, nil
}

// make makes the configuration with which connections begin. Sessions that began
// with another one are not resumed: they were judged by it. Under the store's lock.
func (b *Back) make() (*tls.Config, []string, error) {
	cfg, notes, err := b.settings.config(b.low)
	if err != nil {
		return nil, nil, err
	}
	cfg.InsecureSkipVerify = true // verification is ours: names are optional
	cfg.NextProtos = b.settings.ALPN
	if v := b.verifier(); v != nil {
		cfg.VerifyConnection = func(s tls.ConnectionState) error { return b.verify(v, s) }
	}
	if b.crt != nil {
		crt := b.crt.Cert()
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &crt.TLS, nil }
	}
	cfg.SessionTicketsDisabled = b.settings.Tickets == No
	if b.reuse {
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(16)
	}
	return cfg, notes, nil
}

// Release tells that the server is gone; any goroutine.
func (b *Back) Release() {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	b.store.backs = slices.DeleteFunc(b.store.backs, func(o *Back) bool { return o == b })
}

// Config returns what connections use from now on. It is theirs together: who names
// a server clones it.
func (b *Back) Config() *tls.Config { return b.now.Load() }

// verify judges a server's certificates. Reference: without verifyhost the name
// that was asked for is the one to match, without either none is.
func (b *Back) verify(v *verifier, s tls.ConnectionState) error {
	if s.DidResume { // it was judged when the session began
		return nil
	}
	if _, err := v.verify(s.PeerCertificates); err != nil {
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
