package build

import "testing"

// A machine with more processors than a group has threads gets a full group.
func TestLoopsOn(t *testing.T) {
	for _, c := range []struct{ threads, processors, want int }{{0, 1, 1}, {0, 64, 64}, {0, 128, 64}, {3, 128, 3}, {64, 2, 64}} {
		if got := loopsOn(c.threads, c.processors); got != c.want {
			t.Errorf("nbthread %d on %d processors: %d loops", c.threads, c.processors, got)
		}
	}
	if all := between(1, loopsOn(0, 128)); all != allNumbers {
		t.Errorf("their set is %x", all)
	}
}
