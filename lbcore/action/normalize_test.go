package action

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// options of the table's short names.
var normalizerNames = map[string]struct {
	name   string
	option bool
}{
	"fe": {"fragment-encode", false}, "fs": {"fragment-strip", false}, "ms": {"path-merge-slashes", false}, "sd": {"path-strip-dot", false},
	"dd": {"path-strip-dotdot", false}, "ddf": {"path-strip-dotdot", true}, "du": {"percent-decode-unreserved", false}, "dus": {"percent-decode-unreserved", true},
	"pu": {"percent-to-uppercase", false}, "pus": {"percent-to-uppercase", true}, "qs": {"query-sort-by-name", false},
}

func normalizerNamed(name string) *normalizer {
	for i := range normalizers {
		if normalizers[i].name == name {
			return &normalizers[i]
		}
	}
	return nil
}

// TestNormalizers holds the normal forms against the reference's.
func TestNormalizers(t *testing.T) {
	text, err := os.ReadFile("testdata/normalize.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if line[0] == '#' {
			continue
		}
		words := strings.Fields(line)
		which, target, status := normalizerNames[words[0]], words[1], words[2]
		f := newFabric(t)
		s := f.stream(t, "GET / HTTP/1.1\nhost: h")
		s.Req.Target = []byte(target)
		r := &normalize{by: normalizerNamed(which.name), option: which.option}
		before, in, after, ok := r.by.part.cut(s.Req)
		got, fine := target, true
		if ok && len(in) > 0 {
			var out []byte
			out, fine = r.by.write(nil, in, r.option)
			got = string(before) + string(out) + string(after)
		}
		switch {
		case fine != (status == "200"):
			t.Errorf("%s of %s: %v, the reference answers %s", which.name, target, fine, status)
		case fine && got != words[3]:
			t.Errorf("%s of %s is %s, want %s", which.name, target, got, words[3])
		}
		n++
	}
	if n < 90 {
		t.Errorf("only %d lines", n)
	}
}

func FuzzNormalizers(f *testing.F) {
	f.Add("/a/../b/./c//d?x=1&a#%61%zz")
	f.Fuzz(func(t *testing.T, target string) {
		for i := range normalizers {
			n := &normalizers[i]
			in := []byte(target)
			if len(in) == 0 || n.part == queryPart && in[0] != '?' || n.part != queryPart && in[0] != '/' {
				continue
			}
			once, _ := n.write(nil, in, false)
			if len(once) > 3*len(in)+2 {
				t.Fatalf("%s of %q: %q", n.name, in, once)
			}
			twice, _ := n.write(nil, once, false)
			if n.name != "percent-decode-unreserved" && !bytes.Equal(once, twice) && len(once) > 0 && n.part != queryPart {
				t.Fatalf("%s of %q is %q, of that %q", n.name, in, once, twice)
			}
		}
	})
}
