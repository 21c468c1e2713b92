package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"gohap/cluster/durable"
	"gohap/cluster/state"
)

// Last is the last configuration that a node served well.
type Last struct {
	Version    int            `json:"v"`
	Fleet      string         `json:"fleet"`
	Generation uint64         `json:"generation"`
	Manifest   state.Manifest `json:"manifest"`
}

const lastVersion = 1

// WriteLast keeps it in a file.
func WriteLast(path string, l *Last) error {
	l.Version = lastVersion
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, text)
}

// ReadLast returns what WriteLast kept, nil where there is nothing. Whether its
// contents are all there, Store.Read says.
func ReadLast(path string) (*Last, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var l Last
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if l.Version != lastVersion {
		return nil, fmt.Errorf("%s: it has version %d, this program knows %d", path, l.Version, lastVersion)
	}
	if err := l.Manifest.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &l, nil
}
