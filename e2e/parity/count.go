package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"gohap/lbcore/keyword"
)

const tiers = 3

// A score is how many words of how many.
type score struct {
	Have int `json:"have"`
	Of   int `json:"of"`
}

func (s *score) add(have bool) {
	s.Of++
	if have {
		s.Have++
	}
}

// A classReport is the count of one class.
type classReport struct {
	Class keyword.Class `json:"class"`
	Tiers [tiers]score  `json:"tiers"` // of tier 1, 2 and 3
	All   score         `json:"all"`
	lacks []lack
}

// A lack is a word that does not count.
type lack struct {
	name, why string
	tier      int
}

// report is the whole count.
type report struct {
	Classes []classReport `json:"classes"`
	Tiers   [tiers]score  `json:"tiers"`
	All     score         `json:"all"`
}

// count holds the rows of a set against the known words.
func count(set *keyword.Set, named evidence) *report {
	r := &report{}
	for _, class := range keyword.KnownClasses() {
		c := classReport{Class: class}
		for _, name := range keyword.KnownNames(class) {
			tier, _ := keyword.Known(class, name)
			why := lacking(set, named, class, name)
			for _, s := range []*score{&c.Tiers[tier-1], &c.All, &r.Tiers[tier-1], &r.All} {
				s.add(why == "")
			}
			if why != "" {
				c.lacks = append(c.lacks, lack{name, why, tier})
			}
		}
		slices.SortStableFunc(c.lacks, func(a, b lack) int { return cmp.Compare(a.tier, b.tier) })
		r.Classes = append(r.Classes, c)
	}
	return r
}

// lacking says why a word does not count, "" when it does.
func lacking(set *keyword.Set, named evidence, class keyword.Class, name string) string {
	row := set.Lookup(class, name)
	switch {
	case len(set.Rows(class)) == 0:
		if named.has(class, name) {
			return ""
		}
		return "no scenario or golden case names it"
	case row == nil:
		return "no row"
	case class == keyword.Fetch || class == keyword.Converter:
		if slices.ContainsFunc(row.Good, func(e keyword.Example) bool { return e.Config != "" && e.Out != "" }) {
			return ""
		}
		return "no example with a result"
	case !named.has(class, name):
		return "a row, but no scenario or golden case names it"
	}
	return ""
}

// print writes the table; no line is longer than 80 columns.
func (r *report) print(w io.Writer) error {
	line := func(name string, t [tiers]score, all score) error {
		_, err := fmt.Fprintf(w, "%-40s %9s %9s %9s %9s\n", short(name, 40), t[0], t[1], t[2], all)
		return err
	}
	if _, err := fmt.Fprintf(w, "%-40s %9s %9s %9s %9s\n", "class: have/of", "tier 1", "tier 2", "tier 3", "all"); err != nil {
		return err
	}
	for _, c := range r.Classes {
		if err := line(string(c.Class), c.Tiers, c.All); err != nil {
			return err
		}
	}
	return line("all", r.Tiers, r.All)
}

func (s score) String() string {
	if s.Of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", s.Have, s.Of)
}

func short(s string, n int) string {
	if len(s) > n {
		return s[:n-1] + "~"
	}
	return s
}

// printMissing lists the words that a class lacks, the most wanted first.
func (r *report) printMissing(w io.Writer, class keyword.Class) error {
	found := false
	for _, c := range r.Classes {
		if class != "all" && c.Class != class {
			continue
		}
		found = true
		for _, l := range c.lacks {
			if _, err := fmt.Fprintf(w, "%d %s:%s (%s)\n", l.tier, c.Class, l.name, l.why); err != nil {
				return err
			}
		}
	}
	if !found {
		return fmt.Errorf("no class %q; the classes stand in the table's first column", class)
	}
	return nil
}
