package lbcore

import (
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"gohap/lbcore/log"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/stream"
)

// This file is how listeners are paused, resumed and given up while the process
// runs: all of them by signals and a soft stop, one frontend's by commands.

// all chooses every proxy.
func all(*proxy.Proxy) bool { return true }

// listens pauses or resumes the listeners of some proxies; any goroutine but a
// loop's. Reference: connections to a paused TCP address are refused, those to
// others wait.
func (in *Instance) listens(on bool, which func(*proxy.Proxy) bool) {
	if on {
		in.eachTCPListener(which, func(fd int, b *proxy.Bind) { _ = unix.Listen(fd, backlog(b)) })
	}
	in.Group.Each(func(l *loop.Loop) {
		for _, a := range in.accepts[l.ID] {
			switch {
			case a.Listener == nil || !which(a.Bind.Proxy):
			case on:
				a.Listener.Resume()
			default:
				a.Listener.Pause()
			}
		}
	})
	if !on {
		in.eachTCPListener(which, func(fd int, _ *proxy.Bind) { _ = unix.Shutdown(fd, unix.SHUT_RD) })
	}
	in.tellListens(on, which)
}

// eachTCPListener visits the sockets of IP that this process opened itself: one
// that was inherited may serve others.
func (in *Instance) eachTCPListener(which func(*proxy.Proxy) bool, visit func(fd int, b *proxy.Bind)) {
	in.opening.Lock()
	defer in.opening.Unlock()
	in.eachListener(which, func(fd int, b *proxy.Bind) {
		if b.InheritFD < 0 && b.Sockaddr.Family != unix.AF_UNIX {
			visit(fd, b)
		}
	})
}

// eachListener visits the listening sockets of some proxies that are open. The
// caller holds opening.
func (in *Instance) eachListener(which func(*proxy.Proxy) bool, visit func(fd int, b *proxy.Bind)) {
	owners := slices.Clone(in.Config.Proxies)
	for _, p := range in.Config.Peers {
		owners = append(owners, p.Own)
	}
	for _, p := range owners {
		if !which(p) {
			continue
		}
		for _, b := range p.Binds {
			for _, fd := range b.FDs {
				if fd >= 0 {
					visit(fd, b)
				}
			}
		}
	}
}

func (in *Instance) tellListens(on bool, which func(*proxy.Proxy) bool) {
	word, from, to := "Paused", proxy.Open, proxy.Paused
	if on {
		word, from, to = "Resumed", proxy.Paused, proxy.Open
	}
	for _, p := range in.Config.Proxies {
		if which(p) && len(p.Binds) > 0 && p.State.CompareAndSwap(int32(from), int32(to)) {
			in.both(p, log.Warning, fmt.Sprintf("%s %s %s.", word, frontendWord(p), p.Name))
		}
	}
}

// letGo takes what waits to be accepted by some proxies, and closes their
// listeners; any goroutine but a loop's. again is called on each loop behind it.
func (in *Instance) letGo(which func(*proxy.Proxy) bool, again func(*loop.Loop)) {
	for _, p := range in.Config.Proxies {
		if which(p) {
			p.State.Store(int32(proxy.Stopped))
		}
	}
	in.Group.Each(func(l *loop.Loop) {
		kept := in.accepts[l.ID][:0]
		for _, a := range in.accepts[l.ID] {
			if !which(a.Bind.Proxy) {
				kept = append(kept, a)
				continue
			}
			if a.Listener == nil {
				continue
			}
			a.Listener.Close()
			if b := a.Bind; !b.Shared { // at once, so that nothing more enters the drained queue
				in.opening.Lock()
				l.Kernel.Close(int32(b.FDs[a.Place]))
				b.FDs[a.Place] = -1
				in.opening.Unlock()
			}
		}
		in.accepts[l.ID] = kept
		again(l)
	})
	in.closeListeners(which)
}

// SetFrontend pauses or resumes a frontend's listeners; any goroutine but a
// loop's. It reports false when they are that already.
func (in *Instance) SetFrontend(p *proxy.Proxy, on bool) bool {
	in.changing.Lock()
	defer in.changing.Unlock()
	from := proxy.Open
	if on {
		from = proxy.Paused
	}
	if proxy.State(p.State.Load()) != from {
		return false
	}
	in.listens(on, func(o *proxy.Proxy) bool { return o == p })
	return true
}

// StopFrontend gives a frontend's listeners up for good; any goroutine but a
// loop's. Connections that stand go on.
func (in *Instance) StopFrontend(p *proxy.Proxy) {
	in.changing.Lock()
	defer in.changing.Unlock()
	one := func(o *proxy.Proxy) bool { return o == p }
	in.letGo(one, func(*loop.Loop) {})
	in.tellStopped(one)
}

// Readmit lets listeners look whether they may accept more than before; any
// goroutine but a loop's.
func (in *Instance) Readmit() {
	in.Group.Each(func(l *loop.Loop) { in.Workers[l.ID].Readmit() })
}

// ShutdownStream ends the stream that show sess lists under an address; any
// goroutine but a loop's. It reports false when there is none.
func (in *Instance) ShutdownStream(address uint64) bool {
	found := make(chan bool, len(in.Group.Loops))
	in.Group.Each(func(l *loop.Loop) {
		var it *stream.Stream
		in.Workers[l.ID].Walk(stream.Place{}, func(s *stream.Stream) bool {
			if uint64(uintptr(unsafe.Pointer(s))) == address {
				it = s
			}
			return it == nil
		})
		if it != nil {
			in.Workers[l.ID].KillStream(it)
		}
		found <- it != nil
	})
	any := false
	for len(found) > 0 {
		any = <-found || any
	}
	return any
}
