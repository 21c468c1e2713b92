package proxy

import (
	"sync"
	"sync/atomic"
	"testing"
)

// A change of availability is told to one of many callers, and the time down is
// what lies between the two.
func TestRefresh(t *testing.T) {
	p := &Proxy{}
	s := &Server{Weight0: 3, Check: &CheckConfig{Rise: 1, Fall: 1}}
	spare := &Server{Weight0: 5, Backup: true}
	for _, x := range []*Server{s, spare} {
		p.AddServer(x)
		x.Init(0, nil)
	}
	if a := p.Availability(); a != (Availability{1, 1, 3, 3}) || a.OnBackup() {
		t.Errorf("%+v", a)
	}
	s.Checked(Result{}, 10)
	if a := p.Availability(); a != (Availability{0, 1, 5, 5}) || !a.OnBackup() || p.Refresh(10) != Unchanged {
		t.Errorf("%+v", a)
	}
	spare.SetAdmin(ForcedMaint, 0, 20)
	var told atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if p.Refresh(20) == WentDown {
				told.Add(1)
			}
		})
	}
	all.Wait()
	if told.Load() != 1 || !p.IsDown() || p.Downs.Load() != 1 {
		t.Errorf("told %d times, down %v, %d times", told.Load(), p.IsDown(), p.Downs.Load())
	}
	spare.SetAdmin(0, ForcedMaint, 50)
	if p.Refresh(50) != WentUp || p.DownTime.Load() != 30 || p.LastChange.Load() != 50 {
		t.Errorf("down for %d, changed at %d", p.DownTime.Load(), p.LastChange.Load())
	}
	if (&Proxy{}).Refresh(1) != Unchanged {
		t.Error("a backend without servers went down")
	}
}

// TestMaintenance holds what entering and leaving maintenance does to the check
// state; the steps and figures were observed on the reference.
func TestMaintenance(t *testing.T) {
	s := &Server{Weight0: 1, Check: &CheckConfig{Rise: 2, Fall: 3}}
	s.Init(100, nil)
	unchecked := &Server{Weight0: 1}
	unchecked.Init(100, nil)
	for i, step := range []struct {
		do    func()
		value int
		oper  Operational
		downs int64
		down  int64 // seconds
		since int64
	}{
		{func() { s.Checked(Result{OK: true}, 101) }, 4, Running, 0, 0, 100},
		{func() { s.SetAdmin(ForcedMaint, 0, 110) }, 0, Down, 1, 0, 110},
		{func() { s.Checked(Result{OK: true}, 111) }, 0, Down, 1, 0, 110}, // one that was running
		{func() { s.SetAdmin(InheritedMaint, ForcedMaint, 112) }, 0, Down, 1, 0, 110},
		{func() { s.SetAdmin(0, InheritedMaint, 115) }, 2, Running, 1, 5, 115},
		{func() { s.SetAdmin(ForcedDrain, 0, 116) }, 2, Running, 1, 5, 115},
		{func() { s.SetAdmin(0, ForcedDrain, 117) }, 2, Running, 1, 5, 115},
		{func() { s.Checked(Result{}, 120) }, 0, Down, 2, 5, 120},
		{func() { s.SetAdmin(ForcedMaint, 0, 130) }, 0, Down, 2, 5, 120}, // it was down already
		{func() { s.SetAdmin(ForcedDrain, ForcedMaint, 140) }, 2, Running, 2, 25, 140},
	} {
		step.do()
		h := s.Health()
		if h.Value != step.value || s.Oper() != step.oper || h.Downs != step.downs || h.DownTime != step.down || h.LastChange != step.since {
			t.Errorf("step %d: %+v, %v", i, h, s.Oper())
		}
		if s.Usable() != (step.oper == Running && s.Admin() == 0) {
			t.Errorf("step %d: usable %v", i, s.Usable())
		}
	}
	unchecked.SetAdmin(ForcedMaint, 0, 110)
	unchecked.SetAdmin(0, ForcedMaint, 120)
	if h := unchecked.Health(); h.Value != 0 || unchecked.Oper() != Running || !unchecked.Usable() {
		t.Errorf("unchecked: %+v", h)
	}
	late := &Server{Weight0: 1, Check: s.Check}
	late.SetAdmin(ForcedMaint|ConfigMaint, 0, 0)
	late.Init(100, nil)
	late.SetAdmin(0, ForcedMaint, 130)
	if h := late.Health(); h.Value != 2 || h.Downs != 0 || h.DownTime != 30 || late.Oper() != Running || !late.Usable() {
		t.Errorf("disabled at the start: %+v", h)
	}
}
