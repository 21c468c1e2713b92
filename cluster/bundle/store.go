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
	"strings"
	"sync"

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
	left, err := filepath.Glob(filepath.Join(dir, partial+"*"))
	for _, name := range left { // by a process that ended while it wrote
		_ = os.Remove(name)
	}
	return s, err
}

// partial begins the names of files that are not whole yet.
const partial = ".partial-"

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
	f, err := os.CreateTemp(s.dir, partial+"*") // 0600
	if err != nil {
		return "", 0, err
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	sum := sha256.New()
	size, err = io.Copy(io.MultiWriter(f, sum), io.LimitReader(r, limit+1))
	h = state.Hash(hex.EncodeToString(sum.Sum(nil)))
	switch {
	case err != nil:
	case size > limit:
		err = fmt.Errorf("contents of more than %d bytes", limit)
	case want != "" && h != want:
		err = fmt.Errorf("contents with the hash %s came for %s", h, want)
	default:
		err = f.Sync()
	}
	if err != nil {
		return "", 0, err
	}
	if err = os.Rename(f.Name(), s.path(h)); err != nil {
		return "", 0, err
	}
	return h, size, syncDir(s.dir)
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
		if !h.Valid() || needed[h] || s.held[h] > 0 || strings.HasPrefix(e.Name(), partial) {
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

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// WriteFile puts a small file in place, whole or not at all.
func WriteFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), partial+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
