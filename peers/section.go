package peers

import "sync"

// Section is what the sessions of a peers section share.
type Section struct {
	Config
	mu   sync.Mutex
	wake func()
}

// peerState is what a section knows of a peer across sessions; guarded by
// Section.mu.
type peerState struct {
	section *Section
	session *Session
}

// New makes the state of a section. Tables that it has not learned yet from the
// process before it or another peer are asked for once sessions come.
func New(c Config, now uint32) *Section {
	s := &Section{Config: c}
	return s
}

// Accept begins a session with whoever connected.
func (s *Section) Accept(now uint32) *Session { return &Session{s: s} }

// Connect begins a session with a peer whose connection is made. A session that
// the peer has ends.
func (s *Section) Connect(p *Peer, now uint32) *Session { return &Session{s: s, p: p} }

// Wake sets what is called when sessions may have something to send: entries
// changed, or a session's turn in a resync came. f is called on any goroutine, a
// loop's too, and must not wait or call this package; it is called once until
// sessions were asked by Append for what there is.
func (s *Section) Wake(f func()) { s.wake = f }

// Tick does what is due in the section without sessions and returns when it wants
// to be called again; ok is false when no time is known.
func (s *Section) Tick(now uint32) (at uint32, ok bool) { return 0, false }

// Stop tells that this process ends: sessions with other peers go on only until
// the caller closes them, and the one with the local peer, the process that takes
// over, teaches it all tables unasked.
func (s *Section) Stop(now uint32) {}

// Taught tells, after Stop, that the process that takes over has all.
func (s *Section) Taught() bool { return false }

// Section states as View has them.
type State uint8

// The states of a section.
const (
	FromLocal  State = iota // waits for the process before this one
	FromRemote              // learns or waits to learn from another peer
	Finished                // up to date, or nobody was there
)

// View is what there is to show of a section.
type View struct {
	State   State
	Since   uint32 // when it came to it
	Timeout uint32 // when the state's patience ends, 0 bits of meaning when Finished
	Peers   []PeerView
}

// PeerView is what there is to show of a peer.
type PeerView struct {
	Peer               *Peer
	Local              bool
	Session            *Session // nil without one
	Version            string   // of the protocol, "2.1" or "2.0", "" without a session
	Status             string   // "NONE" without a session yet, a word for its state, or why the last ended
	Learning, Teaching bool
	Confirm            int // resyncs whose end waits to be confirmed
	Tables             []TableView
	Last               string // the table of the last update sent, "" without one
	LastReceived       string
	TxDict, RxDict     []string // by number, from 1
}

// TableView is what a peer and this process share of a table.
type TableView struct {
	Name                           string
	LocalID, RemoteID              uint64 // on the wire, 0: not told yet
	RemoteData                     uint64 // bits of the data that the peer sends
	LastAcked, LastPushed, LastGet uint32
	Update                         uint32 // number of the last local change of the table
}

// View returns what there is to show.
func (s *Section) View(now uint32) View { return View{} }
