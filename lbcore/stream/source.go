package stream

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"gohap/lbcore/certs"
	"gohap/lbcore/log"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/lbcore/transport"
)

// origin is where the connection to the server comes from, nil for the kernel's
// choice.
func (s *Stream) origin() *transport.Source {
	from := s.Server.Source
	if s.Server.Spoof != nil {
		from = s.spoofed(s.Server.Spoof)
	}
	if s.marks == nil {
		return from
	}
	marked := *s.marks // connections keep it beyond the stream
	if from != nil {
		marked.From, marked.Ports, marked.Foreign = from.From, from.Ports, from.Foreign
		marked.Device, marked.UserTimeout = from.Device, from.UserTimeout
	}
	return &marked
}

// SetServerTOS sets the type of service of what goes to the server, for as long
// as the connection lives: it is chosen, or made, by it. Loop only.
func (s *Stream) SetServerTOS(tos uint8) {
	m := s.marking()
	m.TOS, m.HasTOS = tos, true
}

// SetServerMark is the same of the netfilter mark, for which the process needs a
// privilege.
func (s *Stream) SetServerMark(mark uint32) {
	m := s.marking()
	m.Mark, m.HasMark = mark, true
}

func (s *Stream) marking() *transport.Source {
	if s.marks == nil {
		s.marks = new(transport.Source)
	}
	return s.marks
}

// spoofed is the source of a server that is to see somebody's address. Documented:
// without one in the header field the connection comes from where others do.
func (s *Stream) spoofed(whose *proxy.Spoof) *transport.Source {
	var at netip.AddrPort
	switch {
	case whose.Header != nil:
		var v sample.Sample
		if whose.Header.Eval(&s.Ctx, sample.Addr, &v) {
			at = netip.AddrPortFrom(v.IP, 0)
		}
	case whose.Port:
		at = s.Sess.Source()
	default:
		at = netip.AddrPortFrom(s.Sess.Source().Addr(), 0)
	}
	if !at.Addr().IsValid() {
		return s.Server.Source
	}
	from := &transport.Source{From: loop.IPSockaddr(at), Foreign: true}
	if base := s.Server.Source; base != nil {
		from.Device, from.UserTimeout = base.Device, base.UserTimeout
	}
	return from
}

// unbound takes care of an attempt that failed for want of a source or a descriptor,
// and tells whether it was one. Reference: it is logged, and made again at once.
func (s *Stream) unbound(e loop.Errno) bool {
	var text string
	why, level := certs.ConnBind, log.Emerg
	switch e {
	case transport.ErrSource:
		text = fmt.Sprintf("Cannot bind to source address before connect() for backend %s.", s.BE.Name)
	case transport.ErrForeign:
		text = fmt.Sprintf("Cannot bind to tproxy source address before connect() for backend %s.", s.BE.Name)
	case transport.ErrPorts:
		why, level = certs.ConnPorts, log.Err
		text = fmt.Sprintf("Connect() failed for backend %s: no free ports.", s.BE.Name)
	case unix.EMFILE:
		why = certs.ConnSocket
		text = fmt.Sprintf("Proxy %s reached process FD limit (maxsock=%d). Please check 'ulimit-n' and restart.", s.BE.Name, s.W.Proc.MaxSock())
	default:
		return false
	}
	if lg := s.BE.Logging; lg != nil && len(lg.Loggers) > 0 {
		s.W.Logs.Emit(lg.Loggers, &log.Message{Level: level, Time: s.W.wall(), Tag: lg.Tag, Text: []byte(text)})
	}
	s.dropServer()
	s.backErr = &certs.Problem{Conn: why}
	s.retry('S', false)
	return true
}
