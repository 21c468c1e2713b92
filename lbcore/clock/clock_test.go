package clock

import (
	"testing"
	"time"
)

func TestRateSlides(t *testing.T) {
	const s = int64(time.Second)
	var r Rate
	base := 100 * s
	for range 10 {
		r.Add(base+s/2, 1)
	}
	for _, c := range []struct {
		at   int64
		want uint32
	}{
		{base + s/2, 10},
		{base + s + s/2, 10},     // the whole previous period still counts
		{base + 2*s, 5},          // half of it
		{base + 2*s + 4*s/10, 1}, // a tenth
		{base + 2*s + s/2, 0},    // gone
		{base + 3600*s, 0},       // long gone
	} {
		if got := r.Read(c.at); got != c.want {
			t.Errorf("Read(+%v) = %d, want %d", time.Duration(c.at-base), got, c.want)
		}
	}
	r.Add(base+s/2-s/100, 1) // by a loop whose time is behind
	r.Add(base+2*s, 4)
	if got := r.Read(base + 2*s); got != 9 {
		t.Errorf("current plus half of the past = %d, want 9", got)
	}
}

// Reference: seven sessions at "rate-limit sessions 5" take 1.2 s, whenever they
// begin: five, a second until the window slides, then one each 200 ms.
func TestRateBeginsWithItsEvents(t *testing.T) {
	for begin := int64(100e9); begin < 101e9; begin += 77e6 {
		var r Rate
		r.Add(begin-60e9, 5)
		now := begin
		for range 7 {
			for w := r.Wait(now, 5); w > 0; w = r.Wait(now, 5) {
				now += w
			}
			r.Add(now, 1)
		}
		if took := now - begin; took < 1190e6 || took > 1230e6 {
			t.Errorf("begun at %d ms of a second: %d ms", begin/1e6%1000, took/1e6)
		}
	}
}

func TestRateWait(t *testing.T) {
	const s = int64(time.Second)
	var r Rate
	now := 50*s + s/4
	if w := r.Wait(now, 3); w != 0 {
		t.Fatalf("empty counter waits %d", w)
	}
	r.Add(now, 3)
	w := r.Wait(now, 3)
	if w <= 0 || w > s {
		t.Fatalf("full counter waits %d", w)
	}
	later := now + w
	for r.Wait(later, 3) > 0 {
		later += r.Wait(later, 3)
		if later > now+3*s {
			t.Fatal("the wait never ends")
		}
	}
}

func TestFakeAdvances(t *testing.T) {
	f := NewFake(time.Unix(1000, 0))
	m := f.Mono()
	f.Advance(3 * time.Second)
	if f.Mono()-m != int64(3*time.Second) || !f.Wall().Equal(time.Unix(1003, 0)) {
		t.Fatalf("mono moved %d, wall %v", f.Mono()-m, f.Wall())
	}
}

func TestMax(t *testing.T) {
	var m Max
	m.Observe(5)
	m.Observe(3)
	if m.Load() != 5 {
		t.Fatalf("max %d", m.Load())
	}
}
