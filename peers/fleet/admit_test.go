package fleet

import "testing"

// TestAdmit: nodes come and go while a section runs; this one stays.
func TestAdmit(t *testing.T) {
	s := New(Config{Local: "a", Peers: []*Peer{{Name: "a"}}}, 0)
	p, fresh := s.Admit("b")
	if again, twice := s.Admit("b"); !fresh || twice || again != p {
		t.Errorf("%t %t", fresh, twice)
	}
	x := s.Connect(p, 10)
	if n := len(s.View(20)); n != 2 {
		t.Errorf("%d nodes", n)
	}
	s.Expel("b", 30)
	s.Expel("b", 30)
	s.Expel("a", 30)
	if reason, closed := x.Closed(); !closed || reason == "" {
		t.Error("its session goes on")
	}
	if all := s.View(40); len(all) != 1 || !all[0].Local {
		t.Errorf("%d nodes", len(all))
	}
}
