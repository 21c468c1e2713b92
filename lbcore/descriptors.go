package lbcore

import (
	"fmt"
	"net/netip"

	"gohap/lbcore/loop"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/stats"
	"gohap/lbcore/stream"
)

// descriptors serves "show fd": what a loop watches, on it.
func (in *Instance) descriptors(l *loop.Loop, from int, visit func(stats.Descriptor) bool) (next int) {
	return int(l.Descriptors(int32(from), func(fd int32, h loop.Handler) bool {
		d := stats.Descriptor{FD: int(fd)}
		d.Kind, d.Text = describeHandler(l, fd, h)
		return visit(d)
	}))
}

func describeHandler(l *loop.Loop, fd int32, h loop.Handler) (stats.DescriptorKind, string) {
	switch h := h.(type) {
	case *loop.Listener:
		return stats.FDListener, listenerText(h, l.Kernel.LocalAddr(fd))
	case *mux.H1Client:
		return stats.FDFrontend, connectionText(0, h.Local(), h.Peer(), "fe", frontendOf(h.Owner()), "H1", h.TLS() != nil)
	case *mux.H1Server:
		return stats.FDServer, connectionText(1, h.Local(), h.Peer(), "sv", serverOf(h.Owner()), "H1", h.TLS() != nil)
	case *mux.Pass:
		s, _ := h.Upper().(*stream.Stream)
		switch {
		case h.Side() == mux.Client && s != nil:
			return stats.FDFrontend, connectionText(0, h.Local(), h.Peer(), "fe", s.FE.Name, "PASS", h.TLS() != nil)
		case h.Side() == mux.Server && s != nil:
			return stats.FDServer, connectionText(1, h.Local(), h.Peer(), "sv", serverOf(s.Server), "PASS", h.TLS() != nil)
		}
	}
	return stats.FDOther, fmt.Sprintf("owner=%T", h)
}

func frontendOf(owner mux.ClientOwner) string {
	if ss, ok := owner.(*stream.Session); ok {
		return ss.FE.Name
	}
	return ""
}

func serverOf(owner mux.ServerOwner) string {
	if s, ok := owner.(*proxy.Server); ok && s != nil {
		return s.Proxy.Name + "/" + s.Name
	}
	return ""
}

func listenerText(ln *loop.Listener, local netip.AddrPort) string {
	a, ok := ln.To().(*stream.Acceptor)
	if !ok {
		return ""
	}
	b, state := a.Bind, "RDY"
	if ln.Paused() {
		state = "PAU"
	}
	text := fmt.Sprintf("l.st=%s fe=%s fam=", state, b.Proxy.Name)
	if !local.IsValid() {
		return text + "unix"
	}
	return text + fmt.Sprintf("%s lport=%d", family(local), local.Port())
}

// connectionText says what a connection is: back is 1 on the servers' side, who the
// frontend or server that it belongs to.
func connectionText(back int, local, peer netip.AddrPort, word, who, muxName string, tls bool) string {
	text := fmt.Sprintf("back=%d fam=unix", back)
	if local.IsValid() {
		text = fmt.Sprintf("back=%d fam=%s lport=%d rport=%d", back, family(local), local.Port(), peer.Port())
	}
	return fmt.Sprintf("%s %s=%s mux=%s xprt=%s", text, word, who, muxName, xprt(tls))
}

func family(a netip.AddrPort) string {
	if a.Addr().Unmap().Is4() {
		return "ipv4"
	}
	return "ipv6"
}
