package stream

import (
	"runtime"
	"testing"

	"gohap/lbcore/auth"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// TestHashing holds that a password is hashed when a rule asks for it and not
// before, once while it is right, each time while it is wrong.
func TestHashing(t *testing.T) {
	const wrong, right = `authorization: Basic dTp4\r\n`, `authorization: Basic dTp0ZXN0\r\n` // u:x, u:test
	l := auth.NewList("l")
	l.Add(&auth.User{Name: "u", Secret: "$1$abc$B..HicC/afMveWeNyfNsf/"})
	for _, tt := range []struct {
		what, path, field string
		hashes            uint64
		status            int
	}{
		{"a request that no rule asks about", "/free", right, 0, 204},
		{"without a password", "/", "", 0, 403},
		{"the right password", "/", right, 1, 200},
		{"the same again", "/", right, 1, 200},
		{"a wrong one", "/", wrong, 2, 403},
		{"the same again", "/", wrong, 3, 403},
		{"a request that no rule asks about, after that", "/free", wrong, 3, 204},
	} {
		s := newStage(t, false)
		status := 0
		s.p.HTTPReqRules = rule.Set{
			{Action: rule.Func(func(c *sample.Context) rule.Verdict {
				if string(c.Request.Target) == "/free" {
					status = 204
					return rule.Close
				}
				return rule.Continue
			})},
			{Action: rule.Func(func(c *sample.Context) rule.Verdict {
				st := c.Stream.(*Stream)
				if st.AskList(l) {
					return rule.Suspend
				}
				status = 403
				if name, password, ok := st.BasicUser(); ok && l.Allowed(name, password) != nil {
					status = 200
				}
				return rule.Close
			})},
		}
		for _, line := range []string{"client a connect", "client a > GET " + tt.path + ` HTTP/1.1\r\nhost: h\r\n` + tt.field + `\r\n`} {
			if err := s.line(line); err != nil {
				t.Fatal(err)
			}
		}
		for status == 0 {
			runtime.Gosched() // the goroutine that hashes
			s.settle()
		}
		if status != tt.status || l.Started() != tt.hashes {
			t.Errorf("%s: answer %d after %d hashes, want %d after %d", tt.what, status, l.Started(), tt.status, tt.hashes)
		}
		s.nothingLeft()
	}
}
