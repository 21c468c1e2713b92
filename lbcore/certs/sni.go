package certs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// SNIs is the table of the names that bind lines answer: of one frontend, or of all
// where proxy is "". Before selects by when certificates end; the zero time takes all.
func (s *Store) SNIs(proxy string, before time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	b.WriteString("# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\tNotBefore\n")
	for _, f := range s.fronts {
		if proxy != "" && f.Proxy != proxy {
			continue
		}
		for _, n := range f.answered() {
			leaf := n.entry.cert.Leaf()
			if !before.IsZero() && !leaf.NotAfter.Before(before) {
				continue
			}
			kind := [...]string{RSA: "rsa", ECDSA: "ecdsa", Other: "dsa"}[n.entry.cert.Kind]
			fmt.Fprintf(&b, "%s/%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Proxy, f.Place, n.name, n.not, kind, n.entry.slot.Path, timeText(leaf.NotAfter), timeText(leaf.NotBefore))
		}
	}
	return b.String()
}

// answer is one name of a front; not are the names that a wildcard leaves out.
type answer struct {
	name, not string
	rank      int
	entry     *Entry
}

// answered lists a front's names in the reference's order: whole names, those for
// everybody else, wildcards.
func (f *Front) answered() (all []answer) {
	for _, e := range f.entries {
		not := ""
		for _, n := range e.filters {
			if n[0] == '!' {
				not += n + " "
			}
		}
		if e.first {
			all = append(all, answer{"*", "-", 1, e})
		}
		for _, n := range e.answers() {
			switch n = strings.ToLower(n); {
			case n[0] == '!':
			case n == "*":
				all = append(all, answer{n, "-", 1, e})
			case n[0] == '*' && not != "":
				all = append(all, answer{n, not, 2, e})
			case n[0] == '*':
				all = append(all, answer{n, "-", 2, e})
			default:
				all = append(all, answer{n, "-", 0, e})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b answer) int {
		return cmp.Or(a.rank-b.rank, strings.Compare(a.name, b.name), int(b.entry.cert.Kind)-int(a.entry.cert.Kind))
	})
	return all
}
