//lint:file-ignore ST1005 the reference's messages are printed as they are

package certs

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// This file changes certificates while the configuration runs: in a transaction, of
// which there is one at a time. All of it is for any goroutine but a loop's; errors
// are what is answered.

// draft is a certificate that is being changed.
type draft struct {
	slot  *Slot
	parts Parts
}

// sides are the extensions of side files, by which a command names a part of a
// certificate.
var sides = []struct {
	ext  string
	take func(path, text string, p *Parts) error
}{
	{".key", takeKey}, {".ocsp", takeOCSP}, {".issuer", takeIssuer}, {".sctl", takeSCTL},
}

// takeText takes a PEM text in place of all there was. Reference: side files too.
func takeText(path, text string, p *Parts) error {
	parts, err := parseParts(path, []byte(text))
	if err != nil {
		if !errors.As(err, &chainError{}) {
			err = fmt.Errorf("%w.", err)
		}
		return fmt.Errorf("%w\nCan't load the payload", err)
	}
	*p = *parts
	return nil
}

func takeKey(path, text string, p *Parts) error {
	k, err := parsePEM([]byte(text))
	if err != nil || k.key == nil {
		return fmt.Errorf("unable to load private key from file '%s'.\nCan't load the payload", path)
	}
	p.Key = k.key
	return nil
}

func takeOCSP(_, text string, p *Parts) error {
	der, err := decode64(text)
	if err != nil {
		return errors.New("Error reading OCSP response in base64 formatCan't load the payload") // reference
	}
	p.OCSP = der
	return nil
}

// takeIssuer takes the issuer's certificate. Reference: the response that was there
// goes.
func takeIssuer(path, text string, p *Parts) error {
	i, err := parseIssuer([]byte(text))
	if err != nil {
		return fmt.Errorf("'%s' cannot be read or parsed'.\nCan't load the payload", path) // reference
	}
	p.Issuer, p.OCSP = i, nil
	return nil
}

func takeSCTL(_, text string, p *Parts) error {
	b, err := decode64(text)
	if _, ok := parseSCTL(b); err != nil || !ok {
		return errors.New("Can't load the payload")
	}
	p.SCTL = b
	return nil
}

// decode64 reads base64 over any number of lines.
func decode64(text string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
}

// other words that a transaction is about something else.
func other(is, wanted, verb string) error {
	return fmt.Errorf("The ongoing transaction is about '%s' but you are trying to %s '%s'", is, verb, wanted)
}

// SetCert changes a certificate, or the part of one that the extension of name says,
// in a transaction. It reports whether the transaction is a new one, and the
// certificate's name.
func (s *Store) SetCert(name, text string) (path string, fresh bool, err error) {
	path, take := name, takeText
	for _, side := range sides {
		if base, ok := strings.CutSuffix(name, side.ext); ok {
			path, take = base, side.take
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var d draft
	switch slot := s.slots[path]; {
	case s.draft != nil && s.draft.slot.Path != path:
		return path, false, other(s.draft.slot.Path, path, "set")
	case s.draft != nil:
		d = *s.draft
	case slot == nil:
		return path, false, errors.New("Can't replace a certificate which is not referenced by the configuration!")
	default:
		fresh, d.slot = true, slot
		if c := slot.Cert(); c != nil {
			d.parts = c.parts
		}
	}
	if err := take(path, text, &d.parts); err != nil {
		return path, false, err
	}
	s.draft = &d
	return path, fresh, nil
}

// NewCert makes an empty certificate.
func (s *Store) NewCert(path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots[path] != nil {
		return fmt.Errorf("Certificate '%s' already exists!", path)
	}
	s.slots[path] = &Slot{Path: path}
	return nil
}

// AbortCert ends the transaction.
func (s *Store) AbortCert(path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draft == nil:
		return errors.New("No ongoing transaction!")
	case s.draft.slot.Path != path:
		return other(s.draft.slot.Path, path, "abort a transaction for")
	}
	s.draft = nil
	return nil
}

// DelCert forgets a certificate that nobody uses.
func (s *Store) DelCert(path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.slots[path]
	switch {
	case s.draft != nil && s.draft.slot.Path == path:
		return fmt.Errorf("ongoing transaction for the certificate '%s'", path)
	case slot == nil:
		return fmt.Errorf("certificate '%s' doesn't exist!", path)
	case s.uses(slot) > 0:
		return fmt.Errorf("certificate '%s' in use, can't be deleted!", path)
	}
	delete(s.slots, path)
	return nil
}

// Refusal is why a transaction goes on as it was before: nothing was begun.
type Refusal struct{ error }

// CommitCert puts the transaction's certificate in the place of the one there is, for
// all connections that begin from now on. It reports in how many places it is used.
// The error is a Refusal when the transaction stays; any other has ended it.
func (s *Store) CommitCert(path string) (used int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.draft
	switch {
	case d == nil:
		return 0, Refusal{errors.New("No ongoing transaction! !")}
	case d.slot.Path != path:
		return 0, Refusal{other(d.slot.Path, path, "set")}
	case d.parts.Leaf == nil || d.parts.Key == nil:
		return 0, Refusal{errors.New("The transaction must contain at least a certificate and a private key!")}
	case !belongs(&d.parts):
		return 0, Refusal{fmt.Errorf("inconsistencies between private key and certificate loaded '%s'.", path)}
	}
	s.draft = nil
	d.parts.update = d.slot.updated(s.Update)
	c, err := assemble(path, &d.parts, s.Issuers, s.Extra.SkipRoots)
	if err == nil && c.orphan {
		err = fmt.Errorf(orphanText, path)
	}
	if err != nil {
		return min(1, s.uses(d.slot)), fmt.Errorf("%w.", err)
	}
	return s.replace(d.slot, c)
}

// uses counts the places that show a certificate.
func (s *Store) uses(slot *Slot) (n int) {
	for _, f := range s.fronts {
		for _, e := range f.entries {
			if e.slot == slot {
				n++
			}
		}
	}
	for _, b := range s.backs {
		if b.crt == slot {
			n++
		}
	}
	return n
}

// replace lets a version of a certificate answer from now on, or none where it does
// not go. Established connections keep theirs.
func (s *Store) replace(slot *Slot, c *Cert) (used int, err error) {
	before := slot.cert.Swap(c)
	backs, err := s.renewBacks(func(b *Back) bool { return b.crt == slot })
	used = len(backs)
	if err != nil {
		slot.cert.Store(before)
		return used, err
	}
	for _, f := range s.fronts {
		if !slices.ContainsFunc(f.entries, func(e *Entry) bool { return e.slot == slot }) {
			continue
		}
		entries := slices.Clone(f.entries)
		for i, e := range entries {
			if e.slot == slot {
				used++
				entries[i] = e.again(c, e.profile)
			}
		}
		f.publish(entries, f.plain)
	}
	for _, renew := range backs {
		renew()
	}
	return used, nil
}

// renewBacks makes anew what connections to the servers of a choice begin with; the
// functions that it returns, one a server, put that into force. An error is about the
// server behind those that they are for.
func (s *Store) renewBacks(of func(*Back) bool) (all []func(), err error) {
	for _, b := range s.backs {
		if !of(b) {
			continue
		}
		cfg, _, err := b.make()
		if err != nil {
			return all, err
		}
		all = append(all, func() { b.now.Store(cfg) })
	}
	return all, nil
}

// verifier verifies the server by the files as they are now, nil for not at all. Under
// the store's lock.
func (b *Back) verifier() *verifier {
	s := b.store
	if b.settings.Verify != VerifyRequired {
		return nil
	}
	v := &verifier{usage: x509.ExtKeyUsageServerAuth, authority: s.cas[under(s.CABase, b.settings.CAFile)]}
	if b.settings.CRLFile != "" {
		v.crl = s.crls[under(s.CABase, b.settings.CRLFile)]
	}
	return v
}
