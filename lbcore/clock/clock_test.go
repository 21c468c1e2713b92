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
		{base + s, 10},           // the whole previous second still counts
		{base + s + s/2, 5},      // half of it
		{base + s + 9*s/10, 1},   // a tenth
		{base + 2*s, 0},          // gone
		{base + 3600*s + s/3, 0}, // long gone
	} {
		if got := r.Read(c.at); got != c.want {
			t.Errorf("Read(+%v) = %d, want %d", time.Duration(c.at-base), got, c.want)
		}
	}
	r.Add(base+s+s/2, 4)
	if got := r.Read(base + s + s/2); got != 9 {
		t.Errorf("current plus half of the past = %d, want 9", got)
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
