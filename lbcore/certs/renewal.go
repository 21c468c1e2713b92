//lint:file-ignore ST1005 the reference's messages are printed as they are

package certs

import (
	"bytes"
	"crypto/x509"
	"errors"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Renewal is a certificate whose OCSP response can be fetched. It is read-only.
type Renewal struct {
	ID   string // the DER of what the response is known by
	Path string // of the first certificate with that response
	URL  string // of the responder, "" where the certificate names none
	// Until is when the present response is out of date, zero without one.
	Until time.Time

	leaf, issuer *x509.Certificate
}

// Renewals are the certificates of bind lines whose responses are kept up to date, one
// for each response; any goroutine but a loop's, as all below.
func (s *Store) Renewals() (all []Renewal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for _, f := range s.fronts {
		for _, e := range f.entries {
			if e.slot.updated(s.Update) && e.cert.ocspID != nil && len(e.cert.Leaf().OCSPServer) > 0 && !seen[string(e.cert.ocspID)] {
				seen[string(e.cert.ocspID)] = true
				all = append(all, e.cert.renewal())
			}
		}
	}
	return all
}

// Renewal is how the response of one certificate is fetched, whether it is kept up to
// date or not.
func (s *Store) Renewal(path string) (Renewal, error) {
	slot := s.slot(path)
	switch c := (*Cert)(nil); {
	case slot == nil:
		return Renewal{}, errors.New("Unknown certificate! 'update ssl ocsp-response' expects an already known certificate file name.")
	default:
		if c = slot.Cert(); c == nil || c.ocspID == nil {
			return Renewal{}, errors.New("'update ssl ocsp-response' only works on certificates that already have a known OCSP response.")
		}
		return c.renewal(), nil
	}
}

func (c *Cert) renewal() Renewal {
	r := Renewal{ID: string(c.ocspID), Path: c.Path, Until: c.stapleEnd, leaf: c.Leaf(), issuer: c.ocspIssuer}
	if urls := r.leaf.OCSPServer; len(urls) > 0 {
		r.URL = urls[0]
	}
	return r
}

// Request is what a responder is asked, in DER.
func (r *Renewal) Request() ([]byte, error) { return ocsp.CreateRequest(r.leaf, r.issuer, nil) }

// Check tells whether a response is one, and is signed by who may; what it says is not
// looked at.
func (r *Renewal) Check(der []byte) error {
	parsed, err := ocsp.ParseResponse(der, nil)
	var refused ocsp.ResponseError
	switch {
	case errors.As(err, &refused):
		return errors.New("OCSP response status not successful")
	case err != nil && !bytes.HasPrefix(der, []byte{0x30}):
		return errors.New("d2i_OCSP_RESPONSE() failed") // reference: its library's
	case err == nil:
		err = signedBy(parsed, r.issuer)
	}
	if err != nil {
		return errors.New("OCSP_basic_verify() failed")
	}
	return nil
}

// OnChange has f called after each change of the certificates or lists, under the
// store's lock: f may only pass the word on.
func (s *Store) OnChange(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = f
}
