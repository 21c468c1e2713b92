package stick

import "testing"

// TestFind: arrays stand for the single data that they take the place of, and what
// is counted where shows.
func TestFind(t *testing.T) {
	single, err := New(Config{Name: "s", Key: KeyInteger, Size: 4, Store: []Stored{{Data: GPC0, N: 1}, {Data: GPC1Rate, N: 1, Period: 1000}, {Data: GPT0, N: 1}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	array, err := New(Config{Name: "a", Key: KeyInteger, Size: 4, Store: []Stored{{Data: GPC, N: 2}, {Data: GPCRate, N: 1, Period: 1000}, {Data: GPT, N: 1}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		t  *Table
		d  Data
		i  int
		at Data
		el int
		ok bool
	}{
		{single, GPC0, 0, GPC0, 0, true}, {single, GPC1, 0, GPC, 1, false}, {single, GPC, 0, GPC, 0, false}, {single, GPC1Rate, 0, GPC1Rate, 0, true},
		{single, GPT0, 0, GPT0, 0, true}, {single, ConnCnt, 0, ConnCnt, 0, false},
		{array, GPC0, 0, GPC, 0, true}, {array, GPC1, 0, GPC, 1, true}, {array, GPC, 1, GPC, 1, true}, {array, GPC, 2, GPC, 2, false}, {array, GPC, -1, GPC, -1, false},
		{array, GPC0Rate, 0, GPCRate, 0, true}, {array, GPC1Rate, 0, GPCRate, 1, false}, {array, GPT0, 0, GPT, 0, true},
	} {
		if at, el, ok := c.t.Find(c.d, c.i); at != c.at || el != c.el || ok != c.ok {
			t.Errorf("%s: %v(%d) is at %v(%d), %v", c.t.Name, c.d, c.i, at, el, ok)
		}
	}
	e, _, _ := single.Create([]byte{0, 0, 0, 1}, 0)
	f, _, _ := array.Create([]byte{0, 0, 0, 1}, 0)
	for _, c := range []struct{ got, want uint64 }{
		{e.Increment(GPC0, GPC0Rate, 0, 1, 0), 1}, {e.Increment(GPC1, GPC1Rate, 0, 3, 0), 3}, {e.Increment(GPC, GPCRate, 0, 1, 0), 0},
		{f.Increment(GPC1, GPC1Rate, 0, 2, 0), 2}, {f.Increment(GPC, GPCRate, 0, 4, 0), 4}, {uint64(f.Rate(GPCRate, 0, 0)), 4},
	} {
		if c.got != c.want {
			t.Errorf("%d, want %d", c.got, c.want)
		}
	}
}

// TestBytes: rates of bytes count units, begun ones included.
func TestBytes(t *testing.T) {
	table, err := New(Config{Name: "b", Key: KeyInteger, Size: 4, BytesFactor: 100, Store: []Stored{{Data: BytesInCnt, N: 1}, {Data: BytesInRate, N: 1, Period: 1000}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	e, _, _ := table.Create([]byte{0, 0, 0, 1}, 0)
	for _, n := range []uint64{43, 550, 100, 0} {
		e.AddBytes(BytesInCnt, BytesInRate, n, 0)
	}
	if n, r := e.Get(BytesInCnt, 0), e.Rate(BytesInRate, 0, 0)*table.Unit(BytesInRate); n != 693 || r != 100+600+100 {
		t.Errorf("%d bytes, %d in the period", n, r)
	}
}

// TestEmptyKeys: text and bytes of no length are keys.
func TestEmptyKeys(t *testing.T) {
	for _, c := range []struct {
		key  KeyType
		want string
	}{{KeyString, ""}, {KeyBinary, "\x00\x00\x00"}} {
		table, err := New(Config{Name: "k", Key: c.key, KeyLen: 3, Size: 4}, 0)
		if err != nil {
			t.Fatal(err)
		}
		key, ok := table.Key(nil, nil)
		if !ok || string(key) != c.want {
			t.Errorf("%v: %q, %v", c.key, key, ok)
		}
		if e, made, ok := table.Create(key, 0); !ok || !made || string(e.Key()) != c.want {
			t.Errorf("%v: no entry", c.key)
		}
		if _, ok := table.Get(key, 0); !ok {
			t.Errorf("%v: the entry is not found", c.key)
		}
	}
}
