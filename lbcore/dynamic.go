//lint:file-ignore ST1005 the reference's messages are printed as they are

package lbcore

import (
	"errors"
	"fmt"

	"gohap/lbcore/config"
	"gohap/lbcore/control"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
)

// This file is how servers come and go while the instance runs. It is done on the
// goroutine of a command, one server at a time.

// AddServer adds a server to a backend: words are its name, its address and its
// options. The error is what is answered, as are the notes. It blocks on files and on
// the loops; any goroutine but a loop's.
func (in *Instance) AddServer(p *proxy.Proxy, words []string) (notes string, err error) {
	in.changing.Lock()
	defer in.changing.Unlock()
	if in.ended {
		return "", errors.New("The process is stopping.")
	}
	added, err := in.Config.Servers.Read(p, words, in.Process.Facts)
	if err != nil {
		in.told(config.Alert, fmt.Sprintf("CLI : 'server %s/%s' : %s", p.Name, words[0], err))
		return "", err
	}
	s := added.Server
	if in.parted {
		in.parted, in.revision = false, in.revision+1
	}
	s.Proxy, s.Revision = p, in.revision
	in.partsOf(s)
	s.StartInMaint(added.Disabled, in.checker.Clock.Wall().Unix(), rebalance)
	in.checker.Add(s, added.Endpoints)
	if t := s.Watch.Track; t != nil {
		t.Pin()
		t.AddFollower(s)
	}
	p.Join(s, in.policy)
	in.told(config.Notice, fmt.Sprintf("CLI : 'server %s/%s' : New server registered.", p.Name, s.Name))
	return added.Notes, nil
}

// DeleteServer takes a server that is in maintenance out of its backend. What is
// idle towards it is closed. The error is what is answered. Once it returns, no loop
// can come by the server any more but by a stream that chose it before and finds it
// gone. It blocks on the loops and on a check that runs; any goroutine but a loop's.
func (in *Instance) DeleteServer(s *proxy.Server) error {
	in.changing.Lock()
	defer in.changing.Unlock()
	if in.ended {
		return errors.New("The process is stopping.")
	}
	p, before := s.Proxy, s.Proxy.Set()
	if s.Gone() {
		return errors.New("No such server.")
	}
	if err := control.Removable(s); err != nil {
		return err
	}
	s.SetGone(true)
	p.Part(s, in.policy)
	// A turn that began with the set before may still choose the server by what
	// persists: behind it, what it took is seen.
	in.Group.Each(func(l *loop.Loop) { s.CloseIdle(l) })
	if s.InUse() || !s.Admin().Maint() {
		s.SetGone(false)
		p.Return(before, s, in.policy)
		return control.ErrInUse
	}
	in.names.Forget(s)
	in.checker.Remove(s)
	if t := s.Watch.Track; t != nil {
		t.DropFollower(s)
	}
	if s.Release != nil {
		s.Release()
	}
	in.Config.Servers.Forget(s)
	in.parted = true
	in.told(config.Notice, "Server deleted.")
	return nil
}

// told writes what a command did on standard error.
func (in *Instance) told(severity config.Severity, text string) {
	in.telling.Lock()
	defer in.telling.Unlock()
	in.Config.Diag.Tell(severity, text)
}
