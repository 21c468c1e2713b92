package loop

import (
	"math/rand/v2"
	"testing"
	"time"
)

type firing struct {
	t   Timer
	at  int64
	now *int64
	n   int
}

func (f *firing) Expired(*Timer) { f.n++; f.at = *f.now }

// TestWheelFiresOnTime drives random deadlines from a millisecond to days
// through the wheel and checks that each fires once, never early and at most
// one tick and one step late.
func TestWheelFiresOnTime(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	now := int64(12345) * int64(time.Second)
	l := &Loop{}
	l.timers.tick = now / tickNs
	var all []*firing
	for range 3000 {
		scale := []int64{1e6, 1e8, 1e10, 1e12, 1e14}[rnd.IntN(5)]
		f := &firing{now: &now}
		f.t.Owner = f
		l.Arm(&f.t, now+1+rnd.Int64N(scale))
		all = append(all, f)
	}
	want := map[*firing]int64{}
	for _, f := range all {
		want[f] = f.t.deadline
	}
	for l.timers.count > 0 {
		before := now
		w := l.timers.wait(now)
		if w < 0 {
			t.Fatal("timers queued but nothing to wait for")
		}
		now += max(int64(w)*1e6, 1)
		for !l.timers.advance(now, 50) {
		}
		for f, d := range want {
			if f.n == 0 {
				if d+2*tickNs < now {
					t.Fatalf("deadline %d not fired at %d", d, now)
				}
				continue
			}
			if f.n > 1 || f.at < d || f.at > d+2*tickNs && before > d+2*tickNs {
				t.Fatalf("deadline %d fired %d times at %d", d, f.n, f.at)
			}
			delete(want, f)
		}
	}
}

func TestTimerLazyPushBackAndPullIn(t *testing.T) {
	now := int64(time.Hour)
	l := &Loop{now: now}
	l.timers.tick = now / tickNs
	f := &firing{now: &now}
	f.t.Owner = f
	l.Arm(&f.t, now+10*tickNs)
	l.Arm(&f.t, now+50*tickNs) // pushed back: stays in the old slot
	now += 20 * tickNs
	l.timers.advance(now, 10)
	if f.n != 0 {
		t.Fatal("fired at the deadline that was pushed back")
	}
	l.Arm(&f.t, now+5*tickNs) // pulled in: must move
	now += 6 * tickNs
	l.timers.advance(now, 10)
	if f.n != 1 {
		t.Fatalf("fired %d times after it was pulled in", f.n)
	}
	l.Arm(&f.t, now+5*tickNs)
	l.Disarm(&f.t)
	now += 100 * tickNs
	l.timers.advance(now, 10)
	if f.n != 1 || l.timers.count != 0 {
		t.Fatalf("disarmed timer: fired %d, queued %d", f.n, l.timers.count)
	}
	l.Arm(&f.t, now+5*tickNs)
	l.DropTimer(&f.t)
	if l.timers.count != 0 {
		t.Fatal("dropped timer is still queued")
	}
}
