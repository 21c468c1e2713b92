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
	form      form
	entry     *Entry
}

// answered lists a front's names in the reference's order: by their form, then by
// letters.
func (f *Front) answered() (all []answer) {
	for _, e := range f.entries {
		not := ""
		for _, n := range e.filters {
			if n[0] == '!' {
				not += n + " "
			}
		}
		for n, form := range e.answers() {
			a := answer{n, "-", form, e}
			if form == wildName && not != "" {
				a.not = not
			}
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b answer) int {
		return cmp.Or(cmp.Compare(a.form, b.form), strings.Compare(a.name, b.name), int(b.entry.cert.Kind)-int(a.entry.cert.Kind))
	})
	return all
}
