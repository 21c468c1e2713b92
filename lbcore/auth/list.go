package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"sync"

	"gohap/lbcore/message"
)

// User is one user of a list; it does not change after loading.
type User struct {
	Name   string
	Secret string // the hash, or the password itself where Plain
	Plain  bool
	Groups [][]byte
}

// In tells whether the user is in a group.
func (u *User) In(group string) bool {
	return slices.ContainsFunc(u.Groups, func(g []byte) bool { return string(g) == group })
}

// List is a userlist. Users are added while the configuration is read; the
// methods that look them up may be called on any loop.
type List struct {
	Name  string
	users map[string]*User
	key   [32]byte

	mu      sync.Mutex
	known   map[[32]byte]int // digest of a right password: its place in order
	order   [][32]byte
	next    int // place that is taken anew when order is full
	waiting []job
	running int
	started uint64
}

const (
	remembered = 4096 // right passwords kept
	parallel   = 2    // hashes computed at once
	queued     = 256  // and waiting; more are refused
)

// NewList returns an empty list.
func NewList(name string) *List {
	l := &List{Name: name, users: map[string]*User{}, known: map[[32]byte]int{}}
	_, _ = rand.Read(l.key[:]) // never fails
	return l
}

// Add appends a user; false when there is one of that name.
func (l *List) Add(u *User) bool {
	if l.users[u.Name] != nil {
		return false
	}
	l.users[u.Name] = u
	return true
}

// User returns a user by name, nil when there is none.
func (l *List) User(name []byte) *User { return l.users[string(name)] }

// Allowed returns the user when the password is right: plain, or one that was
// verified before. It does not hash passwords.
func (l *List) Allowed(name, password []byte) *User {
	u := l.User(name)
	switch {
	case u == nil:
		return nil
	case u.Plain && subtle.ConstantTimeCompare([]byte(u.Secret), password) == 1:
		return u
	case !u.Plain && l.Remembers(u, password):
		return u
	}
	return nil
}

// Remembers tells whether a user's password was verified before.
func (l *List) Remembers(u *User, password []byte) bool {
	d := l.Digest(u, password)
	l.mu.Lock()
	_, ok := l.known[d]
	l.mu.Unlock()
	return ok
}

// Digest is a keyed hash of a user's secret and a password: what may be kept of
// the two beyond the moment.
func (l *List) Digest(u *User, password []byte) (d [32]byte) {
	h := sha256.New()
	h.Write(l.key[:])
	h.Write([]byte(u.Secret))
	h.Write([]byte{0})
	h.Write(password)
	h.Write(l.key[:])
	h.Sum(d[:0])
	return d
}

// remember keeps the digest of a right password, in place of the oldest when
// there are many.
func (l *List) remember(d [32]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.known[d]; ok {
		return
	}
	if len(l.order) < remembered {
		l.known[d] = len(l.order)
		l.order = append(l.order, d)
		return
	}
	delete(l.known, l.order[l.next])
	l.order[l.next], l.known[d] = d, l.next
	l.next = (l.next + 1) % remembered
}

type job struct {
	user     *User
	password string
	done     func(ok bool)
}

// Verify hashes a password on a goroutine and calls done there; done(false) is
// called at once when too many wait.
func (l *List) Verify(u *User, password string, done func(ok bool)) {
	j := job{u, password, done}
	l.mu.Lock()
	switch {
	case l.running < parallel:
		l.running++
		l.started++
		l.mu.Unlock()
		go l.work(j)
	case len(l.waiting) < queued:
		l.waiting = append(l.waiting, j)
		l.started++
		l.mu.Unlock()
	default:
		l.mu.Unlock()
		done(false)
	}
}

// Started returns how many passwords were given to hash. Any goroutine.
func (l *List) Started() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.started
}

// work does a job and what waits behind it.
func (l *List) work(j job) {
	for {
		ok := Match(j.user.Secret, j.password)
		if ok {
			l.remember(l.Digest(j.user, []byte(j.password)))
		}
		j.done(ok)
		l.mu.Lock()
		if len(l.waiting) == 0 {
			l.running--
			l.mu.Unlock()
			return
		}
		j = l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
		l.mu.Unlock()
	}
}

// Scheme parts the value of an authorization field into its scheme and what
// follows (RFC 9110 section 11.4).
func Scheme(value []byte) (scheme, rest []byte, ok bool) {
	i := bytes.IndexByte(value, ' ')
	if i <= 0 {
		return nil, nil, false
	}
	return value[:i], bytes.TrimLeft(value[i:], " "), true
}

// Basic decodes the user and the password of the scheme Basic (RFC 7617) from
// the value of an authorization field, into memory from alloc.
func Basic(value []byte, alloc func(n int) []byte) (user, password []byte, ok bool) {
	scheme, rest, ok := Scheme(value)
	if !ok || !message.EqualFold(scheme, "basic") {
		return nil, nil, false
	}
	dst := alloc(base64.StdEncoding.DecodedLen(len(rest)))
	n, err := base64.StdEncoding.Decode(dst, rest)
	if err != nil {
		return nil, nil, false
	}
	return bytes.Cut(dst[:n], []byte(":"))
}
