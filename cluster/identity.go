package cluster

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gohap/cluster/durable"
)

// identity is who a node is, as long as its disk lives.
type identity struct {
	Version int    `json:"v"`
	ID      string `json:"id"`
	Fleet   string `json:"fleet,omitempty"` // it belongs to; "" before it does
	Grant   *grant `json:"grant,omitempty"`
}

// grant is a node's word that another one may found the fleet.
type grant struct {
	To   string   `json:"to"`   // its id
	List []string `json:"list"` // the founding list
}

const identityVersion = 1

// newUUID makes a random UUID (RFC 9562 section 5.4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// readIdentity returns the identity in a data directory, a new one where there is
// none.
func readIdentity(dir string) (id *identity, err error) {
	path := filepath.Join(dir, "node.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		id = &identity{Version: identityVersion, ID: newUUID()}
		return id, id.write(dir)
	}
	if err != nil {
		return nil, err
	}
	id = new(identity)
	if err := json.Unmarshal(text, id); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case id.Version != identityVersion:
		return nil, fmt.Errorf("%s: it has version %d, this program knows %d", path, id.Version, identityVersion)
	case len(id.ID) != 36:
		return nil, fmt.Errorf("%s: %.40q is no node's id", path, id.ID)
	}
	return id, nil
}

func (i *identity) write(dir string) error {
	text, err := json.Marshal(i)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, "node.json"), text)
}
