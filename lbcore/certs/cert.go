package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Kind is the algorithm of a certificate's key.
type Kind uint8

// The kinds.
const (
	RSA Kind = iota
	ECDSA
	Other
	kinds
)

// Cert is one certificate with its chain and key. It is read-only once loaded.
type Cert struct {
	Path  string
	TLS   tls.Certificate
	Names []string // of the leaf, lower-case: common name and alternative names
	Kind  Kind
	slow  bool // its key is used by helpers

	stapleEnd time.Time // when the OCSP response is out of date, zero for never
}

// Leaf returns the certificate itself.
func (c *Cert) Leaf() *x509.Certificate { return c.TLS.Leaf }

// Slot is the place of a certificate that may be replaced; any goroutine.
type Slot struct {
	Path string
	cert atomic.Pointer[Cert]
}

// Cert returns the present version.
func (s *Slot) Cert() *Cert { return s.cert.Load() }

// Set replaces the version. Fronts whose names come from it are reindexed by the
// caller.
func (s *Slot) Set(c *Cert) { s.cert.Store(c) }

// Extra says which side files are looked at.
type Extra struct {
	Key, OCSP, Issuer, SCTL, Bundle bool
	// DelExt puts their extensions in place of the file's own.
	DelExt bool
}

// AllExtra is what is looked at by default.
var AllExtra = Extra{Key: true, OCSP: true, Issuer: true, SCTL: true, Bundle: true}

// Files names a certificate's side files where the configuration does; an empty
// name is the file's own with an extension.
type Files struct{ Key, OCSP, Issuer, SCTL string }

// noFile is the operating system's text behind an error.
func noFile(err error) string {
	var e syscall.Errno
	if !errors.As(err, &e) {
		return err.Error()
	}
	t := e.Error()
	return strings.ToUpper(t[:1]) + t[1:]
}

// parsed is what a PEM file holds.
type parsed struct {
	certs     []*x509.Certificate
	key       crypto.Signer
	encrypted bool
}

// parsePEM reads certificates and the first private key. Errors are worded as the
// end of a sentence about the file.
func parsePEM(text []byte) (p parsed, err error) {
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			return p, nil
		}
		switch {
		case b.Type == "CERTIFICATE" || b.Type == "X509 CERTIFICATE" || b.Type == "TRUSTED CERTIFICATE":
			c, err := x509.ParseCertificate(b.Bytes)
			if err != nil {
				return p, errors.New(strings.TrimPrefix(err.Error(), "x509: "))
			}
			p.certs = append(p.certs, c)
		case strings.HasSuffix(b.Type, "PRIVATE KEY") && p.key == nil:
			if b.Type == "ENCRYPTED PRIVATE KEY" || b.Headers["Proc-Type"] != "" {
				p.encrypted = true
				continue
			}
			if p.key, err = parseKey(b.Bytes); err != nil {
				return p, err
			}
		}
	}
}

func parseKey(der []byte) (crypto.Signer, error) {
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if s, ok := k.(crypto.Signer); ok {
			return s, nil
		}
		return nil, fmt.Errorf("a private key of type %T cannot sign", k)
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "x509: "))
	}
	return k, nil
}

// Load reads a certificate, its chain, key and side files. issuers complete a
// chain that has none. The errors are whole sentences, as the reference's.
func Load(path string, f Files, x Extra, issuers []*x509.Certificate) (*Cert, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("unable to stat SSL certificate from file '%s' : %s", path, noFile(err))
	}
	return parse(path, text, f, x, issuers)
}

func parse(path string, text []byte, f Files, x Extra, issuers []*x509.Certificate) (*Cert, error) {
	p, err := parsePEM(text)
	if err != nil {
		return nil, fmt.Errorf("unable to load certificate from file '%s': %w", path, err)
	}
	switch {
	case len(p.certs) > 0:
	case bytes.Contains(text, []byte("-----BEGIN CERTIFICATE")):
		return nil, fmt.Errorf("unable to load certificate from file '%s': bad base64 decode", path)
	default:
		return nil, fmt.Errorf("unable to load certificate from file '%s': no start line", path)
	}
	side := func(name, ext string) string {
		if name != "" {
			return name
		}
		base := path
		if i := strings.LastIndexByte(path, '.'); x.DelExt && i > strings.LastIndexByte(path, '/') {
			base = path[:i]
		}
		return base + ext
	}
	if err := p.findKey(path, side(f.Key, ".key"), f.Key != "" || x.Key); err != nil {
		return nil, err
	}
	c := &Cert{Path: path, TLS: tls.Certificate{Leaf: p.certs[0], PrivateKey: p.key}}
	if err := c.judgeKey(p.key); err != nil {
		return nil, err
	}
	chain := p.certs
	if len(chain) == 1 {
		chain = complete(chain, issuers)
	}
	for _, one := range chain {
		c.TLS.Certificate = append(c.TLS.Certificate, one.Raw)
	}
	c.Names = namesOf(c.TLS.Leaf)
	if err := c.loadSCTL(side(f.SCTL, ".sctl"), f.SCTL != "", x.SCTL); err != nil {
		return nil, err
	}
	return c, c.loadOCSP(chain, side(f.OCSP, ".ocsp"), side(f.Issuer, ".issuer"), f.OCSP != "" || x.OCSP)
}

// findKey reads the key file where the certificate's own has none.
func (p *parsed) findKey(path, keyPath string, wanted bool) error {
	if p.key != nil {
		return nil
	}
	if wanted {
		if text, err := os.ReadFile(keyPath); err == nil {
			k, err := parsePEM(text)
			if err != nil {
				return fmt.Errorf("unable to load private key from file '%s': %w", keyPath, err)
			}
			p.key, p.encrypted = k.key, p.encrypted || k.encrypted
		}
	}
	switch {
	case p.key != nil:
		return nil
	case p.encrypted:
		return fmt.Errorf("the private key of '%s' is encrypted and there is nobody to ask for its pass phrase; decrypt it", path)
	case wanted:
		return fmt.Errorf("No Private Key found in '%s'", keyPath) //nolint:staticcheck // the reference's text
	}
	return fmt.Errorf("No Private Key found in '%s'", path) //nolint:staticcheck // the reference's text
}

// judgeKey finds whether the key belongs to the certificate and may be used.
func (c *Cert) judgeKey(key crypto.Signer) error {
	same, ok := c.TLS.Leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !same.Equal(key.Public()) {
		return fmt.Errorf("inconsistencies between private key and certificate loaded '%s'", c.Path)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		c.Kind, c.slow = RSA, true
		if k.N.BitLen() < 2048 { // reference: its library's security level
			return fmt.Errorf("unable to load SSL certificate into SSL Context '%s': ee key too small", c.Path)
		}
	case *ecdsa.PrivateKey:
		c.Kind, c.slow = ECDSA, k.Curve != elliptic.P256()
	case ed25519.PrivateKey:
		c.Kind = Other
	default:
		return fmt.Errorf("the key of '%s' has a type that TLS cannot use here (%T)", c.Path, key)
	}
	return nil
}

// complete appends issuers to a lone certificate, as far as they are known.
// Reference: they are found by the identifier of their key.
func complete(chain, issuers []*x509.Certificate) []*x509.Certificate {
	for len(chain) < 10 {
		last := chain[len(chain)-1]
		if bytes.Equal(last.RawIssuer, last.RawSubject) {
			break
		}
		found := false
		for _, i := range issuers {
			if len(last.AuthorityKeyId) > 0 && bytes.Equal(i.SubjectKeyId, last.AuthorityKeyId) && last.CheckSignatureFrom(i) == nil {
				if !bytes.Equal(i.RawIssuer, i.RawSubject) { // reference: roots are not sent
					chain, found = append(chain[:len(chain):len(chain)], i), true
				}
				break
			}
		}
		if !found {
			break
		}
	}
	return chain
}

// namesOf returns what a certificate is for, in lower case: its alternative names,
// and the common name beside them as the reference has it.
func namesOf(leaf *x509.Certificate) (names []string) {
	if cn := leaf.Subject.CommonName; cn != "" {
		names = append(names, strings.ToLower(cn))
	}
	for _, n := range leaf.DNSNames {
		names = append(names, strings.ToLower(n))
	}
	return names
}

// loadSCTL reads a list of signed certificate timestamps (RFC 6962 section 3.3).
func (c *Cert) loadSCTL(path string, named, wanted bool) error {
	if !wanted && !named {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		if named {
			return fmt.Errorf("unable to load SCTL from file '%s' : %s", path, noFile(err))
		}
		return nil
	}
	list, ok := parseSCTL(b)
	if !ok {
		return fmt.Errorf("'%s' is not a list of signed certificate timestamps", path)
	}
	c.TLS.SignedCertificateTimestamps = list
	return nil
}

func parseSCTL(b []byte) (list [][]byte, ok bool) {
	if len(b) < 2 || int(binary.BigEndian.Uint16(b)) != len(b)-2 {
		return nil, false
	}
	for b = b[2:]; len(b) > 0; {
		if len(b) < 2 {
			return nil, false
		}
		n := int(binary.BigEndian.Uint16(b))
		if n == 0 || n > len(b)-2 {
			return nil, false
		}
		list = append(list, b[2:2+n])
		b = b[2+n:]
	}
	return list, true
}
