package state

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Hash is the SHA-256 of a file's contents, in hexadecimal.
type Hash string

// Valid tells whether it has the form of a hash.
func (h Hash) Valid() bool {
	b, err := hex.DecodeString(string(h))
	return err == nil && len(b) == 32 && strings.ToLower(string(h)) == string(h)
}

// File is a file of a bundle.
type File struct {
	Name string `json:"name"` // as the configuration names it, or its own
	Hash Hash   `json:"hash"`
	Size int64  `json:"size"` // bytes
}

// Manifest names what a configuration consists of. The contents are elsewhere.
type Manifest struct {
	Dir   string   `json:"dir,omitempty"` // where relative names in them count from
	Main  []string `json:"main"`          // the configuration's own files, in their order
	Files []File   `json:"files"`         // all, by name
}

// Bounds of a bundle.
const (
	MaxFiles = 10_000
	MaxName  = 4096
	MaxSize  = 1 << 30 // bytes, of all files
)

// Check tells what is wrong with a manifest, which may come from anybody.
func (m *Manifest) Check() error {
	switch {
	case len(m.Main) == 0:
		return errors.New("a bundle without a configuration")
	case len(m.Dir) > MaxName:
		return errors.New("a bundle with the name of a directory that is too long")
	case len(m.Files) > MaxFiles:
		return fmt.Errorf("a bundle of %d files, %d is the most", len(m.Files), MaxFiles)
	}
	size := int64(0)
	for i, f := range m.Files {
		switch {
		case f.Name == "" || len(f.Name) > MaxName || strings.ContainsRune(f.Name, 0):
			return fmt.Errorf("file %d of a bundle has the name %.100q", i+1, f.Name)
		case path.Clean(f.Name) != f.Name || f.Name == ".." || strings.HasPrefix(f.Name, "../"):
			return fmt.Errorf("file %.100q of a bundle: the name is not a clean path", f.Name)
		case !f.Hash.Valid():
			return fmt.Errorf("file %.100q of a bundle has the hash %.100q", f.Name, f.Hash)
		case f.Size < 0 || f.Size > MaxSize:
			return fmt.Errorf("file %.100q of a bundle has %d bytes", f.Name, f.Size)
		case i > 0 && m.Files[i-1].Name >= f.Name:
			return fmt.Errorf("file %.100q of a bundle is out of order or there twice", f.Name)
		}
		size += f.Size
	}
	if size > MaxSize {
		return fmt.Errorf("a bundle of %d bytes, %d is the most", size, int64(MaxSize))
	}
	for _, name := range m.Main {
		if _, ok := m.File(name); !ok {
			return fmt.Errorf("a bundle's configuration %.100q is not among its files", name)
		}
	}
	return nil
}

// File finds a file by its name.
func (m *Manifest) File(name string) (File, bool) {
	i, ok := slices.BinarySearchFunc(m.Files, name, func(f File, name string) int { return strings.Compare(f.Name, name) })
	if !ok {
		return File{}, false
	}
	return m.Files[i], true
}

// Equal tells whether two bundles are the same.
func (m *Manifest) Equal(o *Manifest) bool {
	return m.Dir == o.Dir && slices.Equal(m.Main, o.Main) && slices.Equal(m.Files, o.Files)
}
