package bundle

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gohap/cluster/state"
)

// Gather stores files by name and returns the manifest of them; main are the names of
// the configuration's own, dir is where relative names in them count from.
func (s *Store) Gather(dir string, main []string, files map[string][]byte) (*state.Manifest, error) {
	m := &state.Manifest{Dir: dir, Main: main}
	for name, text := range files {
		h, size, err := s.Put(bytes.NewReader(text), "", state.MaxSize)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		m.Files = append(m.Files, state.File{Name: name, Hash: h, Size: size})
	}
	slices.SortFunc(m.Files, func(a, b state.File) int { return strings.Compare(a.Name, b.Name) })
	if err := m.Check(); err != nil {
		return nil, err
	}
	return m, nil
}

// Files reads a manifest's contents, by name.
func (s *Store) Files(m *state.Manifest) (map[string][]byte, error) {
	all := make(map[string][]byte, len(m.Files))
	for _, f := range m.Files {
		text, err := s.Read(f.Hash)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		all[f.Name] = text
	}
	return all, nil
}
