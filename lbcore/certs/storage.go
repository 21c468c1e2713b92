//lint:file-ignore ST1005 the reference's messages are printed as they are

package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// This file loads certificates of which the configuration says where each part is:
// lines of crt-stores and of crt-lists. No other file is looked for then.

// Storage is a crt-store while it is read: where its relative files lie, nil for where
// those of the process do.
type Storage struct {
	Name             string
	CrtBase, KeyBase *string
}

// Load enters a certificate that is known by its alias, or else by its file's name, and
// in a store with a name behind that.
func (s *Store) Load(from *Storage, crt, alias string, f Files) error {
	crtBase, keyBase := s.CrtBase, s.KeyBase
	if from.CrtBase != nil {
		crtBase = *from.CrtBase
	}
	if from.KeyBase != nil {
		keyBase = *from.KeyBase
	}
	name := under(s.CrtBase, crt)
	switch {
	case alias != "":
		name = "@" + from.Name + "/" + alias
	case from.Name != "":
		name = "@" + from.Name + "/" + strings.TrimPrefix(crt, "/")
	}
	if s.slot(name) != nil {
		return Defined(name)
	}
	path := under(crtBase, crt)
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("cannot open the file '%s'.\n '%s' cannot be read or parsed", path, path)
	}
	parts, err := parseParts(path, text)
	if err != nil {
		return fmt.Errorf("%w.\n '%s' cannot be read or parsed", err, path)
	}
	slot := &Slot{Path: name, files: f.names(crt), stored: true, update: f.Update}
	parts.update = slot.updated(s.Update)
	c, _, err := loadNamed(name, path, parts, f.from(crtBase, keyBase), s.Issuers, s.Extra.SkipRoots)
	if err == nil {
		s.enter(slot, c)
	}
	return err
}

// Defined says that there is a certificate of that name.
type Defined string

func (d Defined) Error() string { return fmt.Sprintf("store '%s' was already defined", string(d)) }

// names are the files as they are shown.
func (f Files) names(crt string) names { return names{crt, f.Key, f.OCSP, f.Issuer, f.SCTL} }

// loadNamed adds to what was read of path the parts that the configuration names.
func loadNamed(name, path string, p *Parts, f Files, issuers []*x509.Certificate, skipRoots bool) (*Cert, names, error) {
	n := f.names(path)
	unread := func(file string) error { return fmt.Errorf(" '%s' cannot be read or parsed", file) }
	if f.Key != "" { // it counts more than one beside the certificate
		text, err := os.ReadFile(f.Key)
		k, bad := parsePEM(text)
		switch {
		case err != nil || bad != nil:
			return nil, n, unread(f.Key)
		case k.encrypted && k.key == nil:
			p.Key, p.blocked = nil, true
		default:
			p.Key = k.key
		}
	}
	if err := p.keyed(path, f.Key); err != nil {
		return nil, n, err
	}
	if f.Issuer != "" {
		text, err := os.ReadFile(f.Issuer)
		if err == nil {
			p.Issuer, err = parseIssuer(text)
		}
		if err != nil {
			return nil, n, unread(f.Issuer)
		}
	}
	if f.OCSP != "" {
		der, err := os.ReadFile(f.OCSP)
		if err != nil {
			return nil, n, fmt.Errorf("Error opening OCSP response file '%s' cannot be read or parsed", f.OCSP)
		}
		p.OCSP = append([]byte{}, der...)
	}
	if f.SCTL != "" {
		list, err := os.ReadFile(f.SCTL)
		if _, ok := parseSCTL(list); err != nil || !ok {
			return nil, n, unread(f.SCTL)
		}
		p.SCTL = list
	}
	c, err := assemble(name, p, issuers, skipRoots)
	return c, n, err
}

// keyed fails where there is no key, nor will be.
func (p *Parts) keyed(path, keyPath string) error {
	switch {
	case p.Key != nil:
		return nil
	case p.blocked:
		return fmt.Errorf("the private key of '%s' is encrypted and there is nobody to ask for its pass phrase; decrypt it", path)
	case keyPath != "":
		path = keyPath
	}
	return fmt.Errorf("No Private Key found in '%s'", path)
}

// updated tells whether the slot's OCSP responses are fetched.
func (s *Slot) updated(otherwise Choice) bool { return s.update.over(otherwise) == Yes }

// orphanText words that an OCSP response cannot be fetched.
const orphanText = " '%s' has an OCSP auto-update set to 'on' but an error occurred (maybe the OCSP URI or the issuer could not be found)'"

// Served tells why a bind line cannot use the certificate.
func (s *Slot) Served() error {
	if c := s.Cert(); c != nil && c.orphan {
		return fmt.Errorf(orphanText, s.Path)
	}
	return nil
}

// Like tells why a slot that is there already is not what a line of a crt-list or a bind
// line says, nil where it is. What a crt-store says stands for whoever says nothing.
func (s *Store) Like(name string, f Files) error {
	slot := s.slot(under(s.CrtBase, name))
	if slot == nil || !f.said() && (slot.stored || !slot.keyed) {
		return nil
	}
	var lines []string
	switch {
	case !f.said():
		lines = append(lines, "Can't use the certificate previously defined with keywords without these keywords:")
	case !slot.stored && !slot.keyed:
		lines = append(lines, "Can't use the certificate previously defined without any keyword with these keywords:")
	}
	head := len(lines)
	null := func(s string) string {
		if s == "" {
			return "(null)"
		}
		return s
	}
	for _, d := range []struct{ name, was, is string }{
		{"key", slot.files.key, f.Key}, {"ocsp", slot.files.ocsp, f.OCSP}, {"issuer", slot.files.issuer, f.Issuer}, {"sctl", slot.files.sctl, f.SCTL},
	} {
		if d.was != d.is {
			lines = append(lines, fmt.Sprintf("- different parameter '%s' : previously '%s' vs '%s'", d.name, null(d.was), null(d.is)))
		}
	}
	if (f.Update.over(s.Update) == Yes) != slot.updated(s.Update) {
		lines = append(lines, fmt.Sprintf("- different parameter 'ocsp-update' : previously %s vs %s", s.mode(slot.update), s.mode(f.Update)))
	}
	if len(lines) == head {
		return nil
	}
	return errors.New(" " + strings.Join(lines, "\n"))
}

// mode words whether OCSP responses are fetched.
func (s *Store) mode(c Choice) string {
	switch {
	case c == Yes:
		return "'on'"
	case c == No:
		return "'off'"
	case s.Update == Yes:
		return "'default' (ocsp-update.mode on)"
	}
	return "'default' (ocsp-update.mode off)"
}
