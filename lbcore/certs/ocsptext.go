//lint:file-ignore ST1005 the reference's messages are printed as they are

package certs

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"

	"gohap/lbcore/clock"
)

// This file changes and shows the OCSP responses that certificates have, while the
// configuration runs. All of it is for any goroutine but a loop's; errors are what is
// answered.

// response is an OCSP response in its parts (RFC 6960 section 4.2.1).
type response struct {
	Data struct {
		Raw        asn1.RawContent
		Version    int `asn1:"optional,default:0,explicit,tag:0"`
		Responder  asn1.RawValue
		ProducedAt time.Time `asn1:"generalized"`
		Responses  []single
		Extensions []pkix.Extension `asn1:"explicit,tag:1,optional"`
	}
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
	Certs     []asn1.RawValue `asn1:"explicit,tag:0,optional"`
}

// single is what a response says about one certificate.
type single struct {
	ID         certID
	Status     asn1.RawValue
	ThisUpdate time.Time        `asn1:"generalized"`
	NextUpdate time.Time        `asn1:"generalized,explicit,tag:0,optional"`
	Extensions []pkix.Extension `asn1:"explicit,tag:1,optional"`
}

var errNoResponse = errors.New("Unable to parse OCSP response.")

// parseResponse takes a response apart; it says something about one certificate at
// least.
func parseResponse(der []byte) (*response, error) {
	var outer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type asn1.ObjectIdentifier
			Data []byte
		} `asn1:"explicit,tag:0,optional"`
	}
	r := &response{}
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 || outer.Status != 0 {
		return nil, errNoResponse
	}
	if rest, err := asn1.Unmarshal(outer.Bytes.Data, r); err != nil || len(rest) > 0 || len(r.Data.Responses) == 0 {
		return nil, errNoResponse
	}
	return r, nil
}

// about tells whether two ids are of one certificate.
func (id *certID) about(o *certID) bool {
	return bytes.Equal(id.NameHash, o.NameHash) && bytes.Equal(id.KeyHash, o.KeyHash) && id.Serial.Cmp(o.Serial) == 0
}

// id returns the id that the certificate's response has; nil where it has none.
func (c *Cert) id() *certID {
	if c == nil || c.ocspID == nil {
		return nil
	}
	id := &certID{}
	if _, err := asn1.Unmarshal(c.ocspID, id); err != nil {
		return nil
	}
	return id
}

// statusUnknown is the tag of what a responder does not know (RFC 6960 section 4.2.1).
const statusUnknown = 2

// remaining is how long a response that is set must be valid (reference).
const remaining = 300 * time.Second

// SetResponse gives a response, in base64, to the certificates that it is about, for
// all connections that begin from now on.
func (s *Store) SetResponse(text string) error {
	der, err := decode64(text)
	if err != nil || len(der) == 0 {
		return errors.New("'set ssl ocsp-response' received invalid base64 encoded response.")
	}
	return s.Insert(der)
}

// Insert gives a response to the certificates that it is about.
func (s *Store) Insert(der []byte) error {
	r, err := parseResponse(der)
	if err != nil {
		return err
	}
	one := &r.Data.Responses[0]
	switch {
	case one.Status.Tag == statusUnknown:
		return errors.New("OCSP single response: certificate status is unknown.")
	case one.NextUpdate.IsZero():
		return errors.New("OCSP single response: missing nextupdate.")
	}
	if one.NextUpdate.Before(clock.Wall()) {
		return errors.New("OCSP single response: no longer valid..")
	}
	if one.NextUpdate.Before(clock.Wall().Add(remaining)) {
		return fmt.Errorf("OCSP single response: no longer valid. Must be valid during at least %ds..", remaining/time.Second)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	made := map[*Slot]*Cert{}
	for _, slot := range s.slots {
		c := slot.Cert()
		if id := c.id(); id == nil || !id.about(&one.ID) {
			continue
		}
		parts := c.parts
		parts.OCSP = der
		if made[slot], err = assemble(c.Path, &parts, s.Issuers, s.Extra.SkipRoots); err != nil {
			return fmt.Errorf("%w.", err)
		}
	}
	if len(made) == 0 {
		return errors.New("OCSP single response: Certificate ID does not match any certificate or issuer.")
	}
	for slot, c := range made {
		if _, err := s.replace(slot, c); err != nil {
			return err
		}
	}
	return nil
}

// Responses is the list of the certificates in use that have a response, or are to
// have one.
func (s *Store) Responses() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	byID := map[string]*Cert{}
	for _, path := range slices.Sorted(maps.Keys(s.slots)) {
		slot := s.slots[path]
		if c := slot.Cert(); c.id() != nil && byID[string(c.ocspID)] == nil && s.uses(slot) > 0 {
			byID[string(c.ocspID)] = c
		}
	}
	var b strings.Builder
	if len(byID) > 0 {
		b.WriteString("# Certificate IDs\n")
	}
	for _, key := range slices.Sorted(maps.Keys(byID)) {
		c := byID[key]
		id := c.id()
		fmt.Fprintf(&b, "Certificate ID key : %x\nCertificate path : %s\n Certificate ID:\n   Issuer Name Hash: %X\n   Issuer Key Hash: %X\n   Serial Number: %s\n",
			key, c.Path, id.NameHash, id.KeyHash, serialText(id.Serial.Bytes()))
	}
	return b.String()
}

// Response returns the response of a certificate, by its path or the hex of its id;
// nil for none.
func (s *Store) Response(which string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot := s.slots[which]; slot != nil && slot.Cert().id() != nil {
		return slot.Cert().TLS.OCSPStaple, nil
	}
	id, err := hex.DecodeString(which)
	if err != nil {
		return nil, errors.New("'show ssl ocsp-response' expects a valid certid or certificate path.")
	}
	for _, slot := range s.slots {
		if c := slot.Cert(); c.id() != nil && bytes.Equal(c.ocspID, id) {
			return c.TLS.OCSPStaple, nil
		}
	}
	return nil, errors.New("Certificate ID or path does not match any certificate.")
}

// CertResponse is the response of a certificate as show ssl cert names it, by the
// extension .ocsp; ok tells whether there is such a certificate.
func (s *Store) CertResponse(name string) (der []byte, ok bool) {
	base, ok := strings.CutSuffix(name, ".ocsp")
	if !ok {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, p, _ := s.shown(base)
	if p != nil {
		der = p.OCSP
	}
	return der, slot != nil
}

// Base64 is a response as set ssl ocsp-response takes it.
func Base64(der []byte) string { return base64.StdEncoding.EncodeToString(der) }

// ResponseText tells what a response says as OpenSSL does, "" for none. Certificates
// that come along are in PEM alone.
func ResponseText(der []byte) string {
	r, err := parseResponse(der)
	if err != nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "OCSP Response Data:\n    OCSP Response Status: successful (0x0)\n    Response Type: Basic OCSP Response\n    Version: %d (0x%x)\n    Responder Id: %s\n    Produced At: %s\n    Responses:\n",
		r.Data.Version+1, r.Data.Version, responder(r.Data.Responder), timeText(r.Data.ProducedAt))
	for i := range r.Data.Responses {
		r.Data.Responses[i].describe(&b)
	}
	if len(r.Data.Extensions) > 0 {
		b.WriteString("    Response Extensions:\n")
	}
	for _, e := range r.Data.Extensions {
		name := e.Id.String()
		if name == "1.3.6.1.5.5.7.48.1.2" {
			name = "OCSP Nonce"
		}
		fmt.Fprintf(&b, "        %s: \n            %X\n", name, e.Value)
	}
	algorithm := r.Algorithm.Algorithm.String()
	if parsed, err := ocsp.ParseResponse(der, nil); err == nil {
		algorithm = longNames[parsed.SignatureAlgorithm]
	}
	fmt.Fprintf(&b, "    Signature Algorithm: %s\n    Signature Value:", algorithm)
	sig := r.Signature.Bytes
	for i, c := range sig {
		if i%18 == 0 {
			b.WriteString("\n        ")
		}
		fmt.Fprintf(&b, "%02x", c)
		if i < len(sig)-1 {
			b.WriteByte(':')
		}
	}
	b.WriteByte('\n')
	for _, c := range r.Certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.FullBytes}))
	}
	return b.String()
}

// responder is who has signed: a name or the hash of a key.
func responder(v asn1.RawValue) string {
	if v.Tag != 1 {
		var hash []byte
		_, _ = asn1.Unmarshal(v.Bytes, &hash)
		return fmt.Sprintf("%X", hash)
	}
	var parts []string
	for _, p := range NameParts(v.Bytes) {
		parts = append(parts, p.Key+" = "+p.Value)
	}
	return strings.Join(parts, ", ")
}

func (o *single) describe(b *strings.Builder) {
	hash := o.ID.Algorithm.Algorithm.String()
	if o.ID.Algorithm.Algorithm.Equal(oidSHA1) {
		hash = "sha1"
	}
	fmt.Fprintf(b, "    Certificate ID:\n      Hash Algorithm: %s\n      Issuer Name Hash: %X\n      Issuer Key Hash: %X\n      Serial Number: %s\n",
		hash, o.ID.NameHash, o.ID.KeyHash, serialText(o.ID.Serial.Bytes()))
	fmt.Fprintf(b, "    Cert Status: %s\n    This Update: %s\n", [...]string{"good", "revoked", "unknown"}[min(o.Status.Tag, 2)], timeText(o.ThisUpdate))
	if !o.NextUpdate.IsZero() {
		fmt.Fprintf(b, "    Next Update: %s\n", timeText(o.NextUpdate))
	}
	b.WriteString(" \n")
}
