package certs

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Store holds what the TLS settings of one configuration name. It is filled while
// the configuration is read; afterwards any goroutine asks and changes it, by the
// methods that say so, and connections come by what they need without a lock.
type Store struct {
	*core
	sealed bool
	held   bool // whoever asks has the lock
}

// lock takes the lock unless whoever asks has it; what it returns gives it back.
func (s *Store) lock() (unlock func()) {
	if s.held {
		return func() {}
	}
	s.mu.Lock()
	return s.mu.Unlock
}

// core is what a store and its sealed view share.
type core struct {
	CrtBase, CABase, KeyBase string
	Extra                    Extra
	Update                   Choice // whether OCSP responses are fetched where nothing is said
	Issuers                  []*x509.Certificate
	Lifetime                 time.Duration // of sessions
	// ReadLine reads a line of a crt-list that a command adds; it is asked by that
	// command's goroutine, which holds no lock.
	ReadLine func(l *Line) (Settings, Files, error)

	random *Tickets

	mu      sync.Mutex
	slots   map[string]*Slot
	cas     map[string]*Authority
	crls    map[string]*Revocations
	tickets []*Tickets // in order of their first use
	lists   map[string]*List
	fronts  []*Front
	backs   []*Back
	draft   *draft      // of a certificate
	changed func()      // see OnChange, nil for nobody
	next    [2]*trusted // drafts of a ca-file and of a crl-file
}

// Sealed returns the store as it may be asked once the configuration runs: it gives
// what was loaded and reads no more files. Any goroutine may ask it.
func (s *Store) Sealed() *Store { return &Store{core: s.core, sealed: true} }

// errSealed is why a sealed store reads no file.
var errSealed = errors.New("it was not loaded at the start")

// NewStore returns an empty store with the reference's defaults.
func NewStore() *Store {
	return &Store{core: &core{Extra: AllExtra, Lifetime: 300 * time.Second, slots: map[string]*Slot{}, cas: map[string]*Authority{},
		crls: map[string]*Revocations{}, lists: map[string]*List{}, random: randomTickets()}}
}

// secretsMark begins the secrets of a store; another form gets another mark.
const secretsMark = "gohap tickets 1\n"

// Secrets returns what the store that replaces this one needs so that sessions go
// on: the keys of tickets that no file has. They are for the next instance alone,
// in this process or, by a pipe, in another. Any goroutine.
func (s *Store) Secrets() []byte {
	b := []byte(secretsMark)
	for _, k := range s.random.derived() {
		b = append(b, k[:]...)
	}
	return b
}

// Inherit takes the secrets of a store that is being replaced; before anything is
// served. It fails, and sessions begin anew, when they have another form.
func (s *Store) Inherit(secrets []byte) error {
	keys, ok := bytes.CutPrefix(secrets, []byte(secretsMark))
	if !ok || len(keys) != 32 {
		return errors.New("the ticket keys that were handed over have an unknown form")
	}
	s.random.use([][]byte{keys})
	return nil
}

// under puts a base folder before a relative name.
func under(base, name string) string {
	if base == "" || name == "" || name[0] == '/' || name[0] == '@' {
		return name
	}
	return base + "/" + name
}

// Holds tells whether there are certificates; any goroutine.
func (s *Store) Holds() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.slots) > 0
}

// slot returns a certificate that was loaded or made by a command, nil for none.
func (s *Store) slot(path string) *Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slots[path]
}

// Slot loads one certificate file, once.
func (s *Store) Slot(path string, f Files) (*Slot, error) { return s.load(path, f, false) }

func (s *Store) load(path string, f Files, listed bool) (*Slot, error) {
	if slot := s.slot(path); slot != nil {
		return slot, nil
	}
	slot := &Slot{Path: path, keyed: f.said(), update: f.Update}
	c, files, err := load(path, f.from(s.CrtBase, s.KeyBase), slot.updated(s.Update), s.Extra, s.Issuers)
	if err != nil {
		return nil, err
	}
	slot.files = files
	if listed { // reference: it shows what the line says
		slot.files = f.names(path)
	}
	s.enter(slot, c)
	return slot, nil
}

// enter adds a certificate.
func (s *Store) enter(slot *Slot, c *Cert) {
	slot.cert.Store(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slots[slot.Path] = slot
}

// bundleKinds are the extensions of a bundle's files.
var bundleKinds = []string{".rsa", ".ecdsa", ".dsa"}

// sideFile tells whether a folder's file is no certificate.
func sideFile(name string) bool {
	for _, side := range sides {
		if strings.HasSuffix(name, side.ext) {
			return true
		}
	}
	return name[0] == '.'
}

// Find loads what a name of a configuration stands for: a file, all files of a
// folder, or the files of a bundle that has no file of that name.
func (s *Store) Find(name string, f Files) ([]*Slot, error) { return s.find(name, f, false) }

// FindListed is Find for a line of a crt-list.
func (s *Store) FindListed(name string, f Files) ([]*Slot, error) { return s.find(name, f, true) }

func (s *Store) find(name string, f Files, listed bool) ([]*Slot, error) {
	path := under(s.CrtBase, name)
	if s.sealed {
		if slot := s.slot(path); slot != nil && slot.Cert() != nil {
			return []*Slot{slot}, nil
		}
		return nil, fmt.Errorf("unable to stat SSL certificate '%s'", path) // reference
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return s.findAll(path)
	case err == nil:
		slot, err := s.load(path, f, listed)
		return []*Slot{slot}, err
	}
	if slot := s.slot(path); slot != nil {
		return []*Slot{slot}, nil
	}
	var found []*Slot
	if s.Extra.Bundle {
		for _, ext := range bundleKinds {
			if _, err := os.Stat(path + ext); err != nil {
				continue
			}
			slot, err := s.load(path+ext, f, listed)
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
		slot, err := s.load(path, Files{}, false)
		if err != nil {
			return nil, err
		}
		found = append(found, slot)
	}
	return found, nil
}

// Authority loads a ca-file, once.
func (s *Store) Authority(name string) (*Authority, error) {
	return once(s, s.cas, under(s.CABase, name), loadAuthority)
}

// Revocations loads a crl-file, once.
func (s *Store) Revocations(name string) (*Revocations, error) {
	return once(s, s.crls, under(s.CABase, name), loadRevocations)
}

// once finds what a file holds among those loaded, or loads it there; no lock is held
// while it is read.
func once[T any](s *Store, loaded map[string]*T, path string, load func(string) (*T, error)) (*T, error) {
	unlock := s.lock()
	t := loaded[path]
	unlock()
	switch {
	case t != nil:
		return t, nil
	case s.sealed:
		return nil, errSealed
	}
	t, err := load(path)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		loaded[path] = t
	}
	return t, err
}

// Tickets loads a tls-ticket-keys file, once; without a name it returns the
// process's random keys.
func (s *Store) Tickets(path string) (*Tickets, error) {
	if path == "" {
		return s.random, nil
	}
	unlock := s.lock()
	at := slices.IndexFunc(s.tickets, func(t *Tickets) bool { return t.Path == path })
	if at >= 0 {
		defer unlock()
		return s.tickets[at], nil
	}
	unlock()
	t, err := LoadTickets(path)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tickets = append(s.tickets, t)
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
