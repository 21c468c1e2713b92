package message

import (
	"fmt"
	"strings"
	"testing"
)

// Rows without another word are what the reference answered to res.cook,
// req.cook, req.cook_names and their counts.
func TestCookies(t *testing.T) {
	for _, c := range []struct {
		set     bool
		in, out string
	}{
		{false, "a=1; b=2", "a=1|b=2"},
		{false, "b=2 ;a=1", "b=2|a=1"},
		{false, "b=2, a=1", "b=2|a=1"},
		{false, "a=1 ; b", "a=1"},
		{false, "b; c, a=1", "a=1"},
		{false, "a = 1", "a=1"},
		{false, "a\t=\t1", "a=1"},
		{false, `a="1;2"; b=3`, `a="1;2"|b=3`},
		{false, `a="1,2"`, `a="1,2"`},
		{false, `a=1"2;3"`, `a=1"2;3"`},
		{false, `a="1\";2"; b`, `a="1\";2"`},
		{false, `b="x; a=1`, `b="x; a=1`},
		{false, "a=", "a="},
		{false, "a", ""},
		{false, "A=1", "A=1"},
		{false, "a=1=2", "a=1=2"},
		{false, ";;a=1;", "a=1"},
		{false, " a=1 2 ", "a=1 2"},
		{false, "=1; a=2", "=1|a=2"},
		{false, "$Version=1; a=1", "a=1"},
		{false, `"a"=1`, `"a"=1`},
		{false, "", ""},
		{true, "a=1; path=/", "a=1"},
		{true, "b=2; path=/, a=1", "b=2|a=1"},
		{true, "b=2; a=1", "b=2"},
		{true, `a="1;2"; x`, `a="1;2"`},
		{true, "b=2; expires=Thu, 01 Jan; a=1", "b=2|a=1"},
		{true, "b=2; expires=Thu, 01 Jan 1970 00:00:00 GMT, a=1", "b=2|a=1"},
		{true, "a=1,2", "a=1"},
		{true, " ;a=1", "a=1"},
		{true, "b,a=1", "a=1"},
	} {
		var got []string
		w := Cookies{V: []byte(c.in), Set: c.set}
		for k, ok := w.Next(); ok; k, ok = w.Next() {
			got = append(got, string(k.Name)+"="+string(k.Value))
			raw := c.in[k.Begin:k.End]
			if !strings.HasPrefix(raw, string(k.Name)) || !strings.HasSuffix(raw, string(k.Value)) {
				t.Errorf("%q: place %q of cookie %s=%s", c.in, raw, k.Name, k.Value)
			}
		}
		if g := strings.Join(got, "|"); g != c.out {
			t.Errorf("%q set=%v: got %q, want %q", c.in, c.set, g, c.out)
		}
	}
}

// Reference: req.hdr(x), req.hdr_cnt(x), req.hdr(x,n).
func TestList(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"a", "a"},
		{"a, b ,c", "a|b|c"},
		{"", ""},
		{"a,,b", "a||b"},
		{",a", "|a"},
		{"a,", "a|"},
		{",", "|"},
		{`a"b,c"d,e`, `a"b,c"d|e`},
		{`"a,b`, `"a,b`},
		{`"a\",b",c`, `"a\",b"|c`},
		{`a\,b`, `a\|b`},
		{`"a\\",b`, `"a\\"|b`},
		{"a\t,\tb", "a|b"},
	} {
		var got []string
		l := List{V: []byte(c.in)}
		for v, ok := l.Next(); ok; v, ok = l.Next() {
			got = append(got, string(v))
		}
		if g := strings.Join(got, "|"); g != c.out {
			t.Errorf("%q: got %q, want %q", c.in, g, c.out)
		}
	}
}

func head(fields ...string) *Head {
	h := &Head{}
	for _, f := range fields {
		n, v, _ := strings.Cut(f, ":")
		h.Add([]byte(n), []byte(v))
	}
	return h
}

func TestOccurrence(t *testing.T) {
	h := head("x:a,b", "y:1", "x:c", "x:gone", "x:")
	h.DelAt(3)
	for _, c := range []struct {
		n     int
		split bool
		want  string
	}{
		{1, true, "a"}, {2, true, "b"}, {3, true, "c"}, {4, true, ""}, {5, true, "none"}, {0, true, "none"},
		{-1, true, ""}, {-2, true, "c"}, {-4, true, "a"}, {-5, true, "none"},
		{1, false, "a,b"}, {2, false, "c"}, {3, false, ""}, {4, false, "none"}, {-1, false, ""}, {-3, false, "a,b"},
	} {
		got := "none"
		if v, ok := h.Value([]byte("x"), c.n, c.split); ok {
			got = string(v)
		}
		if got != c.want {
			t.Errorf("occurrence %d split=%v: got %q, want %q", c.n, c.split, got, c.want)
		}
	}
}

func TestURI(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"/", "form 1 path /"},
		{"/a/b?c=d?e", "form 1 path /a/b query c=d?e"},
		{"/a?", "form 1 path /a query "},
		{"/a?b#c", "form 1 path /a query b"},
		{"/a#b?c", "form 1 path /a"},
		{"//x/y", "form 1 path //x/y"},
		{"*", "form 4 path "},
		{"", "form 0 path "},
		{"a", "form 0 path "},
		{"a:80", "form 0 path "},
		{"http://x", "form 2 scheme http host x path "},
		{"http://x:80/p?q", "form 2 scheme http host x port 80 path /p query q"},
		{"HTTP://u:p@x/", "form 2 scheme HTTP user u:p host x path /"},
		{"http://a@b@x/", "form 2 scheme http user a@b host x path /"},
		{"http://x?a@b", "form 2 scheme http host x path  query a@b"},
		{"http://[::1]:80/", "form 2 scheme http host [::1] port 80 path /"},
		{"http://[::1]/", "form 2 scheme http host [::1] path /"},
		{"http://x:/", "form 2 scheme http host x port  path /"},
		{"h+t-t.1://x/", "form 2 scheme h+t-t.1 host x path /"},
		{"1h://x/", "form 0 path "},
		{"http:/x", "form 0 path "},
		{"http://", "form 2 scheme http host  path "},
	} {
		if g := describe(SplitURI([]byte(c.in))); g != c.out {
			t.Errorf("%q: got %q, want %q", c.in, g, c.out)
		}
	}
	u := SplitAuthority([]byte("u@x:80/p"))
	if g := describe(u); g != "form 3 user u host x port 80 path " {
		t.Errorf("authority form: %q", g)
	}
}

func describe(u URI) string {
	s := fmt.Sprintf("form %d", u.Form)
	add := func(name string, v []byte) {
		if v != nil {
			s += " " + name + " " + string(v)
		}
	}
	add("scheme", u.Scheme)
	add("user", u.UserInfo)
	if u.Form == FormAbsolute || u.Form == FormAuthority {
		s += " host " + string(u.Host)
	}
	add("port", u.Port)
	s += " path " + string(u.Path)
	if u.HasQuery {
		s += " query " + string(u.Query)
	}
	return s
}

func TestFields(t *testing.T) {
	h := head("host:x", "x-a:1", "x-a:2", "cookie:c")
	if n := h.Del([]byte("x-a")); n != 2 || h.Find([]byte("x-a")) != -1 {
		t.Errorf("deleted %d, still found at %d", n, h.Find([]byte("x-a")))
	}
	h.Set([]byte("host"), []byte("y"))
	if i := h.Find([]byte("host")); i != 4 || string(h.Fields[i].Value) != "y" || h.FindLast([]byte("host")) != 4 {
		t.Errorf("set host stands at %d", i)
	}
	h.Fields[3].Flags |= FieldVerbatim
	h.ReplaceValue(3, []byte("d"))
	if f := h.Fields[3]; f.Flags != 0 || string(f.Value) != "d" {
		t.Errorf("replaced field %+v", f)
	}
	h.Reset()
	if len(h.Fields) != 0 || cap(h.Fields) == 0 {
		t.Error("reset must empty the fields and keep their room")
	}
}

func TestIdentify(t *testing.T) {
	for id := IDOther + 1; id < idCount; id++ {
		if name := id.Name(); len(name) == 0 || Identify(name) != id {
			t.Errorf("id %d: name %q is identified as %d", id, name, Identify(name))
		}
	}
	for _, n := range []string{"", "hosts", "hosx", "x-forwarded-foo"} {
		if id := Identify([]byte(n)); id != IDOther {
			t.Errorf("%q: id %d", n, id)
		}
	}
	for m := GET; m <= PATCH; m++ {
		if IdentifyMethod([]byte(m.String())) != m {
			t.Errorf("method %d %q", m, m)
		}
	}
	if IdentifyMethod([]byte("get")) != MethodOther {
		t.Error("methods are case-sensitive (RFC 9110 section 9.1)")
	}
}

// Reference: bytes captured from 3.2.
func TestPages(t *testing.T) {
	const body = "<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid request.\n</body></html>\n"
	p := ErrorPage(400)
	if want := "HTTP/1.1 400 Bad request\r\nContent-length: 90\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n" + body; p.Raw() != want {
		t.Errorf("raw page %q", p.Raw())
	}
	p = ErrorPage(431)
	if want := "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-length: 105\r\nCache-Control: no-cache\r\nContent-Type: text/html\r\n\r\n<html><body><h1>431 Request Header Fields Too Large</h1>\nRequest Header Fields Too Large.\n</body></html>\n"; p.Raw() != want {
		t.Errorf("raw page %q", p.Raw())
	}
	var h Head
	ErrorPage(503).Head(&h)
	s := fmt.Sprintf("%d %s", h.Status, h.Reason)
	for _, f := range h.Fields {
		s += fmt.Sprintf("|%s: %s", f.Name, f.Value)
	}
	if s != "503 Service Unavailable|content-length: 107|cache-control: no-cache|content-type: text/html" || h.BodyLen != 107 {
		t.Errorf("head %q, body of %d", s, h.BodyLen)
	}
	for _, code := range []int{200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, 501, 502, 503, 504} {
		if p := ErrorPage(code); p == nil || p.Status != code || p.Close != (code == 400 || code == 408) {
			t.Errorf("page %d: %+v", code, p)
		}
	}
	for _, code := range []int{-1, 0, 418, 599, 600, 1000} {
		if ErrorPage(code) != nil {
			t.Errorf("there is no page %d", code)
		}
	}
	for code, want := range map[int]string{400: "400 Bad request", 408: "408 Request Time-out", 504: "504 Gateway Time-out", 413: "413 Payload Too Large", 422: "422 Unprocessable Content", 302: "302 Found", 299: "299 Success", 700: "700 Other"} {
		if g := StatusText(code); g != want {
			t.Errorf("status %d: %q", code, g)
		}
	}
	for code, want := range map[int]string{200: "OK", 400: "Bad Request", 413: "Request Entity Too Large", 103: "Informational", 303: "See Other", 600: "Other", 502: "Bad Gateway or Proxy Error"} {
		if g := string(Reason(code)); g != want {
			t.Errorf("reason %d: %q", code, g)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	h := head("host:x", "cookie:a=1; b=2; c=3", "x:a,b,c")
	h.Fields = append(make([]Field, 0, 16), h.Fields...)
	name, cookie, x := []byte("x-new"), []byte("cookie"), []byte("x")
	target := []byte("http://u@x:80/path?query")
	n := testing.AllocsPerRun(100, func() {
		h.Fields = h.Fields[:3]
		h.Set(name, target)
		w := Cookies{V: h.Fields[h.Find(cookie)].Value}
		for _, ok := w.Next(); ok; _, ok = w.Next() {
		}
		if v, ok := h.Value(x, -1, true); !ok || string(v) != "c" {
			t.Error("last value of x")
		}
		if u := SplitURI(target); len(u.Host) != 1 {
			t.Error("host of the target")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{"/", "*", "/a?b#c", "http://u@x:80/p?q", "http://[::1]:80", "x:80", "a://b?c"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u := SplitURI(b)
		switch u.Form {
		case FormOrigin:
			if string(u.PathQuery) != string(b) {
				t.Fatalf("path and query %q of %q", u.PathQuery, b)
			}
		case FormAbsolute:
			s := string(u.Scheme) + "://"
			if u.UserInfo != nil {
				s += string(u.UserInfo) + "@"
			}
			if s += string(u.Authority) + string(u.PathQuery); s != string(b) {
				t.Fatalf("parts of %q make %q", b, s)
			}
			if u.Port == nil && len(u.Host) != len(u.Authority) || u.Port != nil && len(u.Host)+1+len(u.Port) != len(u.Authority) {
				t.Fatalf("host %q and port %q of %q", u.Host, u.Port, u.Authority)
			}
		}
		if u.HasQuery && len(u.Path)+1+len(u.Query) > len(u.PathQuery) {
			t.Fatalf("path %q and query %q of %q", u.Path, u.Query, u.PathQuery)
		}
	})
}

func FuzzCookie(f *testing.F) {
	for _, s := range []string{"a=1; b=2", `a="1;2"`, "a", "=", "b=2; expires=Thu, 01 Jan, a=1", "$x=1;y=\\"} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, set bool) {
		c := Cookies{V: b, Set: set}
		last := 0
		for k, ok := c.Next(); ok; k, ok = c.Next() {
			if k.Begin < last || k.End < k.Begin || k.End > len(b) {
				t.Fatalf("cookie at %d..%d after %d in %q", k.Begin, k.End, last, b)
			}
			// A cookie cut out of the field reads the same.
			again := Cookies{V: b[k.Begin:k.End], Set: set}
			g, ok := again.Next()
			if !ok || string(g.Name) != string(k.Name) || string(g.Value) != string(k.Value) {
				t.Fatalf("cookie %q reads %q=%q instead of %q=%q", b[k.Begin:k.End], g.Name, g.Value, k.Name, k.Value)
			}
			last = k.End
		}
	})
}
