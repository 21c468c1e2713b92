package link

import (
	"time"

	"gohap/peers"
	"gohap/peers/fleet"
)

// Section is what a Link needs of a section, classic or the fleet's: see
// peers.Section for what each does.
type Section interface {
	Wake(f func())
	Tick(now uint32) (at uint32)
	Accept(now uint32) Session
	Stop(now uint32)
	Taught() bool
}

// Session is a session of either: see peers.Session.
type Session interface {
	Receive(b []byte, now uint32)
	Append(dst []byte, max int, now uint32) []byte
	Deadline() (at uint32, ok bool)
	Closed() (reason string, closed bool)
	Close(now uint32)
}

// Remote is what a Link needs of a peer of a section.
type Remote interface {
	// Idle tells that there is no session, and after how many ms to connect.
	Idle(now uint32) (after uint32, idle bool)
	// Failed tells that it could not be connected to, and returns after how long that
	// is tried again.
	Failed(err error) time.Duration
	Connect(now uint32) Session
}

// finisher is a section that goes on telling what is counted while its process ends.
type finisher interface {
	Finish(now uint32)
	Finished() bool
}

type classic struct{ *peers.Section }

// Classic is a section that speaks the peers protocol.
func Classic(s *peers.Section) Section { return classic{s} }

func (c classic) Accept(now uint32) Session { return c.Section.Accept(now) }

type classicPeer struct {
	s *peers.Section
	p *peers.Peer
}

// ClassicPeer is a peer of such a section.
func ClassicPeer(s *peers.Section, p *peers.Peer) Remote { return classicPeer{s, p} }

func (c classicPeer) Idle(now uint32) (uint32, bool) { return c.s.Idle(c.p, now) }

func (c classicPeer) Failed(err error) time.Duration {
	c.s.Failed(c.p, err)
	return retryTime
}

func (c classicPeer) Connect(now uint32) Session { return c.s.Connect(c.p, now) }

type fleetSection struct{ *fleet.Section }

// Fleet is the section whose tables are counted exactly.
func Fleet(s *fleet.Section) Section { return fleetSection{s} }

func (f fleetSection) Accept(now uint32) Session { return f.Section.Accept(now) }

type fleetPeer struct {
	s *fleet.Section
	p *fleet.Peer
}

// FleetPeer is a node of that section.
func FleetPeer(s *fleet.Section, p *fleet.Peer) Remote { return fleetPeer{s, p} }

func (f fleetPeer) Idle(now uint32) (uint32, bool) { return f.s.Idle(f.p, now) }

func (f fleetPeer) Failed(err error) time.Duration {
	f.s.Failed(f.p, err)
	return time.Second
}

func (f fleetPeer) Connect(now uint32) Session { return f.s.Connect(f.p, now) }
