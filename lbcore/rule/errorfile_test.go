package rule

import "testing"

// Reference: a page that answers what never became a request has its connection
// field at its place, or none where the file has none.
func TestRawErrorFile(t *testing.T) {
	for _, c := range []struct {
		text, want string
		close      bool
	}{
		{"HTTP/1.1 400 Bad\r\nX-A: 1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
			"HTTP/1.1 400 Bad\r\nx-a: 1\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno", true},
		{"HTTP/1.0 400 Bad\r\nX-A: 1\r\n\r\nno", "HTTP/1.0 400 Bad\r\nx-a: 1\r\n\r\nno", false},
		{"", "", false},
	} {
		r, err := ParseErrorFile(400, []byte(c.text))
		if err != nil {
			t.Fatalf("%q: %v", c.text, err)
		}
		if got := string(Raw(r)); got != c.want || r.Close != c.close {
			t.Errorf("%q: %q, close %v; want %q, %v", c.text, got, r.Close, c.want, c.close)
		}
	}
}
