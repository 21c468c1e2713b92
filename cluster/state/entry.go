package state

import (
	"encoding/json"
	"fmt"
)

// EntryVersion is the newest version of entries that this program knows. A new one is
// written only when every member knows it.
const EntryVersion = 1

// Entry changes the state; one of the pointers is set.
type Entry struct {
	Version int     `json:"v"`
	Found   *Found  `json:"found,omitempty"`
	Commit  *Commit `json:"commit,omitempty"`
	Forget  *Forget `json:"forget,omitempty"`
	Admit   *Node   `json:"admit,omitempty"`
	Remove  *Remove `json:"remove,omitempty"`
}

// Found is the first entry of a fleet.
type Found struct {
	Fleet string `json:"fleet"` // its id
}

// Commit makes a bundle the active configuration.
type Commit struct {
	Base     uint64   `json:"base"` // the generation that was active when it was made
	Manifest Manifest `json:"manifest"`
	By       string   `json:"by"`             // the node that proposed it
	Note     string   `json:"note,omitempty"` // why, in a person's words
	At       int64    `json:"at"`             // when, unix seconds of its proposer's clock
	Of       uint64   `json:"of,omitempty"`   // the generation that it goes back to
}

// Forget strikes old generations off.
type Forget struct {
	Generations []uint64 `json:"generations"`
}

// Node is a node that belongs to the fleet.
type Node struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Remove takes a node out.
type Remove struct {
	ID string `json:"id"`
}

// Encode returns an entry's bytes.
func (e *Entry) Encode() ([]byte, error) {
	e.Version = EntryVersion
	return json.Marshal(e)
}

// decodeEntry reads an entry. A version that is not known is an error of type
// *VersionError.
func decodeEntry(b []byte) (e Entry, err error) {
	var v struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return e, fmt.Errorf("an entry that is no JSON: %w", err)
	}
	if v.Version < 1 || v.Version > EntryVersion {
		return e, &VersionError{v.Version}
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("an entry that cannot be read: %w", err)
	}
	return e, nil
}

// VersionError is an entry, or a snapshot, that a later program wrote.
type VersionError struct{ Version int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("an entry of version %d, this program knows %d: this node needs the newer program", e.Version, EntryVersion)
}
