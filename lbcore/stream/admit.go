package stream

import (
	"golang.org/x/sys/unix"

	"gohap/lbcore/buffer"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/lbcore/trace"
)

// door is where a loop's connections pass the tcp-request connection and
// session rules, before anything of a stream exists. One at a time is at it.
type door struct {
	ctx      sample.Context
	arena    buffer.Arena
	fd       int32
	vanished bool // an action made the end unseen
}

// admit runs the connection rules; it tells whether the connection is accepted.
// One that is not is closed and neither logged nor counted as a session.
// Reference: connection rules end it by a reset.
func (ss *Session) admit(fd int32) bool {
	if len(ss.FE.TCPConnRules) == 0 || ss.atTheDoor(fd, ss.FE.TCPConnRules, proxy.DeniedConn) {
		return true
	}
	if ss.W.Trace.Session.On() {
		ss.tell(trace.SessionErr, trace.User, "connection refused by a rule")
	}
	ss.W.Loop.Kernel.Close(fd)
	ss.Gone()
	return false
}

// admitSession runs the session rules, once the layers in front of the mux are
// passed; the caller closes a connection that is refused.
func (ss *Session) admitSession(fd int32) bool {
	return len(ss.FE.TCPSessRules) == 0 || ss.atTheDoor(fd, ss.FE.TCPSessRules, proxy.DeniedSess)
}

func (ss *Session) atTheDoor(fd int32, rules rule.Set, denied proxy.Counter) bool {
	w := ss.W
	if w.door == nil {
		w.door = new(door)
	}
	d := w.door
	d.fd, d.vanished = fd, false
	c := &d.ctx
	*c = sample.Context{Session: ss, Arena: &d.arena, Vars: sample.Vars{Session: ss}, Final: true,
		Process: w.Proc.Facts, Clock: w.Loop.Clock(), Thread: w.Loop.ID}
	ss.flags |= atDoor
	kept := ss.pass(rules, denied)
	ss.flags &^= atDoor
	d.arena.Reset()
	return kept
}

// pass runs one set and counts a refusal.
func (ss *Session) pass(rules rule.Set, denied proxy.Counter) bool {
	d := ss.W.door
	if _, v := rules.Run(&d.ctx, 0); v != rule.Close {
		return true
	}
	switch {
	case d.vanished:
		denied = proxy.DeniedReq // reference
	case denied == proxy.DeniedConn:
		ss.W.Loop.Kernel.SetOption(d.fd, unix.SOL_SOCKET, unix.SO_LINGER, 0)
	}
	ss.count(denied, 1)
	return false
}

// Vanish makes the end of a connection that is not yet accepted unseen, as
// Stream.Vanish does.
func (ss *Session) Vanish(ttl int) {
	if ss.is(atDoor) {
		ss.W.door.vanished = true
		vanish(ss.W.Loop.Kernel, ss.W.door.fd, ttl)
	}
}

// descriptor is the client's connection, -1 when there is none.
func (ss *Session) descriptor() int32 {
	switch {
	case ss.is(atDoor):
		return ss.W.door.fd
	case ss.extra != nil && ss.extra.opening != nil:
		return ss.extra.opening.FD()
	case ss.h1.IsOpen():
		return ss.h1.FD()
	case ss.tcp != nil:
		if c, ok := ss.tcp.cl.(*mux.Pass); ok {
			return c.FD()
		}
	}
	return -1
}

// SetTOS sets the type-of-service byte of what goes to the client, SetMark its
// netfilter mark, for which the process needs a privilege.
func (ss *Session) SetTOS(tos int) {
	fd := ss.descriptor()
	if fd < 0 {
		return
	}
	k := ss.W.Loop.Kernel
	if k.SetOption(fd, unix.IPPROTO_IP, unix.IP_TOS, tos) != 0 {
		k.SetOption(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, tos)
	}
}

// SetMark is described at SetTOS.
func (ss *Session) SetMark(mark int) {
	if fd := ss.descriptor(); fd >= 0 {
		ss.W.Loop.Kernel.SetOption(fd, unix.SOL_SOCKET, unix.SO_MARK, mark)
	}
}
