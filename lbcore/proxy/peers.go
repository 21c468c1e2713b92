package proxy

import (
	"gohap/peers"
	"gohap/peers/fleet"
)

// Peers is a peers section as the configuration declares it. It is made while the
// configuration is read and does not change, Section aside.
type Peers struct {
	Name   string
	File   string // where it is declared
	Line   int
	Local  string // the name of this node among the peers
	Shards int
	Bind   *Bind   // where the local peer listens; nil: nowhere
	Own    *Proxy  // what Bind and the peers' servers belong to; it serves no traffic
	Peers  []*Peer // the local one included, in order of declaration
	// Tables are those that the section shares, its own first.
	Tables []*Table
	// MaxUpdates is tune.peers.max-updates-at-once, 0 for the default.
	MaxUpdates int
	Logging    *Logging

	// Section is the state of the section while its instance runs, nil before. Set before
	// anything is served.
	Section *peers.Section
	// Fleet is that of the section named "fleet", whose Section is nil.
	Fleet *fleet.Section
}

// IsFleet tells that several nodes count the section's tables exactly.
func (p *Peers) IsFleet() bool { return p.Name == fleet.Name }

// Peer is a peer of a section.
type Peer struct {
	Name   string
	Local  bool
	Server *Server // where it is and how it is spoken to; nil of a local peer without an address
	Shard  int     // the part of the keys that it gets, 0: all
	Live   *peers.Peer
	Node   *fleet.Peer // in the place of Live in the section "fleet"
}
