package lbcore

import (
	"time"
	"unsafe"

	"gohap/lbcore/loop"
	"gohap/lbcore/mux"
	"gohap/lbcore/stats"
	"gohap/lbcore/stream"
)

// walkStreams serves "show sess": it visits the streams of a loop, on it.
func (in *Instance) walkStreams(l *loop.Loop, at any, into *stats.StreamInfo, visit func() bool) any {
	from, _ := at.(stream.Place)
	next := in.Workers[l.ID].Walk(from, func(s *stream.Stream) bool {
		in.describe(l, s, into)
		return visit()
	})
	if next == (stream.Place{}) {
		return nil
	}
	return next
}

// describe fills one stream's line.
func (in *Instance) describe(l *loop.Loop, s *stream.Stream, to *stats.StreamInfo) {
	now := l.Now()
	*to = stats.StreamInfo{
		Ptr: uint64(uintptr(unsafe.Pointer(s))), ID: s.ID, Loop: l.ID, Status: s.Status,
		Accepted: time.Unix(0, l.WallNano(s.Sess.AcceptedAt)), Age: time.Duration(now - s.Times.Begin),
		Source: s.Sess.Source(), Proto: protocolOf(s), Expire: stats.Never, RetryExpire: stats.Never,
		Frontend: s.FE.Name, FrontendID: s.FE.ID, FrontendMode: s.FE.Mode.String(),
	}
	if b := s.Sess.Bind(); b != nil {
		to.Listener, to.ListenerID = b.Name, b.ID
		if b.Sockaddr != nil && b.Sockaddr.IP.IsValid() {
			to.ListenerAddr = b.Sockaddr.IP.String()
		}
	}
	if d := s.Deadline(); d != 0 {
		to.Expire = time.Duration(max(d-now, 0))
	}
	if s.BE != nil {
		to.Backend, to.BackendID, to.BackendMode = s.BE.Name, s.BE.ID, s.BE.Mode.String()
		to.Retries = max(s.MostRetries()-s.Retries, 0)
	}
	if s.Server != nil {
		to.Server, to.ServerID = s.Server.Name, s.Server.ID
	}
	if s.Method != nil {
		to.HTTP, to.Method, to.URI = true, string(s.Method), string(s.URI)
	}
	to.Request = stats.Channel{Total: s.BytesIn, Expire: stats.Never, Size: in.Config.Global.Limits.BufSize}
	to.Response = stats.Channel{Expire: stats.Never, Size: in.Config.Global.Limits.BufSize}
	to.Client = stats.Endpoint{FD: -1, State: stats.SideEstablished, ReadExp: stats.Never, WriteExp: stats.Never,
		Timeout: time.Duration(s.ClientTimeout), Mux: muxOf(s.Client()), Xprt: xprt(s.Sess.TLS() != nil)}
	if c := s.Client(); c != nil {
		to.Response.Total = c.Sent()
	}
	to.Upstream = stats.Endpoint{FD: -1, State: sideState(s.Phase()), ReadExp: stats.Never, WriteExp: stats.Never,
		Timeout: time.Duration(s.ServerTimeout), Mux: muxOf(s.ServerSide()), Xprt: xprt(s.ServerTLS() != nil)}
}

func protocolOf(s *stream.Stream) string {
	switch {
	case !s.Sess.Source().IsValid():
		return "unix_stream"
	case s.Sess.Source().Addr().Is4():
		return "tcpv4"
	}
	return "tcpv6"
}

func muxOf(e mux.Endpoint) string {
	switch e.(type) {
	case *mux.H1Client, *mux.H1Server:
		return "H1"
	case *mux.Pass:
		return "PASS"
	}
	return ""
}

// sideState translates a phase into the server side's state.
func sideState(p stream.Phase) stats.SideState {
	switch p.String() {
	case "connect":
		return stats.SideConnecting
	case "retry":
		return stats.SideTurnAround
	case "server", "queue":
		return stats.SideQueued
	case "send", "forward", "response rules", "data", "tunnel":
		return stats.SideEstablished
	}
	return stats.SideInit
}

// xprt is the reference's name of what a connection goes over.
func xprt(tls bool) string {
	if tls {
		return "SSL"
	}
	return "RAW"
}
