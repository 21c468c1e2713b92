//lint:file-ignore ST1005 the reference's messages are printed as they are

package certs

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/config"
)

// ticketCount is how many keys a file needs and how many are in use.
const ticketCount = 3

// Tickets are the keys of session tickets, which commands replace.
type Tickets struct {
	Path string
	keys atomic.Pointer[ticketKeys]
}

// ticketKeys are the keys at one time, oldest first; read-only.
type ticketKeys struct {
	raw [][]byte
	box *tls.Config // seals with the last key but one, opens with all
}

// use makes keys those that seal and open from now on; any goroutine.
func (t *Tickets) use(raw [][]byte) {
	k := &ticketKeys{raw, &tls.Config{}}
	k.box.SetSessionTicketKeys(k.derived())
	t.keys.Store(k)
}

// derived returns what the library needs of each key, the one that seals first.
func (k *ticketKeys) derived() [][32]byte {
	if len(k.raw) == 1 { // nobody was told it
		return [][32]byte{[32]byte(k.raw[0])}
	}
	seal := len(k.raw) - 2
	all := [][32]byte{sha256.Sum256(k.raw[seal])}
	for i, key := range k.raw {
		if i != seal {
			all = append(all, sha256.Sum256(key))
		}
	}
	return all
}

func (t *Tickets) derived() [][32]byte { return t.keys.Load().derived() }

// randomTickets are keys that nobody was told.
func randomTickets() *Tickets {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	t := &Tickets{}
	t.use([][]byte{key})
	return t
}

// loadTickets reads a file of keys, one a line in base64, 48 or 80 bytes each.
// Reference: of the last three, the one but last seals.
func loadTickets(disk config.Files, path string) (*Tickets, error) {
	text, err := disk.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("'%s' : unable to load ssl tickets keys file", path)
	}
	return parseTickets(path, text)
}

func parseTickets(path string, text []byte) (*Tickets, error) {
	var keys [][]byte
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(string(line))
		switch {
		case err != nil:
			return nil, fmt.Errorf("'%s' : unable to decode base64 key on line %d", path, n)
		case len(key) != 48 && len(key) != 80 || len(keys) > 0 && len(key) != len(keys[0]):
			return nil, fmt.Errorf("'%s' : wrong sized key on line %d", path, n)
		}
		keys = append(keys, key)
	}
	if len(keys) < ticketCount {
		return nil, fmt.Errorf("'%s' : please supply at least %d keys in the tls-tickets-file", path, ticketCount)
	}
	t := &Tickets{Path: path}
	t.use(keys[len(keys)-ticketCount:])
	return t, nil
}

// stampMark begins what is added to a session that goes into a ticket.
const stampMark = "gohap1"

// session is what tickets carry beside the session itself: when it began and for
// which settings it was made. Certificates are judged anew.
type session struct {
	since    int64 // wall seconds
	settings uint64
}

func (s session) bytes() []byte {
	b := append(make([]byte, 0, 32), stampMark...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.since))
	return binary.BigEndian.AppendUint64(b, s.settings)
}

func readSession(b []byte) (s session, ok bool) {
	if len(b) != len(stampMark)+16 || string(b[:len(stampMark)]) != stampMark {
		return s, false
	}
	b = b[len(stampMark):]
	s.since, s.settings = int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])
	return s, true
}

// sealing makes cfg put sessions into tickets that live for a time and are good
// for the same settings alone.
func sealing(cfg *tls.Config, keys *Tickets, life time.Duration, settings uint64) {
	cfg.SetSessionTicketKeys(keys.derived()) // never used: it keeps the library from making its own
	cfg.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		ss.Extra = [][]byte{session{clock.Wall().Unix(), settings}.bytes()}
		return keys.keys.Load().box.EncryptTicket(cs, ss)
	}
	cfg.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		ss, err := keys.keys.Load().box.DecryptTicket(identity, cs)
		if err != nil || ss == nil {
			return nil, nil // a full handshake
		}
		for _, x := range ss.Extra {
			if s, ok := readSession(x); ok && s.settings == settings && clock.Wall().Unix()-s.since < int64(life/time.Second) {
				return ss, nil
			}
		}
		return nil, nil
	}
}

// TicketFiles tells the files of ticket keys there are, by number. Reference: the last
// that was named is the first. Any goroutine but a loop's.
func (s *Store) TicketFiles() []*Tickets {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.tickets)
	slices.Reverse(all)
	return all
}

// Secrets returns the keys as files have them, oldest first; any goroutine.
func (t *Tickets) Secrets() (all []string) {
	for _, k := range t.keys.Load().raw {
		all = append(all, base64.StdEncoding.EncodeToString(k))
	}
	return all
}

// Errors of AddTicketKey.
var (
	ErrKeyText = errors.New("received invalid base64 encoded TLS key.")
	ErrKeySize = errors.New("received a key of wrong size.")
)

// AddTicketKey makes a key the newest; the oldest goes, the newest so far seals from now on.
// Any goroutine but a loop's.
func (s *Store) AddTicketKey(t *Tickets, text string) error {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return ErrKeyText
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	raw := t.keys.Load().raw
	if len(key) != len(raw[0]) {
		return ErrKeySize
	}
	t.use(append(slices.Clone(raw[1:]), key))
	return nil
}
