package admin

import (
	"time"

	"gohap/cluster"
)

// Socket is the name of the socket in a data directory.
const Socket = "control.sock"

// TrackFile is the name of keepalived's track_file in a data directory.
const TrackFile = "track"

// DefaultDir is the data directory where none is said.
const DefaultDir = "/var/lib/gohap"

// Bundle is a configuration as it goes over the socket.
type Bundle struct {
	Generation uint64            `json:"generation,omitempty"`
	Dir        string            `json:"dir,omitempty"`
	Main       []string          `json:"main"`
	Files      map[string][]byte `json:"files"` // base64
}

func (b *Bundle) bundle() *cluster.Bundle {
	return &cluster.Bundle{Generation: b.Generation, Dir: b.Dir, Main: b.Main, Files: b.Files}
}

// Apply is a new configuration.
type Apply struct {
	Bundle   *Bundle `json:"bundle,omitempty"`
	Rollback uint64  `json:"rollback,omitempty"` // instead of a bundle: a generation to go back to
	Base     *uint64 `json:"base,omitempty"`     // nil: the active generation
	Note     string  `json:"note,omitempty"`
	Force    bool    `json:"force,omitempty"`
}

// Progress is a line of what goes on while something is applied.
type Progress struct {
	Says   string           `json:"says,omitempty"`
	Result *cluster.Applied `json:"result,omitempty"`
}

// History are the generations that are kept, the newest first.
type History struct {
	Active      uint64       `json:"active"`
	Generations []Generation `json:"generations"`
}

// Generation is one of them.
type Generation struct {
	Number uint64 `json:"number"`
	Base   uint64 `json:"base"`
	By     string `json:"by"`
	Note   string `json:"note,omitempty"`
	At     int64  `json:"at"` // unix seconds
	Files  int    `json:"files"`
	Size   int64  `json:"size"` // bytes
	Of     uint64 `json:"of,omitempty"`
}

// Target names a node.
type Target struct {
	Node string `json:"node"`
}

// Self is what a node is.
type Self struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	Address string `json:"address"`
	Dir     string `json:"dir"`
	Version string `json:"version"`
	VIP     string `json:"vip,omitempty"` // the address that keepalived moves
	Track   string `json:"track_file"`
}

type failure struct {
	Error string `json:"error"`
}

// Command is a line for the nodes that a name stands for, "*" for all.
type Command struct {
	Node string `json:"node"`
	Line string `json:"line"`
}

// Ready is whether clients can be sent to a node.
type Ready struct {
	Ready bool   `json:"ready"`
	Why   string `json:"why,omitempty"` // it is not
}

// Drain takes a node out of service.
type Drain struct {
	Wait time.Duration `json:"wait"` // for requests under way, ns
	Stop bool          `json:"stop,omitempty"`
}

// Drained is what came of that: lines of it go on, the last one is Done.
type Drained struct {
	Says  string `json:"says,omitempty"`
	Done  bool   `json:"done,omitempty"`
	Left  int    `json:"left,omitempty"` // connections
	Error string `json:"error,omitempty"`
}
