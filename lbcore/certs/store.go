package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"
)

// Store holds what the TLS settings of one configuration name. It is filled while
// the configuration is read; afterwards any goroutine reads it.
type Store struct {
	CrtBase, CABase, KeyBase string
	Extra                    Extra
	Issuers                  []*x509.Certificate
	Lifetime                 time.Duration // of sessions

	slots    map[string]*Slot
	cas      map[string]*Authority
	crls     map[string]*Revocations
	tickets  map[string]*Tickets
	random   *Tickets
	byRandom []*tls.Config // whose tickets are sealed by random
	sealed   bool
}

// Sealed returns the store as it may be asked once the configuration runs: it gives
// what was loaded and reads no more files. Any goroutine may ask it.
func (s *Store) Sealed() *Store {
	c := *s
	c.sealed = true
	return &c
}

// errSealed is why a sealed store reads no file.
var errSealed = errors.New("it was not loaded at the start")

// NewStore returns an empty store with the reference's defaults.
func NewStore() *Store {
	return &Store{Extra: AllExtra, Lifetime: 300 * time.Second, slots: map[string]*Slot{}, cas: map[string]*Authority{},
		crls: map[string]*Revocations{}, tickets: map[string]*Tickets{}, random: randomTickets()}
}

// secretsMark begins the secrets of a store; another form gets another mark.
const secretsMark = "gohap tickets 1\n"

// Secrets returns what the store that replaces this one needs so that sessions go
// on: the keys of tickets that no file has. They are for the next instance alone,
// in this process or, by a pipe, in another. Any goroutine.
func (s *Store) Secrets() []byte {
	b := []byte(secretsMark)
	for _, k := range s.random.Keys {
		b = append(b, k[:]...)
	}
	return b
}

// Inherit takes the secrets of a store that is being replaced; before anything is
// served. It fails, and sessions begin anew, when they have another form.
func (s *Store) Inherit(secrets []byte) error {
	keys, ok := bytes.CutPrefix(secrets, []byte(secretsMark))
	if !ok || len(keys) == 0 || len(keys)%32 != 0 {
		return errors.New("the ticket keys that were handed over have an unknown form")
	}
	t := &Tickets{}
	for ; len(keys) > 0; keys = keys[32:] {
		t.Keys = append(t.Keys, [32]byte(keys))
	}
	s.random.Keys = t.Keys
	for _, cfg := range s.byRandom {
		cfg.SetSessionTicketKeys(t.Keys)
	}
	return nil
}

// under puts a base folder before a relative name.
func under(base, name string) string {
	if base == "" || name == "" || name[0] == '/' || name[0] == '@' {
		return name
	}
	return base + "/" + name
}

// Slots returns the certificates by path.
func (s *Store) Slots() map[string]*Slot { return s.slots }

// Slot loads one certificate file, once.
func (s *Store) Slot(path string, f Files) (*Slot, error) {
	if slot := s.slots[path]; slot != nil {
		return slot, nil
	}
	f.Key, f.OCSP, f.Issuer, f.SCTL = under(s.KeyBase, f.Key), under(s.CrtBase, f.OCSP), under(s.CrtBase, f.Issuer), under(s.CrtBase, f.SCTL)
	c, err := Load(path, f, s.Extra, s.Issuers)
	if err != nil {
		return nil, err
	}
	slot := &Slot{Path: path}
	slot.Set(c)
	s.slots[path] = slot
	return slot, nil
}

// bundleKinds are the extensions of a bundle's files.
var bundleKinds = []string{".rsa", ".ecdsa", ".dsa"}

// sideFile tells whether a folder's file is no certificate.
func sideFile(name string) bool {
	for _, ext := range []string{".key", ".ocsp", ".issuer", ".sctl"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return name[0] == '.'
}

// Find loads what a name of a configuration stands for: a file, all files of a
// folder, or the files of a bundle that has no file of that name.
func (s *Store) Find(name string, f Files) ([]*Slot, error) {
	path := under(s.CrtBase, name)
	if s.sealed {
		if slot := s.slots[path]; slot != nil {
			return []*Slot{slot}, nil
		}
		return nil, fmt.Errorf("unable to stat SSL certificate '%s'", path) // reference
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return s.findAll(path)
	case err == nil:
		slot, err := s.Slot(path, f)
		return []*Slot{slot}, err
	}
	if slot := s.slots[path]; slot != nil {
		return []*Slot{slot}, nil
	}
	var found []*Slot
	if s.Extra.Bundle {
		for _, ext := range bundleKinds {
			if _, err := os.Stat(path + ext); err != nil {
				continue
			}
			slot, err := s.Slot(path+ext, f)
			if err != nil {
				return nil, err
			}
			found = append(found, slot)
		}
	}
	if found == nil {
		return nil, fmt.Errorf("unable to stat SSL certificate from file '%s' : %s", path, noFile(err))
	}
	return found, nil
}

func (s *Store) findAll(dir string) (found []*Slot, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("unable to scan directory '%s' : %s", dir, noFile(err))
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	for _, e := range entries {
		path := dir + "/" + e.Name()
		if info, err := os.Stat(path); err != nil || info.IsDir() || sideFile(e.Name()) {
			continue
		}
		slot, err := s.Slot(path, Files{})
		if err != nil {
			return nil, err
		}
		found = append(found, slot)
	}
	return found, nil
}

// Authority loads a ca-file, once.
func (s *Store) Authority(name string) (*Authority, error) {
	path := under(s.CABase, name)
	if a := s.cas[path]; a != nil {
		return a, nil
	}
	if s.sealed {
		return nil, errSealed
	}
	a, err := loadAuthority(path)
	if err == nil {
		s.cas[path] = a
	}
	return a, err
}

// Revocations loads a crl-file, once.
func (s *Store) Revocations(name string) (*Revocations, error) {
	path := under(s.CABase, name)
	if r := s.crls[path]; r != nil {
		return r, nil
	}
	if s.sealed {
		return nil, errSealed
	}
	r, err := loadRevocations(path)
	if err == nil {
		s.crls[path] = r
	}
	return r, err
}

// Tickets loads a tls-ticket-keys file, once; without a name it returns the
// process's random keys.
func (s *Store) Tickets(path string) (*Tickets, error) {
	if path == "" {
		return s.random, nil
	}
	if t := s.tickets[path]; t != nil {
		return t, nil
	}
	t, err := LoadTickets(path)
	if err == nil {
		s.tickets[path] = t
	}
	return t, err
}

// LoadIssuers reads the certificates that complete chains from a folder.
func (s *Store) LoadIssuers(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := os.ReadFile(dir + "/" + e.Name())
		if err != nil {
			continue
		}
		if p, err := parsePEM(text); err == nil && len(p.certs) > 0 {
			s.Issuers = append(s.Issuers, p.certs...)
		}
	}
	return nil
}
