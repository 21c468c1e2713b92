package proxy

import (
	"net"
	"net/netip"
	"strconv"

	"gohap/lbcore/loop"
	"gohap/resolvers"
)

// Resolving is how a server's name is resolved while the instance runs. It is never
// changed.
type Resolving struct {
	Section      *resolvers.Section
	Prefer4      bool           // addresses of IPv4 rather than of IPv6
	Nets         []netip.Prefix // whose addresses are preferred
	AllowDup     bool           // servers of one name may have one address
	IgnoreWeight bool           // of service records
	ByPriority   bool           // records of the lowest priority are served, others are backups
	OnError      bool           // a connection error asks for the name at once
	// Service is the name whose SRV records are the servers, "" where the server's own
	// name gives the address.
	Service string
	Port    int // that the configuration gives, for when a service has no record for it
}

// Host returns the name that gives the server's address, "" for none; any goroutine.
func (s *Server) Host() string {
	if h := s.host.Load(); h != nil {
		return *h
	}
	return s.FQDN
}

// SetHost changes that name. Any goroutine.
func (s *Server) SetHost(name string) { s.host.Store(&name) }

// IsBackup tells whether the server is used only where no other is: the configuration
// says it, or the priority of its service's record. Any goroutine or loop.
func (s *Server) IsBackup() bool { return s.Backup || s.demoted.Load() }

// Demote makes servers backups, or not any more where the value is false and the
// configuration makes them none. One goroutine at a time changes the servers of a proxy.
func (p *Proxy) Demote(which map[*Server]bool, make PolicyMaker) {
	p.change(func(set *ServerSet) {
		all := set.All
		set.reset()
		for _, s := range all {
			if down, ok := which[s]; ok {
				s.demoted.Store(down)
			}
			set.add(s)
		}
	}, make)
}

// WithoutAddress is an address that its name has no more: the port alone is shown.
// Streams that chose the server before still go to where it was.
func (a *Address) WithoutAddress(port uint16) *Address {
	w := *a
	w.Lost, w.LostPort, w.Text = true, port, ""
	return &w
}

// AtPort is the same with a port of its own.
func (a *Address) AtPort(port uint16) *Address {
	w := *a
	w.Relative, w.Offset, w.LostPort = false, 0, port
	if ip := a.To.IP; ip.IsValid() {
		w.To = loop.IPSockaddr(netip.AddrPortFrom(ip.Addr(), port))
		if !a.Lost {
			w.Text = net.JoinHostPort(ip.Addr().String(), strconv.Itoa(int(port)))
		}
	} else {
		w.To = &loop.Sockaddr{IP: netip.AddrPortFrom(netip.Addr{}, port)}
	}
	return &w
}

// Port returns the port, that of the address that is lost where it is.
func (a *Address) Port() uint16 {
	if a.Lost {
		return a.LostPort
	}
	return a.To.IP.Port()
}

// Addr returns the address, invalid where there is none (any more).
func (a *Address) Addr() netip.Addr {
	if a.Lost {
		return netip.Addr{}
	}
	return a.To.IP.Addr()
}

// OnUnreached has f called when the server may be elsewhere by now: when a check got no
// connection in time and, with OnError, when a stream could not connect. It may be on a
// loop and does not block. nil is nobody.
func (s *Server) OnUnreached(f func()) { s.unreached.Store(&f) }

// Unreached tells that a check got no connection in time; any goroutine.
func (s *Server) Unreached() {
	if f := s.unreached.Load(); f != nil && *f != nil {
		(*f)()
	}
}
