package stream

import (
	"testing"

	"gohap/lbcore/buffer"
)

// TestBudget: the nicer a stream, the less it moves in a turn, but always something.
func TestBudget(t *testing.T) {
	for _, c := range []struct {
		nice          int16
		bytes, pieces int
	}{
		{0, turnBytes, turnPieces}, {512, turnBytes / 2, turnPieces / 2}, {1000, turnBytes * 24 / 1024, 1}, {Nicest, 1, 1}, {-Nicest, 2 * turnBytes, 2 * turnPieces},
	} {
		s := Stream{Nice: c.nice}
		b := s.budget()
		if b != (budget{c.bytes, c.pieces}) {
			t.Errorf("nice %d: %+v", c.nice, b)
		}
		if !b.left() {
			t.Errorf("nice %d: a turn moves nothing", c.nice)
		}
		pieces := 0
		for ; b.left(); pieces++ {
			b.spend(nil)
		}
		if pieces != c.pieces {
			t.Errorf("nice %d: %d pieces", c.nice, pieces)
		}
		if b = s.budget(); c.nice >= 0 {
			b.spend(&buffer.Buffer{W: c.bytes})
			if b.left() {
				t.Errorf("nice %d: more than its bytes", c.nice)
			}
		}
	}
}
