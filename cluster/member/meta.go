package member

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Meta is what a node says of itself. Its JSON has at most 512 bytes.
type Meta struct {
	Name       string `json:"n"`           // for people; also the local peer's
	Fleet      string `json:"f,omitempty"` // the fleet's id; "" while it belongs to none
	State      string `json:"s,omitempty"` // "" is serving; draining, unmanaged, ...
	Generation uint64 `json:"g,omitempty"` // of the configuration that it runs
	Entry      int    `json:"e,omitempty"` // the newest version of entries that it knows
	Version    string `json:"v,omitempty"` // of the program
	Sessions   int64  `json:"c,omitempty"` // connections of clients, roughly
	TableLag   int64  `json:"l,omitempty"` // ms that others are behind with its tables
	Started    int64  `json:"t,omitempty"` // seconds of uptime when this was said
	VIP        bool   `json:"i,omitempty"` // it holds the fleet's address
	Secrets    string `json:"k,omitempty"` // names of those that it accepts, a space between
}

// leaving is the last State of a node that goes on purpose.
const leaving = "leaving"

// maxMeta is memberlist's bound of what a node says of itself, bytes.
const maxMeta = 512

// maxName is how long a node's name may be, bytes.
const maxName = 100

// CheckName tells what is wrong with a node's name.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("a node needs a name")
	case len(name) > maxName:
		return fmt.Errorf("a node's name of %d bytes, %d is the most", len(name), maxName)
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return fmt.Errorf("a node's name may not have the character %q", c)
		}
	}
	return nil
}

func (m Meta) encode() ([]byte, error) {
	b, err := json.Marshal(m)
	if err == nil && len(b) > maxMeta {
		err = fmt.Errorf("the node %s has %d bytes to say of itself, %d is the most", m.Name, len(b), maxMeta)
	}
	return b, err
}

// decodeMeta reads what another node says of itself; what a later version adds is
// passed over.
func decodeMeta(b []byte) (m Meta, err error) {
	if err := json.Unmarshal(b, &m); err != nil {
		return Meta{}, fmt.Errorf("what it says of itself cannot be read: %w", err)
	}
	return m, CheckName(m.Name)
}
