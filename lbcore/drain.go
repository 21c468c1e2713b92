package lbcore

import (
	"context"
	"errors"
	"net"
	"slices"

	"gohap/lbcore/cli"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
)

// This file is how a node that goes on running is taken out of service, and back: its
// clients end one request at a time, new ones go elsewhere. A soft stop is Drain.

// Part switches keep-alive off, or on again: connections end after the request that
// they have, or will send next. Any goroutine.
func (in *Instance) Part(on bool) { in.Process.Parting.Store(on) }

// CloseIdle closes the connections that wait for another request while Part is on;
// those that had none yet stay. Any goroutine but a loop's.
func (in *Instance) CloseIdle() {
	in.Group.Each(func(l *loop.Loop) { in.Workers[l.ID].CloseIdle() })
}

// Deafen drops the segments that open new connections, or takes them again: whose
// address moves meanwhile has them answered where it went. Listeners of IP alone; any
// goroutine but a loop's.
func (in *Instance) Deafen(on bool) error {
	var errs []error
	do := loop.TakeSYN
	if on {
		do = loop.DropSYN
	}
	serving := func(p *proxy.Proxy) bool { return slices.Contains(in.Config.Proxies, p) } // peers go on
	in.eachTCPListener(serving, func(fd int, _ *proxy.Bind) {
		if err := do(fd); err != nil {
			errs = append(errs, err)
		}
	})
	return errors.Join(errs...)
}

// Requests returns how many requests, or connections of TCP, are being served; any
// goroutine.
func (in *Instance) Requests() int64 { return in.Process.Streams.Load() }

// Listening tells whether a frontend takes connections; any goroutine.
func (in *Instance) Listening() bool {
	if in.Process.Stopping.Load() {
		return false
	}
	for _, p := range in.Config.Proxies {
		if len(p.Binds) > 0 && proxy.State(p.State.Load()) == proxy.Open {
			return true
		}
	}
	return false
}

// Ended tells whether Stop was called; any goroutine.
func (in *Instance) Ended() bool {
	select {
	case <-in.stopped:
		return true
	default:
		return false
	}
}

// Console opens a connection for commands, as a command socket of a level does; any
// goroutine.
func (in *Instance) Console(ctx context.Context, level cli.Level) (net.Conn, error) {
	return in.commands.Dial(ctx, level)
}
