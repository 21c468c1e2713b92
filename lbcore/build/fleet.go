package build

import (
	"net/netip"

	"gohap/lbcore/config"
	"gohap/lbcore/proxy"
	"gohap/peers/fleet"
)

// This file is the peers section named "fleet", whose tables several nodes count
// exactly. It exists whether it is written or not.

// fleetSection makes the section where tables name it and nobody wrote it.
func (b *Builder) fleetSection() {
	for _, c := range b.peers {
		if c.Peers.Name == fleet.Name {
			return
		}
	}
	for _, t := range b.tables {
		if t.PeersName == fleet.Name {
			s := &section{conf: builtinConf(), kind: "peers", name: b.LocalPeer}
			s.p = &proxy.Proxy{Name: fleet.Name, File: t.File, Line: t.Line, Kind: "peers", IsFrontend: true, IsBackend: true}
			b.peers = append(b.peers, &peersConf{section: s, lines: map[string]config.Position{}, serverOf: map[*proxy.Peer]*serverLine{},
				Peers: &proxy.Peers{Name: fleet.Name, File: t.File, Line: t.Line, Local: b.LocalPeer, Own: s.p}})
			return
		}
	}
}

// settleFleet makes the section ready, or with nobody to share with a local one.
func (b *Builder) settleFleet(c *peersConf) {
	if c.local() == nil && len(c.Peers.Peers) > 0 && !c.disabled {
		b.Diag.Rawf(config.Warning, "[%s] : peers section '%s' has no server named '%s', which is this node: its tables are counted here alone.", c.pos, c.Peers.Name, c.Local)
	}
	c.Logging = &proxy.Logging{Tag: b.tagOf(c.section), Loggers: b.loggersOf(c.section)}
	if c.disabled || c.local() == nil {
		c.Peers.Peers = []*proxy.Peer{{Name: c.Local, Local: true}}
		c.Bind, c.binds, c.p.Binds = nil, nil, nil
	}
	for _, t := range c.Tables {
		if t.RecvOnly {
			b.Diag.Rawf(config.Alert, "[%s:%d] : table '%s': 'recv-only' has no meaning in the peers section 'fleet': what is counted at present is shared anyway.", t.File, t.Line, t.Name)
		}
	}
	if c.Shards > 0 {
		b.Diag.Rawf(config.Alert, "[%s] : 'shards' has no meaning in the peers section 'fleet': every node has all keys.", c.pos)
	}
	for _, p := range c.Peers.Peers {
		if l := c.serverOf[p]; l != nil {
			if l.shard > 0 {
				b.Diag.Rawf(config.Alert, "[%s] : %s'shard' has no meaning in the peers section 'fleet': every node has all keys.", l.pos, l.label)
			}
			if p.Server != nil {
				b.onLoopback(l.pos, l.label, l.addr)
			}
		}
	}
	if c.Bind != nil {
		b.onLoopback(config.Position{File: c.Bind.File, Line: c.Bind.Line}, "'bind' : ", c.binds[0].addr)
	}
}

// onLoopback refuses an address that another machine may reach: nothing proves there
// who connects, and nothing is encrypted.
func (b *Builder) onLoopback(pos config.Position, label string, a config.Address) {
	ip := a.IP
	if (ip == netip.Addr{}) && (a.Path != "" || a.Host != "") || ip.IsLoopback() {
		return
	}
	b.Diag.Rawf(config.Alert, "[%s] : %saddress '%s' in the peers section 'fleet': nodes are connected without proof of who they are, and only loopback addresses (127.0.0.0/8, ::1) and unix sockets are taken.", pos, label, a.Text)
}
