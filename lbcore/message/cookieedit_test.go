package message

import (
	"bytes"
	"testing"

	"gohap/lbcore/buffer"
)

// edit removes cookies of that name from v, or with cut the first bytes of their
// values.
func edit(v, name string, cut int) (string, bool) {
	var a buffer.Arena
	var e CookieEdit
	e.Open([]byte(v), &a)
	for e.Next() {
		if string(e.Name) != name {
			continue
		}
		if cut == 0 {
			e.Delete()
		} else if len(e.Value) >= cut {
			e.CutValue(cut)
		}
	}
	return string(e.Result()), e.Changed
}

// What the reference makes of them.
func TestCookieEdit(t *testing.T) {
	for _, c := range []struct {
		in   string
		cut  int
		want string
	}{
		{"S=A", 0, ""},
		{"a=b; S=A", 0, "a=b"},
		{"S=A; a=b", 0, "a=b"},
		{"a=b;S=A;c=d", 0, "a=b; c=d"},
		{"a=b,S=A;c=d", 0, "a=b; c=d"},
		{"a=b;S=A,c=d", 0, "a=b, c=d"},
		{"a=b;;S=A;;c=d", 0, "a=b;; ;c=d"},
		{"S=A;;", 0, ";"},
		{"; S=A ;", 0, ""},
		{"$Version=1; S=A; $Path=/", 0, ""},
		{"$Version=1; S=A; $Path=/; a=b", 0, "$Version=1; a=b"},
		{"a = 1 ; S=A", 0, "a=1 "},
		{"a=1 ; S=A ;", 0, "a=1; "},
		{"S=A; a=b; S=B; c=d", 0, "a=b; c=d"},
		{`a="x;S=B"; S=A`, 0, `a="x;S=B"`},
		{`a="x; S=A`, 0, `a="x; S=A`},
		{"$Version = 1; a = ;S=A", 0, "$Version = 1; a="},
		{"a; S=A; b", 0, "a; b"},
		{"a=b; S=A~tok; c=d", 2, "a=b; S=tok; c=d"},
		{"S = A~tok ; S=B~x", 2, "S=tok ; S=x"},
	} {
		if got, _ := edit(c.in, "S", c.cut); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
	if got, changed := edit("a=b; c=d", "S", 0); changed || got != "a=b; c=d" {
		t.Errorf("unedited: %q, %v", got, changed)
	}
}

func TestSetCookie(t *testing.T) {
	for _, c := range []struct{ in, name, value string }{
		{"S=x; path=/", "S", "x"}, {"S = x ; Secure", "S", "x"}, {"S=", "S", ""}, {"S", "", ""}, {"; S=x", "", ""},
		{`S="x;y"; path=/`, "S", `"x;y"`}, {"S=x, a=b", "S", "x"}, {"a=b; S=x", "a", "b"}, {"=x", "", "x"},
	} {
		got, _ := SetCookie([]byte(c.in))
		if string(got.Name) != c.name || string(got.Value) != c.value {
			t.Errorf("%q: got %q=%q", c.in, got.Name, got.Value)
		}
	}
}

func TestCookieDates(t *testing.T) {
	for _, sec := range []int64{0, 4, 1795939200, 1<<32 - 4} {
		b := AppendCookieDate(nil, sec+3)
		if len(b) != CookieDateLen || ParseCookieDate(b) != sec {
			t.Errorf("%d: %q is %d", sec, b, ParseCookieDate(b))
		}
	}
	if got := string(AppendCookieDate(nil, 1795939200)); got != "awvbg" {
		t.Errorf("got %q", got)
	}
	for _, bad := range []string{"", "AAAA", "AA AA", "AA|AA"} {
		if d := ParseCookieDate([]byte(bad)); d != 0 {
			t.Errorf("%q is %d", bad, d)
		}
	}
}

func TestCacheable(t *testing.T) {
	for _, c := range []struct {
		method Method
		status int
		name   string
		value  string
		want   bool
	}{
		{GET, 200, "etag", "x", true}, {HEAD, 404, "etag", "x", true}, {POST, 200, "etag", "x", false}, {GET, 302, "etag", "x", false},
		{GET, 200, "age", "1", false}, {GET, 200, "cache-control", "max-age=10", true}, {GET, 200, "cache-control", "max-age=0", false},
		{GET, 200, "cache-control", "Max-Age=5, PRIVATE", false}, {GET, 200, "cache-control", `no-cache="set-cookie", s-maxage=1`, true},
		{GET, 200, "cache-control", "public", false}, {GET, 200, "expires", "x", true},
	} {
		h := Head{Status: c.status}
		h.Add([]byte(c.name), []byte(c.value))
		if got := Cacheable(c.method, &h); got != c.want {
			t.Errorf("%d %d %s: %s: got %v", c.method, c.status, c.name, c.value, got)
		}
	}
}

// FuzzCookieEdit holds that a walk ends, that editing never leaves the value that
// it began with changed, that a deleted cookie is gone and that nothing grows.
func FuzzCookieEdit(f *testing.F) {
	for _, s := range []string{"S=A", "a=b; S=A; $Path=/; c=d", ";S = A~x ;", `a="\";S=";S=A`, "S=A;;,S=;=;$S"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		before := bytes.Clone(v)
		out, _ := edit(string(v), "S", 0)
		if len(out) > len(v) {
			t.Fatalf("%q grew to %q", v, out)
		}
		var a buffer.Arena
		var e CookieEdit
		for e.Open(v, &a); e.Next(); {
			if e.begin < 0 || e.end < e.begin || e.next > len(e.v) {
				t.Fatalf("%q: %+v", v, e)
			}
			if bytes.HasPrefix(e.Value, []byte("A~")) {
				e.CutValue(2)
			} else if len(e.Value)%3 == 1 {
				e.Delete()
			}
		}
		e.Result()
		if !bytes.Equal(v, before) {
			t.Fatalf("%q was changed to %q", before, v)
		}
		SetCookie(v)
	})
}

func BenchmarkCookieEdit(b *testing.B) {
	var a buffer.Arena
	v := []byte("session=0123456789abcdef; SRV=s1; theme=dark")
	b.ReportAllocs()
	for b.Loop() {
		a.Reset()
		var e CookieEdit
		for e.Open(v, &a); e.Next(); {
			if string(e.Name) == "SRV" {
				e.Delete()
			}
		}
		e.Result()
	}
}
