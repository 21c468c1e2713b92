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

// Ranges go either way, and to the end where none is said.
func TestReadNumbers(t *testing.T) {
	for text, want := range map[string]numbers{"all": allNumbers, "odd": oddNumbers, "even": oddNumbers << 1, "1": 1, "64": 1 << 63,
		"2-4": 0xe, "4-2": 0xe, "63-": 3 << 62, "1-64": allNumbers} {
		if got, err := readNumbers(text); err != nil || got != want {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-", "-3", "0", "65", "x", "1-x", "x-", "1-65", "1-0", "1-2-3"} {
		if got, err := readNumbers(text); err == nil {
			t.Errorf("%q: %x", text, got)
		}
	}
	for text, want := range map[string]numbers{"": allNumbers, "1,": allNumbers, "all": allNumbers, "1/odd": oddNumbers, "3-2,5": 0x16, "70": 0, "1/63-": 3 << 62} {
		got, err := readThreads(text)
		if err != nil || got.loops != want || got.others != nil {
			t.Errorf("%q: %x, %v", text, got.loops, err)
		}
	}
}
