package keyring

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// The validity of every certificate and the date as of which it is checked.
var (
	notBefore = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	asOf      = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Ring is what one process uses of the fleet's secrets.
type Ring struct {
	id     string // of the node
	open   bool
	gossip [][]byte
	names  []string       // of the authorities, in the order of the secrets
	roots  *x509.CertPool // the authorities
	leaf   tls.Certificate
}

// New derives a node's keys; id is the name that its certificate bears. The first
// secret signs and encrypts, all are accepted.
func New(id string, secrets []Secret) (*Ring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("a fleet needs a secret")
	}
	r := &Ring{id: id, roots: x509.NewCertPool()}
	for i, s := range secrets {
		key, err := hkdf.Key(sha256.New, s.bytes, nil, "gohap fleet gossip 1", 32)
		if err != nil {
			return nil, err
		}
		r.gossip = append(r.gossip, key)
		a, err := newAuthority(s)
		if err != nil {
			return nil, err
		}
		r.roots.AddCert(a.cert)
		r.names = append(r.names, a.name)
		if i == 0 {
			if r.leaf, err = a.issue(id); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// Open is the ring of a fleet without a secret: everybody can have it.
func Open(id string) (*Ring, error) {
	known := sha256.Sum256([]byte("gohap: a fleet without a secret"))
	r, err := New(id, []Secret{{known[:]}})
	if err == nil {
		r.open = true
	}
	return r, err
}

// IsOpen tells that there is no secret.
func (r *Ring) IsOpen() bool { return r.open }

// ID is the node that the ring is for.
func (r *Ring) ID() string { return r.id }

// Names tell the secrets apart, the first first. They are in handshakes for everybody to
// see, and tell nothing of the secrets.
func (r *Ring) Names() []string { return r.names }

// GossipKeys are the keys of gossip packets, the first to encrypt with.
func (r *Ring) GossipKeys() [][]byte { return r.gossip }

// authority signs certificates; it is the same wherever the secret is.
type authority struct {
	name string
	key  ed25519.PrivateKey
	cert *x509.Certificate
}

func newAuthority(s Secret) (*authority, error) {
	seed, err := hkdf.Key(sha256.New, s.bytes, nil, "gohap fleet ca 1", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	a := &authority{key: ed25519.NewKeyFromSeed(seed)}
	// Members name the authority in handshakes: its name tells secrets apart.
	sum := sha256.Sum256(a.key.Public().(ed25519.PublicKey))
	a.name = base64.RawURLEncoding.EncodeToString(sum[:6])
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gohap fleet " + a.name},
		NotBefore: notBefore, NotAfter: notAfter, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(nil, t, t, a.key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	a.cert, err = x509.ParseCertificate(der)
	return a, err
}

// issue makes a key and its certificate for a node.
func (a *authority) issue(id string) (c tls.Certificate, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return c, err
	}
	serial := make([]byte, 16)
	_, _ = rand.Read(serial)
	t := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: id}, DNSNames: []string{id},
		NotBefore: notBefore, NotAfter: notAfter, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, public, a.key)
	if err != nil {
		return c, err
	}
	c = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
	c.Leaf, err = x509.ParseCertificate(der)
	return c, err
}

// base are the settings of both ends: TLS 1.3, both prove membership, no tickets,
// which would outlive a secret.
func (r *Ring) base() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{r.leaf}, Time: func() time.Time { return asOf },
		RootCAs: r.roots, ClientCAs: r.roots, ClientAuth: tls.RequireAndVerifyClientCert,
		SessionTicketsDisabled: true,
	}
}

// Server returns settings for taking connections of some protocols (ALPN). A
// connection that names none is refused.
func (r *Ring) Server(protocols []string) *tls.Config {
	c := r.base()
	c.NextProtos = protocols
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if s.NegotiatedProtocol == "" {
			return errors.New("the connection names no protocol")
		}
		if s.ServerName != "" && s.ServerName != r.id {
			return fmt.Errorf("the connection is for node %.64q, this is %s", s.ServerName, r.id)
		}
		return nil
	}
	return c
}

// Client returns settings for a connection of a protocol to a node, or to whichever
// node there is for an empty id.
func (r *Ring) Client(protocol, id string) *tls.Config {
	c := r.base()
	c.NextProtos = []string{protocol}
	c.ServerName = id
	if id == "" { // the chain is verified, the name is learned
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(s tls.ConnectionState) error {
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: r.roots, CurrentTime: asOf})
			return err
		}
	}
	return c
}

// Peer returns the id of the node at the other end of a connection whose handshake is
// over, and whether a secret of this ring made it a member. A ring that took the
// place of the connection's own may say no: that secret was removed.
func (r *Ring) Peer(s tls.ConnectionState) (id string, member bool) {
	if len(s.PeerCertificates) == 0 || len(s.PeerCertificates[0].DNSNames) != 1 {
		return "", false
	}
	c := s.PeerCertificates[0]
	_, err := c.Verify(x509.VerifyOptions{Roots: r.roots, CurrentTime: asOf, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return c.DNSNames[0], err == nil
}
