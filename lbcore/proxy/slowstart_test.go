package proxy

import "testing"

// The steps of four seconds, as observed on the reference.
func TestSlowstart(t *testing.T) {
	s := &Server{Weight0: 100, Slowstart: 4}
	s.Maxconn.Store(40)
	p := &Proxy{}
	p.AddServer(s)
	s.Init(100, nil)
	if _, starting := s.Throttle(); starting || s.Limit() != 40 {
		t.Error("it starts slowly with the process")
	}
	told := 0
	s.OnStarting(func() { told++ })
	s.SetAdmin(ForcedMaint, 0, 200)
	s.SetAdmin(0, ForcedMaint, 300)
	if told != 1 || s.Oper() != Starting || !s.Usable() {
		t.Fatalf("told %d, state %d", told, s.Oper())
	}
	for i, want := range []struct {
		weight   int
		throttle int64
		limit    int64
	}{{7, 6, 1}, {32, 31, 10}, {57, 56, 20}, {82, 81, 30}} {
		if s.Warm(300 + int64(i)) {
			t.Errorf("warm after %d s", i)
		}
		percent, _ := s.Throttle()
		if s.ShownWeight() != want.weight || percent != want.throttle || s.Limit() != want.limit || s.UserWeight() != 100 {
			t.Errorf("after %d s: weight %d, %d %%, limit %d", i, s.ShownWeight(), percent, s.Limit())
		}
		if a := p.Availability(); a.Weight != want.weight || a.User != 100 {
			t.Errorf("after %d s: backend %+v", i, a)
		}
	}
	if !s.Warm(304) || s.Oper() != Running || s.Limit() != 40 || s.ShownWeight() != 100 {
		t.Error("not warm in time")
	}
	if s.Warm(305) {
		t.Error("warm twice")
	}
	s.SetAdmin(ForcedMaint, 0, 400)
	s.SetAdmin(0, ForcedMaint, 401)
	s.SetAdmin(ForcedMaint, 0, 402)
	if s.Warm(500) || s.Oper() != Down {
		t.Error("maintenance was warmed up")
	}
}
