package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/config"
)

// Authority is what a ca-file holds.
type Authority struct {
	Path  string
	Certs []*x509.Certificate
	Pool  *x509.CertPool
}

// Revocations are the lists of a crl-file.
type Revocations struct {
	Path  string
	Lists []*Revocation
}

// Revocation is one list, with an index of its serial numbers.
type Revocation struct {
	*x509.RevocationList
	revoked map[string]bool
}

// systemCA is the name of the system's own store.
const systemCA = "@system-ca"

var errNothing = errors.New("no certificate or crl found")

// readBlocks passes the PEM blocks of a file, or of all files of a folder, to take.
func readBlocks(disk config.Files, path string, take func(b *pem.Block) error) error {
	info, err := disk.Stat(path)
	if err != nil {
		return errors.New(noFile(err))
	}
	paths := []string{path}
	if info.IsDir() {
		entries, err := disk.ReadDir(path)
		if err != nil {
			return errors.New(noFile(err))
		}
		paths = paths[:0]
		for _, e := range entries {
			if !e.IsDir() && e.Name()[0] != '.' {
				paths = append(paths, path+"/"+e.Name())
			}
		}
	}
	for _, p := range paths {
		text, err := disk.ReadFile(p)
		if err != nil {
			return errors.New(noFile(err))
		}
		for {
			var b *pem.Block
			if b, text = pem.Decode(text); b == nil {
				break
			}
			if err := take(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// loadAuthority reads a ca-file.
func loadAuthority(disk config.Files, path string) (*Authority, error) {
	a := &Authority{Path: path, Pool: x509.NewCertPool()}
	if path == systemCA {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("Couldn't open the ca-file '%s' (%s)", path, err) //nolint:staticcheck // the reference's text
		}
		a.Pool = pool
		a.Certs = systemCerts()
		return a, nil
	}
	err := readBlocks(disk, path, a.take)
	if err == nil && len(a.Certs) == 0 {
		err = errNothing
	}
	if err != nil {
		return nil, fmt.Errorf("Couldn't open the ca-file '%s' (%w)", path, err) //nolint:staticcheck // the reference's text
	}
	return a, nil
}

// systemCerts are the certificates of the system's own store, where they can be
// found, to be shown.
func systemCerts() []*x509.Certificate {
	a := &Authority{Pool: x509.NewCertPool()}
	for _, path := range []string{os.Getenv("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"} {
		if path != "" && readBlocks(config.Disk, path, a.take) == nil && len(a.Certs) > 0 {
			break
		}
	}
	return a.Certs
}

// loadRevocations reads a crl-file.
func loadRevocations(disk config.Files, path string) (*Revocations, error) {
	r := &Revocations{Path: path}
	some := false
	err := readBlocks(disk, path, func(b *pem.Block) error {
		some = some || b.Type == "CERTIFICATE"
		return r.take(b)
	})
	if err == nil && len(r.Lists) == 0 && !some {
		err = errNothing
	}
	if err != nil {
		return nil, fmt.Errorf("Couldn't open the ca-file '%s' (%w)", path, err) //nolint:staticcheck // the reference's text
	}
	return r, nil
}

// take takes a certificate of a block, once.
func (a *Authority) take(b *pem.Block) error {
	if !holdsCert(b) {
		return nil
	}
	c, err := x509.ParseCertificate(b.Bytes)
	if err == nil {
		a.add(c)
	}
	return err
}

func (a *Authority) add(c *x509.Certificate) {
	if !slices.ContainsFunc(a.Certs, c.Equal) {
		a.Certs = append(a.Certs, c)
		a.Pool.AddCert(c)
	}
}

// take takes a list of a block, once.
func (r *Revocations) take(b *pem.Block) error {
	if b.Type != "X509 CRL" {
		return nil
	}
	l, err := x509.ParseRevocationList(b.Bytes)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(r.Lists, func(o *Revocation) bool { return bytes.Equal(o.Raw, l.Raw) }) {
		return nil
	}
	one := &Revocation{l, map[string]bool{}}
	for _, e := range l.RevokedCertificateEntries {
		one.revoked[string(e.SerialNumber.Bytes())] = true
	}
	r.Lists = append(r.Lists, one)
	return nil
}

// Expired returns the lists that are out of date at a time.
func (r *Revocations) Expired(now time.Time) (old []*Revocation) {
	for _, l := range r.Lists {
		if !l.NextUpdate.IsZero() && l.NextUpdate.Before(now) {
			old = append(old, l)
		}
	}
	return old
}

// check looks a chain up: each certificate but the root must have a list of its
// issuer, in date and without it (reference: CRL_CHECK_ALL).
func (r *Revocations) check(chain []*x509.Certificate, now time.Time) error {
	for depth, c := range chain {
		if depth == len(chain)-1 && depth > 0 {
			break // the anchor itself
		}
		issuer := chain[min(depth+1, len(chain)-1)]
		if err := r.checkOne(c, issuer, depth, now); err != nil {
			return err
		}
	}
	return nil
}

func (r *Revocations) checkOne(c, issuer *x509.Certificate, depth int, now time.Time) error {
	for _, l := range r.Lists {
		if !bytes.Equal(l.RawIssuer, c.RawIssuer) || l.CheckSignatureFrom(issuer) != nil {
			continue
		}
		switch {
		case l.revoked[string(c.SerialNumber.Bytes())]:
			return &verdictError{Verdict{Code: VerifyRevoked, Depth: depth}, "certificate revoked"}
		case !l.NextUpdate.IsZero() && l.NextUpdate.Before(now):
			return &verdictError{Verdict{Code: VerifyCRLExpired, Depth: depth}, "CRL has expired"}
		}
		return nil
	}
	return &verdictError{Verdict{Code: VerifyNoCRL, Depth: depth}, "unable to get certificate CRL"}
}

// verifier verifies a peer's certificates.
type verifier struct {
	authority *Authority
	crl       *Revocations
	usage     x509.ExtKeyUsage
	ignoreCA  ErrorSet
	ignoreCrt ErrorSet
}

// verify judges a chain as presented. What the configuration forgives comes back
// as a verdict without an error.
func (v *verifier) verify(certs []*x509.Certificate) (Verdict, error) {
	now := clock.Wall()
	err := v.chain(certs, now)
	if err == nil {
		return Verdict{}, nil
	}
	// Reference: the dates of certificates are looked at last. One that is out of date and
	// may be so is not good for that alone.
	late := outOfDate(certs, now)
	if late == nil {
		return v.forgive(certs, err)
	}
	first, err := v.forgive(certs, v.chain(timeless(certs, now), now))
	if err != nil {
		return first, err
	}
	for _, d := range late {
		if _, err := v.forgive(certs, &verdictError{d, "certificate is out of date"}); err != nil {
			return d, err
		}
	}
	if first.Code == 0 {
		first = late[0]
	}
	first.Late = late[len(late)-1].Code
	return first, nil
}

// chain verifies certificates up to an authority.
func (v *verifier) chain(certs []*x509.Certificate, now time.Time) error {
	o := x509.VerifyOptions{Roots: v.authority.Pool, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{v.usage}}
	for _, c := range certs[1:] {
		o.Intermediates.AddCert(c)
	}
	chains, err := certs[0].Verify(o)
	if err == nil && v.crl != nil {
		err = v.crl.check(chains[0], now)
	}
	return err
}

// outOfDate lists what is wrong with the dates of certificates, the highest first.
func outOfDate(certs []*x509.Certificate, now time.Time) (all []Verdict) {
	for depth, c := range slices.Backward(certs) {
		switch {
		case now.Before(c.NotBefore):
			all = append(all, Verdict{Code: VerifyNotYet, Depth: depth})
		case now.After(c.NotAfter):
			all = append(all, Verdict{Code: VerifyExpired, Depth: depth})
		}
	}
	return all
}

// timeless are copies of certificates that are not out of date.
func timeless(certs []*x509.Certificate, now time.Time) []*x509.Certificate {
	all := make([]*x509.Certificate, len(certs))
	for i, c := range certs {
		one := *c
		one.NotBefore, one.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
		all[i] = &one
	}
	return all
}

// forgive turns an error into the verdict that the configuration lets pass.
func (v *verifier) forgive(certs []*x509.Certificate, err error) (Verdict, error) {
	if err == nil {
		return Verdict{}, nil
	}
	failed := &tls.CertificateVerificationError{UnverifiedCertificates: certs, Err: err}
	d := judge(failed)
	ignored := v.ignoreCrt
	if d.Depth > 0 {
		ignored = v.ignoreCA
	}
	if ignored.Has(d.Code) && !ignored.Has(d.Result()) {
		d.Code = d.Result()
		failed.Err = &verdictError{d, "unable to verify the first certificate"}
	}
	if ignored.Has(d.Code) {
		return d, nil
	}
	return d, failed
}
