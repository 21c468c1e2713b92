package rule

import (
	"testing"

	"gohap/lbcore/sample"
)

// waiting is a stream whose password is not hashed yet.
type waiting struct{ asked, left int }

func (w *waiting) AskList(any) bool {
	w.asked++
	w.left--
	return w.left >= 0
}

// TestAsks holds that an action that looks up a password runs once, when the
// outcome is there, and that the rules in front of it do not run again.
func TestAsks(t *testing.T) {
	w := &waiting{left: 1}
	ran := [2]int{}
	count := func(i int) Action {
		return Func(func(*sample.Context) Verdict { ran[i]++; return Continue })
	}
	set := Set{{Action: count(0)}, {Action: count(1), Asks: []*sample.Arg{{}}}}
	c := &sample.Context{Stream: w}
	at, v := set.Run(c, 0)
	if at != 1 || v != Suspend || ran != [2]int{1, 0} {
		t.Fatalf("at %d, %d, ran %v", at, v, ran)
	}
	if at, v = set.Run(c, at); at != 2 || v != Continue || ran != [2]int{1, 1} || w.asked != 2 {
		t.Fatalf("resumed: at %d, %d, ran %v, asked %d times", at, v, ran, w.asked)
	}
}
