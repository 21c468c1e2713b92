package stream

import "testing"

// TestWalk: a walk in slices sees every stream once, however small they are and
// whatever ends or begins meanwhile; it goes on where it stopped, not from the front.
func TestWalk(t *testing.T) {
	for _, slice := range []int{1, 2, 7, 100} {
		w := &Worker{}
		for id := uint64(1); id <= 50; id++ {
			w.active.push(&Stream{ID: id})
		}
		seen, calls := map[uint64]int{}, 0
		for at, more := (Place{}), true; more; more = at != (Place{}) {
			n := 0
			at = w.Walk(at, func(s *Stream) bool {
				seen[s.ID]++
				n++
				return n < slice
			})
			calls++
			switch calls {
			case 1:
				w.active.push(&Stream{ID: 51})
			case 2: // the one to go on from ends
				if s := at.s; s != nil {
					delete(seen, s.ID)
					w.active.remove(s)
					seen[s.ID]++ // as if it had been seen
					s.ID = 0
				}
			}
		}
		for id := uint64(1); id <= 50; id++ {
			if seen[id] != 1 {
				t.Errorf("slices of %d: stream %d was seen %d times", slice, id, seen[id])
			}
		}
	}
}
