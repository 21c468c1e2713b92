package stream

import (
	"gohap/lbcore/balance"
	"gohap/lbcore/proxy"
)

// This file is how a request comes to a server: persistence, else the policy,
// then a slot of that server, for which it may have to wait in line.

// chooseServer assigns a server and begins to connect. Called in phaseServer,
// for the first attempt and after each that failed.
func (s *Stream) chooseServer() {
	if s.leaving {
		s.moveOn()
		return
	}
	now := s.W.Loop.Now()
	if s.Times.Rules == 0 {
		s.Times.Rules = now
		if s.exchange == nil { // reference: inspection counts as waiting
			s.Times.Rules = s.Times.Begin
		}
		s.logAt(OriginRequest)
	}
	// An attempt on the same server goes on with its slot.
	if !s.server.Held() && !s.seat() {
		return
	}
	s.seated()
}

// seated connects to the server whose slot the stream holds.
func (s *Stream) seated() {
	if s.Times.Queue == 0 {
		s.Times.Queue = s.W.Loop.Now()
	}
	s.attempt()
}

// seat finds a server and a slot on it. False: the stream waits in line, or has
// ended.
func (s *Stream) seat() bool {
	for {
		bound := true // to this server, even if it has to wait
		if s.Server == nil {
			srv, hashed, busy := s.assign()
			switch bound = s.Direct || hashed; {
			case busy:
				return s.wait()
			case srv == nil:
				s.noServer()
				return false
			}
			free := s.server.Try(srv)
			if !free && !bound && srv.Maxqueue == 0 {
				return s.wait()
			}
			s.setServer(srv)
			if free {
				return true
			}
		} else if s.server.Try(s.Server) {
			return true
		}
		if s.queue(s.Server) {
			return false
		}
		// Its line is full. Reference: only who came by persistence may go
		// elsewhere, a policy would choose the same again.
		switch {
		case s.Direct && !s.Forced && s.BE.Has(proxy.OptRedispatch):
			s.redispatch()
		case !bound:
			s.Server, s.srv = nil, nil
			return s.wait()
		default:
			s.terminate('S', 'Q')
			s.countBackend(proxy.FailedConns)
			s.fail(503)
			return false
		}
	}
}

// assign finds the request's server: the one that persistence names, else what
// the policy says; busy tells that all have as many as they may have.
func (s *Stream) assign() (srv *proxy.Server, hashed, busy bool) {
	if s.avoid == nil && !s.loose {
		if srv = s.persistent(); srv != nil {
			s.Direct = true
			return srv, false, false
		}
	}
	return s.pick(s.avoid)
}

// pick asks the backend's policy; avoid is a server that just failed, if any. hashed tells that the request's key names that server.
func (s *Stream) pick(avoid *proxy.Server) (srv *proxy.Server, hashed, busy bool) {
	if s.BE.Direct != nil {
		return s.BE.Direct, false, false
	}
	set := s.BE.Set()
	r := &s.W.pick // behind the interface: a local one would be allocated
	*r = balance.Request{Avoid: set.IndexOf(avoid)}
	s.hashKey(r)
	if avoid == nil && !r.Keyed {
		if srv := s.Sess.preferred(s.BE); srv != nil {
			return srv, false, false
		}
	}
	if set.Policy != nil {
		switch i := set.Policy.Pick(r); {
		case i >= 0:
			return set.Active[i], r.Keyed && set.Policy.Hashes(), false
		case i == balance.Busy: // backups are for when no other is up
			return nil, false, true
		}
	}
	if set.Backup != nil {
		r.Avoid = -1
		switch i := set.Backup.Pick(r); {
		case i >= 0:
			return set.Backups[i], r.Keyed && set.Backup.Hashes(), false
		case i == balance.Busy:
			return nil, false, true
		}
	}
	return nil, false, false
}

// setServer makes srv the stream's server. Reference: who came by persistence
// does not count as balanced.
func (s *Stream) setServer(srv *proxy.Server) {
	s.Server = srv
	s.srv = srv.Counters.For(s.W.Loop)
	if s.returned() {
		return
	}
	if !s.Direct && srv != s.BE.Direct {
		s.srv.Add(proxy.LBTotal, 1)
		s.be.Add(proxy.LBTotal, 1)
	}
}

// former is a server that was given up, until it is known which one comes in its place.
type former struct {
	srv    *proxy.Server
	counts *proxy.LoopCounters
	direct bool
}

// giveUp gives the stream's server up: one will be chosen anew.
func (s *Stream) giveUp() {
	s.former = former{s.Server, s.srv, s.Direct}
	s.loose = true
	s.server.Release()
	s.Server, s.srv, s.Direct = nil, nil, false
}

// returned tells whether the server that was chosen anew is the former one: that is a
// retry (reference), any other one a redispatch.
func (s *Stream) returned() bool {
	f := s.former
	s.former = former{}
	switch f.srv {
	case nil:
		return false
	case s.Server:
		s.Direct = f.direct
		s.countBackend(proxy.Retries)
		return true
	}
	f.counts.Add(proxy.Redispatches, 1)
	s.be.Add(proxy.Redispatches, 1)
	s.Redispatched = true
	s.cookieLost()
	return false
}

// redispatch gives the stream's server up for another one.
func (s *Stream) redispatch() {
	s.giveUp()
	s.returned()
}

func (s *Stream) noServer() {
	s.returned()
	s.terminate('S', 'C')
	s.be.Add(proxy.FailedConns, 1)
	s.fail(503)
}

// queue joins the line of srv, or of the backend where srv is nil, and tells
// whether there was room.
func (s *Stream) queue(srv *proxy.Server) bool {
	s.waiter = s.W.waiters.Join(s.BE, srv, s, s.Priority, s.Forced)
	if s.waiter == nil {
		return false
	}
	s.phase = phaseQueue
	d := s.BE.Timeouts.Queue
	if d == 0 {
		d = s.BE.Timeouts.Connect
	}
	s.wake = s.after(int64(d))
	if s.abortsOnClose() {
		s.watchClient()
	}
	return true
}

// wait joins the backend's line. A slot that was freed, or a server that went,
// between the choice and the joining told nobody: both are looked for again.
func (s *Stream) wait() bool {
	s.queue(nil)
	if s.phase != phaseQueue {
		return false // the client has left
	}
	switch srv, _, busy := s.pick(nil); {
	case busy:
	case srv != nil:
		srv.Feed()
		srv.Touched()
	default:
		s.leaveQueue()
		s.noServer()
	}
	return false
}

// leaveQueue takes the stream out of its line.
func (s *Stream) leaveQueue() {
	w := s.waiter
	if w == nil {
		return
	}
	s.waiter, s.wake = nil, 0
	be := w.InBackend() // the waiter is not ours behind Leave
	s.placed(be, w.Leave())
}

// placed counts for the log how many were served from a line before the stream
// left it.
func (s *Stream) placed(backend bool, n int64) {
	if backend {
		s.QueueBE += int(n)
	} else {
		s.QueueSrv += int(n)
	}
}

// Granted implements proxy.Queued: the stream's turn has come, or its line was
// dissolved.
func (s *Stream) Granted(w *proxy.Waiter, srv *proxy.Server) {
	sound := false
	defer s.unless(&sound)
	if srv != nil {
		s.server.Keep(srv) // the slot is the stream's, whatever becomes of it
	}
	s.inject()
	s.placed(w.InBackend(), w.Place())
	s.waiter, s.wake = nil, 0
	s.phase = phaseServer
	switch {
	case srv != nil:
		if s.Server == nil {
			s.Server, s.srv = srv, srv.Counters.For(s.W.Loop)
			s.returned()
		}
		s.seated()
	case s.Server != nil: // reference: whatever option redispatch says
		s.redispatch()
		s.chooseServer()
	default:
		s.chooseServer()
	}
	if s.phase != ended {
		s.watch()
	}
	sound = true
}

// queueTimeout ends a stream that waited for timeout queue.
func (s *Stream) queueTimeout() {
	s.leaveQueue()
	s.Times.Queue = s.W.Loop.Now()
	s.terminate('s', 'Q')
	s.countBackend(proxy.FailedConns)
	s.fail(503)
}
