package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"gohap/lbcore/config"
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

	parts      Parts
	sum        [sha256.Size]byte // of the leaf
	stapleEnd  time.Time         // when the OCSP response is out of date, zero for never
	ocspID     []byte            // the DER of the id that its OCSP response is known by, nil for none
	ocspIssuer *x509.Certificate // who may say whether it is good, nil for nobody
	orphan     bool              // its OCSP response is to be fetched, and nobody knows for which issuer
}

// Parts are what a certificate is made of. They are read-only once they are parts of
// a Cert; a change begins with a copy.
type Parts struct {
	Leaf    *x509.Certificate
	Chain   []*x509.Certificate // what follows it in its file
	Key     crypto.Signer
	OCSP    []byte // DER
	Issuer  *x509.Certificate
	SCTL    []byte
	blocked bool // the key is there but encrypted
	update  bool // the OCSP response is fetched from who is named in the certificate
}

// Leaf returns the certificate itself.
func (c *Cert) Leaf() *x509.Certificate { return c.TLS.Leaf }

// Slot is the place of a certificate that may be replaced; any goroutine.
type Slot struct {
	Path   string
	files  names // as show ssl cert has them
	stored bool  // of a crt-store
	keyed  bool  // the line of the crt-list that loaded it said how
	update Choice
	cert   atomic.Pointer[Cert]
}

// names are where a certificate's parts were read from, "" for nowhere.
type names struct{ crt, key, ocsp, issuer, sctl string }

// Cert returns the present version; nil before the first one of a certificate that
// was made by a command.
func (s *Slot) Cert() *Cert { return s.cert.Load() }

// Extra says which side files are looked at.
type Extra struct {
	Key, OCSP, Issuer, SCTL, Bundle bool
	// DelExt puts their extensions in place of the file's own.
	DelExt bool
	// SkipRoots leaves out what stands in a file from the first authority on that
	// has signed itself: who verifies has it.
	SkipRoots bool
}

// AllExtra is what is looked at by default.
var AllExtra = Extra{Key: true, OCSP: true, Issuer: true, SCTL: true, Bundle: true}

// Files names a certificate's side files where the configuration does, and whether its
// OCSP response is fetched. When it says nothing at all, side files are found by their
// extension.
type Files struct {
	Key, OCSP, Issuer, SCTL string
	Update                  Choice
}

// said tells whether the configuration says anything.
func (f Files) said() bool { return f != Files{} }

// from tells where relative files lie.
func (f Files) from(crtBase, keyBase string) Files {
	return Files{under(keyBase, f.Key), under(crtBase, f.OCSP), under(crtBase, f.Issuer), under(crtBase, f.SCTL), f.Update}
}

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

// errNoStart is a text without a certificate.
var errNoStart = errors.New("no start line")

// nextBlock cuts the first PEM block off; nil at the end of the text. Errors are
// OpenSSL's.
func nextBlock(text []byte) (b *pem.Block, rest []byte, err error) {
	const begin, end, dashes = "-----BEGIN ", "-----END ", "-----"
	for {
		line, after, _ := bytes.Cut(text, []byte("\n"))
		if title, ok := bytes.CutPrefix(bytes.TrimRight(line, " \t\r"), []byte(begin)); ok && bytes.HasSuffix(title, []byte(dashes)) {
			title = bytes.TrimSuffix(title, []byte(dashes))
			if b, rest = pem.Decode(text); b != nil && b.Type == string(title) && whole(after, rest) {
				return b, rest, nil
			}
			_, from, found := bytes.Cut(after, []byte(end))
			if inner := after[:len(after)-len(from)]; !found || bytes.Contains(inner, []byte(begin)) || !strings.HasPrefix(string(from), string(title)+dashes) {
				return nil, nil, errors.New("bad end line")
			}
			return nil, nil, errors.New("bad base64 decode")
		}
		if len(after) == 0 {
			return nil, nil, nil
		}
		text = after
	}
}

// holdsCert tells whether a block is a certificate, by any of OpenSSL's titles.
func holdsCert(b *pem.Block) bool {
	return b.Type == "CERTIFICATE" || b.Type == "X509 CERTIFICATE" || b.Type == "TRUSTED CERTIFICATE"
}

// whole tells whether pem.Decode took the block that after is the inside of: it
// passes over what it cannot read.
func whole(after, rest []byte) bool {
	return !bytes.Contains(after[:max(0, len(after)-len(rest))], []byte("-----BEGIN "))
}

// chainError is something wrong behind the certificate itself.
type chainError struct{ error }

func (e chainError) Unwrap() error { return e.error }

// parsePEM reads certificates and the first private key. Errors are worded as the
// end of a sentence about the file.
func parsePEM(text []byte) (p parsed, err error) {
	wrong := func(err error) error {
		if len(p.certs) > 0 {
			return chainError{err}
		}
		return err
	}
	for {
		var b *pem.Block
		if b, text, err = nextBlock(text); b == nil || err != nil {
			if err != nil {
				err = wrong(err)
			}
			return p, err
		}
		switch {
		case holdsCert(b):
			c, err := x509.ParseCertificate(b.Bytes)
			if err != nil {
				return p, wrong(errors.New(strings.TrimPrefix(err.Error(), "x509: ")))
			}
			p.certs = append(p.certs, c)
		case strings.HasSuffix(b.Type, "PRIVATE KEY") && p.key == nil:
			if b.Type == "ENCRYPTED PRIVATE KEY" || b.Headers["Proc-Type"] != "" {
				p.encrypted = true
				continue
			}
			if p.key, err = parseKey(b.Bytes); err != nil {
				return p, wrong(err)
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

// load reads a certificate, its chain, key and side files, and tells where they were.
// issuers complete a chain that has none. The errors are whole sentences, as the
// reference's.
func load(disk config.Files, path string, f Files, update bool, x Extra, issuers []*x509.Certificate) (*Cert, names, error) {
	n := names{crt: path}
	text, err := disk.ReadFile(path)
	if err != nil {
		return nil, n, fmt.Errorf("unable to stat SSL certificate from file '%s' : %s", path, noFile(err))
	}
	parts, err := parseParts(path, text)
	if err != nil {
		return nil, n, err
	}
	parts.update = update
	if f.said() {
		return loadNamed(disk, path, path, parts, f, issuers, x.SkipRoots)
	}
	side := func(ext string) string {
		base := path
		if i := strings.LastIndexByte(path, '.'); x.DelExt && i > strings.LastIndexByte(path, '/') {
			base = path[:i]
		}
		return base + ext
	}
	n.key, n.ocsp, n.issuer, n.sctl = side(".key"), side(".ocsp"), side(".issuer"), side(".sctl")
	if parts.Key != nil {
		n.key = path
	} else if err := parts.findKey(disk, path, n.key, x.Key); err != nil {
		return nil, n, err
	}
	if err := parts.findSCTL(disk, n.sctl, x.SCTL); err != nil {
		return nil, n, err
	}
	if err := parts.findOCSP(disk, &n, x.OCSP); err != nil {
		return nil, n, err
	}
	c, err := assemble(path, parts, issuers, x.SkipRoots)
	return c, n, err
}

// parseParts reads the parts that a PEM text has: certificate, chain and key.
func parseParts(path string, text []byte) (*Parts, error) {
	p, err := parsePEM(text)
	if err == nil && len(p.certs) == 0 {
		err = errNoStart
	}
	switch {
	case errors.As(err, &chainError{}):
		return nil, fmt.Errorf("unable to load certificate chain from file '%s': %w", path, err)
	case err != nil:
		return nil, fmt.Errorf("unable to load certificate from file '%s': %w", path, err)
	}
	return &Parts{Leaf: p.certs[0], Chain: p.certs[1:], Key: p.key, blocked: p.encrypted}, nil
}

// assemble makes a certificate of its parts, of which leaf and key are there; skipRoots
// as in Extra.
func assemble(path string, parts *Parts, issuers []*x509.Certificate, skipRoots bool) (*Cert, error) {
	c := &Cert{Path: path, TLS: tls.Certificate{Leaf: parts.Leaf, PrivateKey: parts.Key}, parts: *parts, sum: sha256.Sum256(parts.Leaf.Raw)}
	if err := c.judgeKey(); err != nil {
		return nil, err
	}
	chain := append([]*x509.Certificate{parts.Leaf}, parts.Chain...)
	if len(chain) == 1 {
		chain = complete(chain, issuers)
	}
	for i, one := range chain {
		if i > 0 && skipRoots && bytes.Equal(one.RawIssuer, one.RawSubject) {
			break
		}
		c.TLS.Certificate = append(c.TLS.Certificate, one.Raw)
	}
	c.Names = namesOf(c.TLS.Leaf)
	if parts.SCTL != nil {
		c.TLS.SignedCertificateTimestamps, _ = parseSCTL(parts.SCTL)
	}
	return c, c.useOCSP(chain)
}

// findKey reads the key file where the certificate's own has none.
func (p *Parts) findKey(disk config.Files, path, keyPath string, wanted bool) error {
	if wanted {
		if text, err := disk.ReadFile(keyPath); err == nil {
			k, err := parsePEM(text)
			if err != nil {
				return fmt.Errorf("unable to load private key from file '%s': %w", keyPath, err)
			}
			p.Key, p.blocked = k.key, p.blocked || k.encrypted
		}
	}
	switch {
	case p.Key != nil:
		return nil
	case p.blocked:
		return fmt.Errorf("the private key of '%s' is encrypted and there is nobody to ask for its pass phrase; decrypt it", path)
	case wanted:
		return fmt.Errorf("No Private Key found in '%s'", keyPath) //nolint:staticcheck // the reference's text
	}
	return fmt.Errorf("No Private Key found in '%s'", path) //nolint:staticcheck // the reference's text
}

// belongs tells whether the key is the certificate's.
func belongs(p *Parts) bool {
	same, ok := p.Leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && same.Equal(p.Key.Public())
}

// judgeKey finds whether the key belongs to the certificate and may be used.
func (c *Cert) judgeKey() error {
	if !belongs(&c.parts) {
		return fmt.Errorf("inconsistencies between private key and certificate loaded '%s'", c.Path)
	}
	switch k := c.parts.Key.(type) {
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
		return fmt.Errorf("the key of '%s' has a type that TLS cannot use here (%T)", c.Path, k)
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
		if n = strings.ToLower(n); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// findSCTL reads a list of signed certificate timestamps (RFC 6962 section 3.3).
func (p *Parts) findSCTL(disk config.Files, path string, wanted bool) error {
	if !wanted {
		return nil
	}
	b, err := disk.ReadFile(path)
	if err != nil {
		return nil
	}
	if _, ok := parseSCTL(b); !ok {
		return fmt.Errorf("'%s' is not a list of signed certificate timestamps", path)
	}
	p.SCTL = b
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
