package certs

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6960 names certificates by it
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"golang.org/x/crypto/ocsp"

	"gohap/lbcore/clock"
	"gohap/lbcore/config"
)

// Staple is what becomes of an OCSP response in a handshake.
type Staple uint8

// The ways of a response: none is asked for or foreseen, it goes along, it is
// missing, or out of date by now and stays behind.
const (
	StapleNone Staple = iota
	StapleSent
	StapleMissing
	StapleExpired
)

// staple judges the response for a client.
func (c *Cert) staple(h *tls.ClientHelloInfo) Staple {
	const statusRequest = 5 // RFC 6066 section 8
	switch {
	case c.ocspID == nil || !slices.Contains(h.Extensions, statusRequest):
		return StapleNone
	case c.TLS.OCSPStaple == nil: // not fetched yet, or the file beside the certificate is empty
		return StapleMissing
	case !c.stapleEnd.IsZero() && c.stapleEnd.Before(clock.Wall()):
		return StapleExpired
	}
	return StapleSent
}

// findOCSP reads the response that is stapled, and the issuer's certificate.
func (p *Parts) findOCSP(disk config.Files, n *names, wanted bool) error {
	if text, err := disk.ReadFile(n.issuer); err == nil {
		i, err := parseIssuer(text)
		if err != nil && wanted {
			return fmt.Errorf("unable to load the issuer's certificate from file '%s'", n.issuer)
		}
		p.Issuer = i
	} else {
		n.issuer = ""
	}
	if !wanted {
		return nil
	}
	if der, err := disk.ReadFile(n.ocsp); err == nil {
		p.OCSP = append([]byte{}, der...) // reference: an empty file is for a later update
	}
	return nil
}

// parseIssuer reads the first certificate of a text.
func parseIssuer(text []byte) (*x509.Certificate, error) {
	p, err := parsePEM(text)
	if err == nil && len(p.certs) == 0 {
		err = errNoStart
	}
	if err != nil {
		return nil, err
	}
	return p.certs[0], nil
}

// useOCSP judges the response that is stapled. One that is out of date, for another
// certificate or not good is refused.
func (c *Cert) useOCSP(chain []*x509.Certificate) error {
	der := c.parts.OCSP
	fetched := c.parts.update && len(c.TLS.Leaf.OCSPServer) > 0
	if der == nil && !fetched {
		return nil
	}
	name := c.Path + ".ocsp"
	issuer := c.issuer(chain)
	if issuer == nil && der == nil {
		c.orphan = true
		return nil
	}
	if issuer == nil {
		return fmt.Errorf(" '%s' is present and activates OCSP but it is impossible to compute the OCSP certificate ID (maybe the issuer could not be found)'", name) // reference
	}
	c.ocspID = ocspID(c.TLS.Leaf, issuer)
	c.ocspIssuer = issuer
	if len(der) == 0 {
		return nil
	}
	r, err := ocsp.ParseResponseForCert(der, c.TLS.Leaf, nil)
	if err == nil {
		err = signedBy(r, issuer)
	}
	switch {
	case errors.As(err, new(asn1.StructuralError)), errors.As(err, new(asn1.SyntaxError)):
		return fmt.Errorf("'%s' is not an OCSP response", name)
	case err != nil:
		return fmt.Errorf("'%s' is not an OCSP response for '%s': %w", name, c.Path, err)
	case r.Status != ocsp.Good:
		return fmt.Errorf("the OCSP response of '%s' does not say that the certificate is good", name)
	case !r.NextUpdate.IsZero() && r.NextUpdate.Before(clock.Wall()):
		return fmt.Errorf("the OCSP response of '%s' expired at %s", name, r.NextUpdate.UTC().Format("2006-01-02 15:04:05"))
	}
	c.TLS.OCSPStaple, c.stapleEnd = der, r.NextUpdate
	return nil
}

// signedBy tells who may sign a response (RFC 6960 section 4.2.2.2): the issuer,
// whose certificate may come along, or whom it made a responder.
func signedBy(r *ocsp.Response, issuer *x509.Certificate) error {
	by := r.Certificate // it has signed the response
	switch {
	case by == nil:
		return r.CheckSignatureFrom(issuer)
	case by.Equal(issuer):
		return nil
	case !slices.Contains(by.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return fmt.Errorf("it is signed by '%s', which is no responder", by.Subject)
	}
	return issuer.CheckSignature(by.SignatureAlgorithm, by.RawTBSCertificate, by.Signature)
}

// issuer returns who issued the certificate, nil where nobody is known.
func (c *Cert) issuer(chain []*x509.Certificate) *x509.Certificate {
	if c.parts.Issuer != nil {
		return c.parts.Issuer
	}
	for _, i := range chain[1:] {
		if bytes.Equal(i.RawSubject, c.TLS.Leaf.RawIssuer) {
			return i
		}
	}
	if bytes.Equal(c.TLS.Leaf.RawIssuer, c.TLS.Leaf.RawSubject) {
		return c.TLS.Leaf
	}
	return nil
}

// certID is what an OCSP response is about (RFC 6960 section 4.1.1).
type certID struct {
	Algorithm pkix.AlgorithmIdentifier
	NameHash  []byte
	KeyHash   []byte
	Serial    *big.Int
}

var oidSHA1 = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}

// ocspID is the DER of a certificate's id; nil where the issuer has none.
func ocspID(leaf, issuer *x509.Certificate) []byte {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &info); err != nil {
		return nil
	}
	name, key := sha1.Sum(leaf.RawIssuer), sha1.Sum(info.Key.RightAlign())
	der, err := asn1.Marshal(certID{pkix.AlgorithmIdentifier{Algorithm: oidSHA1, Parameters: asn1.NullRawValue}, name[:], key[:], leaf.SerialNumber})
	if err != nil {
		return nil
	}
	return der
}
