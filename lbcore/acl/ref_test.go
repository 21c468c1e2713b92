package acl

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gohap/lbcore/sample"
)

// pair is an entry of the model, in order.
type pair struct{ key, val string }

// model is a list as the manual describes it: walked from the front.
type model []pair

func (m model) keyed(key string) (out []int) {
	for i, p := range m {
		if p.key == key {
			out = append(out, i)
		}
	}
	return out
}

// find walks the whole list with one pattern at a time.
func (m model) find(h how, s *sample.Sample) int {
	best := -1
	for i, p := range m {
		one := compile(&h, []string{p.key}, nil)
		if one.Find(s) < 0 {
			continue
		}
		if best < 0 || h.better(p.key, m[best].key, s) {
			best = i
		}
	}
	return best
}

// better tells whether the reference prefers a pattern to one in front of it.
func (h *how) better(key, than string, s *sample.Sample) bool {
	switch {
	case h.matcher == MatchBeg && !h.icase:
		return len(key) > len(than)
	case h.matcher == MatchIP:
		a, _ := h.parseNet(key)
		b, _ := h.parseNet(than)
		return a.finer(&b, s.IP.Is4())
	}
	return false
}

// testKeys makes patterns for a matcher, few enough to meet each other.
func testKeys(m Matcher, rnd *rand.Rand) string {
	letters := func() string {
		var b strings.Builder
		for range rnd.IntN(6) {
			b.WriteByte("abAB./:?"[rnd.IntN(8)])
		}
		return b.String()
	}
	switch m {
	case MatchInt, MatchLen:
		a := rnd.IntN(12)
		return []string{fmt.Sprint(a), fmt.Sprintf("%d:%d", a, a+rnd.IntN(3)), fmt.Sprintf("%d:", a+8), fmt.Sprintf(":%d", a-9)}[rnd.IntN(4-2*min(1, rnd.IntN(2)))]
	case MatchIP:
		v4 := fmt.Sprintf("10.%d.%d.%d", rnd.IntN(3), rnd.IntN(3), rnd.IntN(4))
		return []string{v4, v4 + fmt.Sprintf("/%d", rnd.IntN(33)), "::ffff:" + v4 + fmt.Sprintf("/%d", 96+rnd.IntN(33)),
			fmt.Sprintf("2001:db8:%x::/%d", rnd.IntN(3), rnd.IntN(129)), v4 + "/255.0.255.0", "0.0.0.0/0"}[rnd.IntN(6)]
	case MatchBin:
		return hex.EncodeToString([]byte(letters()))
	case MatchReg, MatchRegM:
		return "^" + strings.NewReplacer("?", "", ".", "(.)").Replace(letters())
	}
	return letters() + letters()
}

func testValue(m Matcher, rnd *rand.Rand) sample.Sample {
	var s sample.Sample
	switch m {
	case MatchInt:
		s.SetInt(int64(rnd.IntN(24) - 4))
	case MatchIP:
		v4 := fmt.Sprintf("10.%d.%d.%d", rnd.IntN(3), rnd.IntN(3), rnd.IntN(4))
		s.SetIP(netip.MustParseAddr([]string{v4, "::ffff:" + v4, fmt.Sprintf("2001:db8:%x::1", rnd.IntN(4)), "2002:a01:203::"}[rnd.IntN(4)]))
	default:
		s.SetStr([]byte(testKeys(MatchStr, rnd) + testKeys(MatchStr, rnd)))
	}
	return s
}

// TestAgainstModel changes lists of all kinds at random, short ones and indexed
// ones, and compares what is found, and listed, with a list that is walked.
func TestAgainstModel(t *testing.T) {
	for _, m := range []Matcher{MatchStr, MatchBeg, MatchEnd, MatchSub, MatchDir, MatchDom, MatchReg, MatchBin, MatchInt, MatchLen, MatchIP} {
		for _, icase := range []bool{false, true} {
			for _, size := range []int{8, 40, 250} {
				if size > 40 && (m == MatchReg || icase && m != MatchBeg) {
					continue
				}
				t.Run(fmt.Sprintf("%s/%v/%d", m, icase, size), func(t *testing.T) { runModel(t, how{matcher: m, icase: icase}, size) })
			}
		}
	}
}

func runModel(t *testing.T, h how, size int) {
	rnd := rand.New(rand.NewPCG(uint64(h.matcher), uint64(size)))
	f := NewRefs().add(&Ref{Name: "m", Table: true, pending: map[uint32]*version{}})
	u, err := f.use(h, sample.Str)
	if err != nil {
		t.Fatal(err)
	}
	var m model
	for step := range 4 * size {
		key, val := testKeys(h.matcher, rnd), fmt.Sprint(step)
		switch op := rnd.IntN(10); {
		case op < 6 && len(m) < size:
			if f.Add(Current, key, val, true) == nil {
				m = append(m, pair{key, val})
			}
		case op < 8 && len(m) > 0:
			if rnd.IntN(3) > 0 {
				key = m[rnd.IntN(len(m))].key
			}
			at := m.keyed(key)
			if f.Delete(key) != (len(at) > 0) {
				t.Fatalf("step %d: deleting %q of %v", step, key, at)
			}
			for i := len(at) - 1; i >= 0; i-- {
				m = append(m[:at[i]], m[at[i]+1:]...)
			}
		default:
			at := m.keyed(key)
			if err := f.Set(key, val); (err == nil) != (len(at) > 0) {
				t.Fatalf("step %d: setting %q: %v", step, key, err)
			}
			for _, i := range at {
				m[i].val = val
			}
		}
		for range 2 {
			s := testValue(h.matcher, rnd)
			compareFound(t, h, m, u, &s, step)
		}
	}
	i := 0
	f.Entries(Current, func(e Entry) bool {
		if i >= len(m) || e.Key != m[i].key || e.Val != m[i].val {
			t.Fatalf("entry %d is %q %q, want %v", i, e.Key, e.Val, m[i:min(i+1, len(m))])
		}
		i++
		return true
	})
	if i != len(m) {
		t.Errorf("%d entries listed, want %d", i, len(m))
	}
}

func compareFound(t *testing.T, h how, m model, u *Use, s *sample.Sample, step int) {
	t.Helper()
	want := ""
	if i := m.find(h, s); i >= 0 {
		want = m[i].key + "=" + m[i].val
	}
	got := ""
	if v, id := u.find(s); id != 0 {
		key, _ := v.key(id)
		val, _ := v.value(id)
		got = string(key) + "=" + string(val)
	}
	if got != want {
		t.Fatalf("step %d: %q %v %v: found %q, want %q among %v", step, s.Data, s.Int, s.IP, got, want, m)
	}
}

// TestVersions: a version is seen once it is committed, and then alone.
func TestVersions(t *testing.T) {
	f, u := testList(t, MatchStr, 0)
	look := func(key string) bool {
		s := sample.Sample{Type: sample.Str, Data: []byte(key)}
		_, id := u.find(&s)
		return id != 0
	}
	must(t, f.Add(Current, "old", "1", true))
	v := f.Prepare()
	must(t, f.Add(int64(v), "new", "2", true))
	if !look("old") || look("new") {
		t.Error("a prepared version is seen before it is committed")
	}
	if now, newest, n := f.Versions(); now != 0 || newest != v || n != 2 {
		t.Error(now, newest, n)
	}
	if err := f.Add(int64(v)+1, "x", "", true); err != ErrFuture {
		t.Error(err)
	}
	must(t, f.Commit(v))
	if look("old") || !look("new") {
		t.Error("the version that was committed is not the one that is seen")
	}
	for _, n := range []uint32{v, v - 1, v + 1} {
		if err := f.Commit(n); err != ErrVersion {
			t.Errorf("commit %d: %v", n, err)
		}
	}
	f.Clear(Current)
	if look("new") {
		t.Error("seen after clear")
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// testList makes a list with one use and n entries "k<i>" with the value "<i>".
func testList(t testing.TB, m Matcher, n int) (*Ref, *Use) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d %d\n", i, i)
	}
	return listOf(t, m, b.String())
}

func listOf(t testing.TB, m Matcher, text string) (*Ref, *Use) {
	t.Helper()
	f := NewRefs().add(&Ref{Name: "m", Table: true, pending: map[uint32]*version{}})
	f.load(text)
	u, err := f.use(how{matcher: m}, sample.Str)
	if err != nil {
		t.Fatal(err)
	}
	return f, u
}

// TestReadersBeside looks into a list while it is changed in every way: what is
// never touched is always found, with the right value, and nothing blocks.
func TestReadersBeside(t *testing.T) {
	f, u := testList(t, MatchStr, 2000)
	var stop atomic.Bool
	var readers, writers sync.WaitGroup
	for r := range 3 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			rnd := rand.New(rand.NewPCG(1, uint64(r)))
			for !stop.Load() {
				i := rnd.IntN(1000)
				s := sample.Sample{Type: sample.Str, Data: fmt.Appendf(nil, "k%d", i)}
				v, id := u.find(&s)
				if id == 0 {
					t.Errorf("k%d is not found", i)
					return
				}
				if val, ok := v.value(id); !ok || i%2 == 0 && string(val) != fmt.Sprint(i) || !strings.HasPrefix(string(val), fmt.Sprint(i)) {
					t.Errorf("k%d has the value %q", i, val)
					return
				}
				f.Entries(Current, func(e Entry) bool { return e.Key != "" && rnd.IntN(50) > 0 })
			}
		}()
	}
	for w := range 2 {
		writers.Add(1)
		go func() {
			defer writers.Done()
			rnd := rand.New(rand.NewPCG(2, uint64(w)))
			for step := range 5000 {
				switch key := fmt.Sprintf("k%d", 1000+rnd.IntN(3000)); rnd.IntN(5) {
				case 0:
					f.Delete(key)
				case 1:
					odd := 1 + 2*rnd.IntN(500)
					_ = f.Set(fmt.Sprintf("k%d", odd), fmt.Sprintf("%d/%d/%s", odd, step, strings.Repeat("x", rnd.IntN(80))))
				case 2:
					_ = f.SetOrAdd(key, "v")
				default:
					_ = f.Add(Current, key, "v", true)
				}
			}
		}()
	}
	writers.Wait()
	stop.Store(true)
	readers.Wait()
}

// TestRoomIsGivenBack: a list whose entries come, change and go for long stays as
// large as what is in it.
func TestRoomIsGivenBack(t *testing.T) {
	f, u := testList(t, MatchStr, 500)
	for i := range 200_000 {
		key := fmt.Sprintf("t%d", i)
		must(t, f.Add(Current, key, "some value", true))
		must(t, f.Set(fmt.Sprintf("k%d", i%500), fmt.Sprint(i)))
		if i >= 100 && !f.Delete(fmt.Sprintf("t%d", i-100)) {
			t.Fatalf("t%d is gone", i-100)
		}
	}
	v := f.cur.Load()
	blocks, texts := 0, 0
	for _, b := range *v.blocks.Load() {
		if b != nil {
			blocks++
		}
	}
	for _, b := range *v.texts1() {
		if b != nil {
			texts++
		}
	}
	if blocks > 10 || texts > 10 {
		t.Errorf("%d pieces of entries, %d of texts for 600 entries", blocks, texts)
	}
	x := v.views[u.n].long.Load()
	if n := len(x.table.Load().slots); n > 8192 {
		t.Errorf("%d slots for 600 entries", n)
	}
}

func (v *version) texts1() *[]*textBlock { return v.store.texts.Load() }

// TestTextsThatMoved: entries whose texts went to another piece are found, those
// that died are not, whatever the slots remember.
func TestTextsThatMoved(t *testing.T) {
	for _, m := range []Matcher{MatchStr, MatchBeg, MatchEnd, MatchDom, MatchIP} {
		var text strings.Builder
		key := func(i int) string {
			if m == MatchIP {
				return fmt.Sprintf("2001:db8:%x::/48", i)
			}
			return fmt.Sprintf("k%d.x", i)
		}
		const n = 20_000
		for i := range n {
			fmt.Fprintf(&text, "%s v%d\n", key(i), i)
		}
		f, u := listOf(t, m, text.String())
		for i := range n {
			if i%10 != 0 && !f.Delete(key(i)) {
				t.Fatalf("%s is gone", key(i))
			}
		}
		if texts := *f.cur.Load().store.texts.Load(); texts[0] != nil {
			t.Fatal("the first piece of text is still there")
		}
		for i := range n {
			var s sample.Sample
			if s.SetStr([]byte(key(i))); m == MatchIP {
				s.SetIP(netip.MustParsePrefix(key(i)).Addr())
			}
			v, id := u.find(&s)
			if (id != 0) != (i%10 == 0) {
				t.Fatalf("%v %s: entry %d", m, key(i), id)
			}
			if id == 0 {
				continue
			}
			if val, ok := v.value(id); !ok || string(val) != fmt.Sprintf("v%d", i) {
				t.Errorf("%v %s: %q", m, key(i), val)
			}
		}
	}
}

// TestRenew copies a version that has used up its numbers.
func TestRenew(t *testing.T) {
	f, u := testList(t, MatchStr, 100)
	old := f.cur.Load()
	fresh := newVersion(f.uses)
	f.copy(fresh, old)
	f.cur.Store(fresh)
	var marks []uint64
	f.Entries(Current, func(e Entry) bool { marks = append(marks, e.Mark); return true })
	if len(marks) != 100 {
		t.Fatalf("%d entries", len(marks))
	}
	must(t, f.SetAt(marks[7], "x"))
	s := sample.Sample{Type: sample.Str, Data: []byte("k7")}
	v, id := u.find(&s)
	if val, _ := v.value(id); string(val) != "x" {
		t.Errorf("k7 is %q", val)
	}
	if !f.DeleteAt(marks[7]) || f.DeleteAt(marks[7]) {
		t.Error("an entry is deleted by its mark, once")
	}
}

// TestUses: one file serves several matchers, and bad entries are refused with
// their place.
func TestUses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	must(t, os.WriteFile(file, []byte("# a\n10.0.0.1 5\n\n10.1/8 x\n"), 0o600))
	r := NewRefs()
	if _, err := r.mapUse(file, how{matcher: MatchStr}, sample.Str, &sample.Options{}); err != nil {
		t.Fatal(err)
	}
	_, err := r.mapUse(file, how{matcher: MatchIP}, sample.Str, &sample.Options{})
	if want := "'10.1/8' is not a valid IPv4 or IPv6 address at line 4 of file '" + file + "'"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = r.mapUse(file, how{matcher: MatchStr}, sample.SInt, &sample.Options{})
	if want := "unable to parse 'x' at line 4 of file '" + file + "'"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err = r.aclUse(file, false, false, how{matcher: MatchStr}, &sample.Options{}); err == nil {
		t.Error("a file with values serves as one without")
	}
	a, _ := r.mapUse("opt@"+file, how{matcher: MatchStr}, sample.Str, &sample.Options{})
	b, _ := r.mapUse("file@"+file, how{matcher: MatchStr}, sample.Str, &sample.Options{})
	if a != b || a == nil {
		t.Error("two uses of one kind are not one")
	}
}

// FuzzList reads a file and looks for each of its keys, and compares what a table
// finds with what walking finds.
func FuzzList(f *testing.F) {
	f.Add(uint8(MatchStr), "a 1\n b  2 \n#c\nd", "a")
	f.Add(uint8(MatchIP), "10.0.0.0/8 x\n::1 y", "10.1.1.1")
	f.Add(uint8(MatchInt), "5\n1:3\n", "2")
	f.Fuzz(func(t *testing.T, kind uint8, text, value string) {
		h := how{matcher: MatchInt + Matcher(kind&0x3f)%(MatchMeth-MatchInt), icase: kind&128 != 0}
		list := NewRefs().add(&Ref{Name: "m", Table: kind&64 != 0, pending: map[uint32]*version{}})
		list.load(text)
		var m model
		list.Entries(Current, func(e Entry) bool {
			if strings.ContainsAny(e.Key, "\n") || e.Key == "" {
				t.Fatalf("the key %q", e.Key)
			}
			m = append(m, pair{strings.Clone(e.Key), strings.Clone(e.Val)})
			return true
		})
		u, err := list.use(h, sample.Any)
		if err != nil {
			return
		}
		v := list.cur.Load()
		if v.texts == nil {
			v.lengthen(list.uses, len(m))
		}
		s := sample.Sample{Type: sample.Str, Data: []byte(value)}
		if s.Cast(testContext(), wants[h.matcher]) {
			compareFound(t, h, m, u, &s, 0)
		}
		for _, p := range m {
			if len(v.withKey(p.key)) == 0 || !list.Delete(p.key) && len(m.keyed(p.key)) == 1 {
				t.Fatalf("%q is not there", p.key)
			}
			must(t, list.Add(Current, p.key, p.val, true))
		}
	})
}
