package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"gohap/cluster/durable"
	"gohap/cluster/state"
)

// Store has contents in a directory of its own.
type Store struct {
	dir string

	mu   sync.Mutex
	held map[state.Hash]int // not to be swept
}

// Open opens a store, and makes its directory, 0700.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, held: map[state.Hash]int{}}
	left, err := filepath.Glob(filepath.Join(dir, durable.Partial+"*"))
	for _, name := range left { // by a process that ended while it wrote
		_ = os.Remove(name)
	}
	return s, err
}

func (s *Store) path(h state.Hash) string { return filepath.Join(s.dir, string(h)) }

// Has tells whether contents are there.
func (s *Store) Has(h state.Hash) bool {
	if !h.Valid() {
		return false
	}
	_, err := os.Lstat(s.path(h))
	return err == nil
}

// Put stores what r has and returns its hash and length. Where want is not empty,
// other contents are refused; at most limit bytes are taken.
func (s *Store) Put(r io.Reader, want state.Hash, limit int64) (h state.Hash, size int64, err error) {
	err = durable.Put(s.dir, func(w io.Writer) (string, error) {
		sum := sha256.New()
		size, err = io.Copy(io.MultiWriter(w, sum), io.LimitReader(r, limit+1))
		h = state.Hash(hex.EncodeToString(sum.Sum(nil)))
		switch {
		case err != nil:
		case size > limit:
			err = fmt.Errorf("contents of more than %d bytes", limit)
		case want != "" && h != want:
			err = fmt.Errorf("contents with the hash %s came for %s", h, want)
		}
		return string(h), err
	})
	if err != nil {
		return "", 0, err
	}
	return h, size, nil
}

// Open opens contents for reading.
func (s *Store) Open(h state.Hash) (*os.File, error) {
	if !h.Valid() {
		return nil, fmt.Errorf("%.80q is no hash", h)
	}
	f, err := os.Open(s.path(h))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("the contents %s are not here: %w", h, fs.ErrNotExist)
	}
	return f, err
}

// Read returns contents, which must be what their hash says.
func (s *Store) Read(h state.Hash) ([]byte, error) {
	f, err := s.Open(h)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(b); state.Hash(hex.EncodeToString(sum[:])) != h {
		return nil, fmt.Errorf("the contents %s are damaged on this node's disk", h)
	}
	return b, nil
}

// Missing lists what a manifest names and is not there, each once.
func (s *Store) Missing(m *state.Manifest) (all []state.File) {
	seen := map[state.Hash]bool{}
	for _, f := range m.Files {
		if !seen[f.Hash] && !s.Has(f.Hash) {
			all = append(all, f)
		}
		seen[f.Hash] = true
	}
	return all
}

// Hold keeps a manifest's contents from being swept until the function that it returns
// is called.
func (s *Store) Hold(m *state.Manifest) (release func()) {
	s.count(m, 1)
	return sync.OnceFunc(func() { s.count(m, -1) })
}

func (s *Store) count(m *state.Manifest, by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range m.Files {
		if s.held[f.Hash] += by; s.held[f.Hash] == 0 {
			delete(s.held, f.Hash)
		}
	}
}

// Sweep deletes contents that are neither needed nor held. It returns how many.
func (s *Store) Sweep(needed map[state.Hash]bool) (n int, err error) {
	all, err := os.ReadDir(s.dir)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range all {
		h := state.Hash(e.Name())
		if !h.Valid() || needed[h] || s.held[h] > 0 {
			continue
		}
		if e := os.Remove(s.path(h)); e != nil {
			err = e
			continue
		}
		n++
	}
	return n, err
}
