package message

import "testing"

func TestEqualFold(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"Basic", "bASIC", true},
		{"", "", true},
		{"a", "ab", false},
		{"Ba\u017fic", "Basic", false}, // a letter that Unicode folds to s
		{"\x80", "\x81", false},        // neither is UTF-8
		{"@[", "`{", false},            // differ by the case bit alone
	} {
		if got := EqualFold(c.a, []byte(c.b)); got != c.want {
			t.Errorf("%q, %q: %v", c.a, c.b, got)
		}
	}
}
