package h1

import "testing"

func TestCases(t *testing.T) {
	m := Cases{"host": "Host", "x-a": "X-A", "content-length": "CONTENT-length"}
	for _, c := range []struct{ in, want string }{
		{"GET / HTTP/1.1\r\nhost: host: a\r\nx-a:\r\nx-ab: x-a: 1\r\n\r\n", "GET / HTTP/1.1\r\nHost: host: a\r\nX-A:\r\nx-ab: x-a: 1\r\n\r\n"},
		{"host: 1 HTTP/1.1\r\ncontent-length: 0\r\n\r\n", "host: 1 HTTP/1.1\r\nCONTENT-length: 0\r\n\r\n"},
		{"0\r\nx-a: 1\r\n\r\n", "0\r\nX-A: 1\r\n\r\n"},
		{"", ""}, {"\n", "\n"}, {"a\nhost", "a\nhost"},
	} {
		b := []byte(c.in)
		m.Apply(b)
		if string(b) != c.want {
			t.Errorf("%q became %q, want %q", c.in, b, c.want)
		}
	}
}

func FuzzCases(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nhost: a\r\n\r\n"))
	m := Cases{"host": "Host", "x": "X"}
	f.Fuzz(func(t *testing.T, in []byte) {
		b := append([]byte(nil), in...)
		m.Apply(b)
		for i := range b {
			if b[i]|0x20 != in[i]|0x20 {
				t.Fatalf("%q became %q", in, b)
			}
		}
	})
}
