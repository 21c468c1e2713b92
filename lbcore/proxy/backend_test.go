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
	if a := p.Availability(); a != (Availability{1, 1, 3}) || a.OnBackup() {
		t.Errorf("%+v", a)
	}
	s.Checked(Result{}, 10)
	if a := p.Availability(); a != (Availability{0, 1, 5}) || !a.OnBackup() || p.Refresh(10) != Unchanged {
		t.Errorf("%+v", a)
	}
	spare.SetAdmin(ForcedMaint, 0)
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
	spare.SetAdmin(0, ForcedMaint)
	if p.Refresh(50) != WentUp || p.DownTime.Load() != 30 || p.LastChange.Load() != 50 {
		t.Errorf("down for %d, changed at %d", p.DownTime.Load(), p.LastChange.Load())
	}
	if (&Proxy{}).Refresh(1) != Unchanged {
		t.Error("a backend without servers went down")
	}
}
