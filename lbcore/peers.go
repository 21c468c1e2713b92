package lbcore

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"gohap/lbcore/certs"
	"gohap/lbcore/clock"
	"gohap/lbcore/log"
	"gohap/lbcore/proxy"
	"gohap/peers"
	"gohap/peers/fleet"
	"gohap/peers/link"
)

// bindPeers opens the listening sockets of peers sections.
func (in *Instance) bindPeers() (errs []error) {
	for _, p := range in.Config.Peers {
		if p.Bind == nil {
			continue
		}
		if err := in.bindOne(p.Bind); err != nil {
			errs = append(errs, fmt.Errorf("Binding [%s:%d] for peers %s: %w", p.Bind.File, p.Bind.Line, p.Name, err))
		}
	}
	return errs
}

// startPeers begins to share tables.
func (in *Instance) startPeers() {
	for _, p := range in.Config.Peers {
		if p.IsFleet() {
			p.Fleet = in.fleetSection(p)
		} else {
			p.Section = in.peersSection(p)
		}
		l := link.Start(in.linkConfig(p))
		in.links = append(in.links, l)
		if p.IsFleet() {
			in.mesh(p, l)
		}
	}
}

// peersSection makes the state of a section.
func (in *Instance) peersSection(p *proxy.Peers) *peers.Section {
	c := peers.Config{Section: p.Name, Local: p.Local, PID: os.Getpid(), Takeover: in.Config.Takeover, Shards: p.Shards,
		MaxUpdates: p.MaxUpdates, MaxMessage: in.Config.Global.Limits.BufSize,
		Log: func(level, text string) { in.peersEvent(p, level, text) }}
	for _, one := range p.Peers {
		one.Live = &peers.Peer{Name: one.Name, Shard: one.Shard}
		c.Peers = append(c.Peers, one.Live)
	}
	for _, t := range p.Tables {
		shared := peers.TableConfig{Name: t.WireName(), Table: t.Table, RecvOnly: t.RecvOnly}
		if t.WriteTo != nil {
			shared.WriteTo = t.WriteTo.Table
		}
		c.Tables = append(c.Tables, shared)
	}
	return peers.New(c, clock.Millis())
}

// fleetSection makes the state of the section "fleet". A table that lived in an
// instance before this one goes on with what it knows.
func (in *Instance) fleetSection(p *proxy.Peers) *fleet.Section {
	c := fleet.Config{Local: p.Local, PID: os.Getpid(), Log: func(level, text string) { in.peersEvent(p, level, text) }}
	for _, one := range p.Peers {
		one.Node = &fleet.Peer{Name: one.Name}
		c.Peers = append(c.Peers, one.Node)
	}
	if m := in.Config.Mesh; m != nil { // from the first moment: what is cleared waits for all
		for _, name := range m.Others() {
			if !slices.ContainsFunc(c.Peers, func(o *fleet.Peer) bool { return o.Name == name }) {
				c.Peers = append(c.Peers, &fleet.Peer{Name: name})
			}
		}
	}
	for _, t := range p.Tables {
		f := fleet.Of(t.Table)
		if f == nil {
			f = fleet.NewTable(t.Table, p.Local, clock.Millis())
		}
		c.Tables, c.Names = append(c.Tables, f), append(c.Names, t.WireName())
	}
	return fleet.New(c, clock.Millis())
}

// peersEvent logs an event of a section; any goroutine but a loop's.
func (in *Instance) peersEvent(p *proxy.Peers, level, text string) {
	l, ok := log.ParseLevel(level)
	if !ok {
		l = log.Notice
	}
	if l <= log.Warning {
		in.tell(l, text)
	}
	in.shared.Emit(p.Logging.Loggers, &log.Message{Level: l, Time: clock.Wall(), Tag: p.Logging.Tag, Text: []byte(text)})
}

// linkConfig is what the connections of a section need.
func (in *Instance) linkConfig(p *proxy.Peers) link.Config {
	c := link.Config{}
	if p.IsFleet() {
		c.Section = link.Fleet(p.Fleet)
	} else {
		c.Section = link.Classic(p.Section)
	}
	if b := p.Bind; b != nil {
		in.opening.Lock()
		l, err := listenerOf(b.FDs[0])
		in.opening.Unlock()
		if err != nil {
			in.tell(log.Err, fmt.Sprintf("peers %s: cannot watch the listener: %s", p.Name, err))
		} else {
			c.Listener = l
		}
		if b.TLS != nil {
			c.Secure = func(conn net.Conn) *tls.Conn { return tls.Server(&helloConn{Conn: conn}, b.TLS.Config()) }
		}
	}
	for _, one := range p.Peers {
		if one.Server == nil {
			one.Server = localServer(p)
		}
		if s := one.Server; s != nil {
			c.Peers = append(c.Peers, linkPeer(p, one, s))
		}
	}
	return c
}

// localServer is the local peer where a bind line says its address.
func localServer(p *proxy.Peers) *proxy.Server {
	b := p.Bind
	if b == nil || b.Sockaddr == nil {
		return nil
	}
	s := &proxy.Server{Name: p.Local, Proxy: p.Own}
	s.Move(&proxy.Address{To: b.Sockaddr, Text: place(b)})
	return s
}

func linkPeer(of *proxy.Peers, p *proxy.Peer, s *proxy.Server) link.Peer {
	l := link.Peer{Local: p.Local, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		to := s.Address().To
		if to.Family == unix.AF_UNIX {
			path := []byte(to.Path)
			if len(path) > 0 && path[0] == 0 {
				path[0] = '@'
			}
			return d.DialContext(ctx, "unix", string(path))
		}
		return d.DialContext(ctx, "tcp", to.IP.String())
	}}
	if of.IsFleet() {
		l.Remote = link.FleetPeer(of.Fleet, p.Node)
	} else {
		l.Remote = link.ClassicPeer(of.Section, p.Live)
	}
	if back := s.TLS; back != nil && s.Config.TLS != nil {
		l.TLS = func() *tls.Config { return back.Config() }
	}
	return l
}

// listenerOf makes a listener of a copy of a descriptor.
func listenerOf(fd int) (net.Listener, error) {
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(copied), "peers")
	defer f.Close()
	return net.FileListener(f)
}

// helloConn is a connection whose TLS handshake a goroutine waits for.
type helloConn struct {
	net.Conn
	entry *certs.Entry
}

// Choose implements certs.Handshaker.
func (c *helloConn) Choose(e *certs.Entry, _ certs.Staple) { c.entry = e }

// Chosen implements certs.Handshaker.
func (c *helloConn) Chosen() *certs.Entry { return c.entry }

// Forgive implements certs.Handshaker.
func (c *helloConn) Forgive(certs.Verdict) {}

// Away implements certs.Handshaker.
func (c *helloConn) Away(f func()) bool { f(); return true }

// teachPeers ends the sessions with peers and has the process that takes over
// learn the tables.
func (in *Instance) teachPeers() {
	for _, l := range in.links {
		l.Teach()
	}
}

// stopPeers ends all connections with peers.
func (in *Instance) stopPeers() {
	for _, l := range in.links {
		l.Stop()
	}
}
