package buffer

import (
	"bytes"
	"testing"
)

func TestBufferPrependAppend(t *testing.T) {
	p := NewPool(64)
	b := p.Get()
	b.W += copy(b.Room(), "body")
	if !b.Prepend([]byte("head ")) || !b.Append([]byte(" tail")) || string(b.Bytes()) != "head body tail" {
		t.Fatalf("content %q", b.Bytes())
	}
	if b.Prepend(make([]byte, Headroom)) {
		t.Error("prepended more than the headroom")
	}
	if b.Append(make([]byte, 128)) {
		t.Error("appended beyond the end")
	}
	b.W += len(b.Room())
	if !b.Append([]byte("\r\n0\r\n\r\n")) {
		t.Error("no tailroom behind a full receive")
	}
	b.Release()
	if p.Used() != 0 || p.Free() != 1 {
		t.Errorf("used %d free %d", p.Used(), p.Free())
	}
	if c := p.Get(); c != b || c.Len() != 0 {
		t.Error("the pool did not hand out the hot buffer, empty")
	}
}

func TestPoolTrim(t *testing.T) {
	p := NewPool(64)
	var out []*Buffer
	for range 100 {
		out = append(out, p.Get())
	}
	for _, b := range out {
		b.Release()
	}
	p.Trim() // the burst was within this period: kept
	if p.Free() != 100 {
		t.Fatalf("free %d after the burst's own period", p.Free())
	}
	for range 10 {
		p.Trim()
	}
	if p.Free() > 8 {
		t.Errorf("free %d after quiet periods", p.Free())
	}
}

func TestArena(t *testing.T) {
	var a Arena
	x := a.Copy([]byte("one"))
	y := a.Alloc(10000)
	z := a.Copy([]byte("two"))
	x = append(x, "!"...) // must not run into its neighbour
	if string(z) != "two" || len(y) != 10000 || !bytes.Equal(x, []byte("one!")) {
		t.Fatal("neighbours overlap")
	}
	r := append(a.Rest(16), "kept"...)
	r = a.Keep(r)
	if s := a.Copy([]byte("next")); string(r) != "kept" || string(s) != "next" {
		t.Fatal("kept bytes were handed out again")
	}
	// What is allocated between Rest and Keep lies elsewhere.
	r = append(a.Rest(16), "outer "...)
	inner := a.Keep(append(a.Rest(8), "inner"...))
	r = a.Keep(append(append(r, inner...), '!'))
	if s := a.Copy([]byte("behind")); string(r) != "outer inner!" || string(inner) != "inner" || string(s) != "behind" {
		t.Fatalf("nested: %q %q %q", r, inner, s)
	}
	before := a.Used()
	if a.Keep(append(a.Rest(100), "abc"...)); a.Used() != before+3 {
		t.Fatalf("%d bytes are used for 3", a.Used()-before)
	}
	if long := a.Keep(append(a.Rest(2), "longer"...)); string(long) != "longer" {
		t.Fatalf("outgrown: %q", long)
	}
	a.Reset()
	if a.Used() != 0 {
		t.Fatal("used after reset")
	}
	allocs := testing.AllocsPerRun(100, func() {
		a.Copy([]byte("abc"))
		a.Alloc(500)
		a.Reset()
	})
	if allocs != 0 {
		t.Errorf("%v allocations a request", allocs)
	}
}

// TestArenaSettles: requests that need more than a chunk stop allocating once
// the chunk that is kept has grown.
func TestArenaSettles(t *testing.T) {
	var a Arena
	request := func() {
		for range 30 {
			r := a.Rest(256)
			a.Copy([]byte("made while the value is being written"))
			a.Keep(append(r, "value"...))
		}
		a.Reset()
	}
	for range 5 {
		request()
	}
	if n := testing.AllocsPerRun(100, request); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}
