package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/crypto/ocsp"

	"gohap/lbcore/clock"
)

// Staple is what becomes of an OCSP response in a handshake.
type Staple uint8

// The ways of a response: none is there or asked for, it goes along, it is out of
// date by now and stays behind.
const (
	StapleNone Staple = iota
	StapleSent
	StapleExpired
)

// staple judges the response for a client.
func (c *Cert) staple(h *tls.ClientHelloInfo) Staple {
	const statusRequest = 5 // RFC 6066 section 8
	switch {
	case c.TLS.OCSPStaple == nil || !slices.Contains(h.Extensions, statusRequest):
		return StapleNone
	case !c.stapleEnd.IsZero() && c.stapleEnd.Before(clock.Wall()):
		return StapleExpired
	}
	return StapleSent
}

// loadOCSP reads the response that is stapled. One that is out of date, for
// another certificate or not good is refused.
func (c *Cert) loadOCSP(chain []*x509.Certificate, path, issuerPath string, wanted bool) error {
	if !wanted {
		return nil
	}
	der, err := os.ReadFile(path)
	if err != nil || len(der) == 0 { // reference: an empty file is for a later update
		return nil
	}
	issuer, err := c.issuer(chain, issuerPath)
	if err != nil {
		return err
	}
	r, err := ocsp.ParseResponseForCert(der, c.TLS.Leaf, nil)
	if err == nil {
		err = signedBy(r, issuer)
	}
	switch {
	case errors.As(err, new(asn1.StructuralError)), errors.As(err, new(asn1.SyntaxError)):
		return fmt.Errorf("'%s' is not an OCSP response", path)
	case err != nil:
		return fmt.Errorf("'%s' is not an OCSP response for '%s': %w", path, c.Path, err)
	case r.Status != ocsp.Good:
		return fmt.Errorf("the OCSP response of '%s' does not say that the certificate is good", path)
	case !r.NextUpdate.IsZero() && r.NextUpdate.Before(clock.Wall()):
		return fmt.Errorf("the OCSP response of '%s' expired at %s", path, r.NextUpdate.UTC().Format("2006-01-02 15:04:05"))
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

func (c *Cert) issuer(chain []*x509.Certificate, path string) (*x509.Certificate, error) {
	if text, err := os.ReadFile(path); err == nil {
		p, err := parsePEM(text)
		if err != nil || len(p.certs) == 0 {
			return nil, fmt.Errorf("unable to load the issuer's certificate from file '%s'", path)
		}
		return p.certs[0], nil
	}
	for _, i := range chain[1:] {
		if bytes.Equal(i.RawSubject, c.TLS.Leaf.RawIssuer) {
			return i, nil
		}
	}
	if bytes.Equal(c.TLS.Leaf.RawIssuer, c.TLS.Leaf.RawSubject) {
		return c.TLS.Leaf, nil
	}
	return nil, fmt.Errorf("no issuer found for '%s', cannot use the OCSP response", c.Path)
}
