package vtc

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A scenario is one .vtc file with the meaning of its header lines.
type scenario struct {
	path     string   // relative to this folder
	item     string   // what is asked, in its words
	disables []string // class:name, each must make it fail when disabled
	twin     string   // negative twin, relative to this folder
	differs  string   // why the reference cannot pass, else empty

	twinOf  string // a twin only: the scenario it takes something from
	failsBy string // a twin only: part of the message it must fail with
}

func (s scenario) name() string { return strings.TrimSuffix(filepath.Base(s.path), ".vtc") }

// scenarios returns the scenarios below dir sorted by name, without the twins.
func scenarios(dir string) ([]scenario, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.vtc"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var all []scenario
	for _, file := range files {
		s, err := parse(file)
		if err != nil {
			return nil, err
		}
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// parse reads the header: the comment lines above the first command.
func parse(file string) (scenario, error) {
	s := scenario{path: file}
	f, err := os.Open(file)
	if err != nil {
		return s, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text, comment := strings.CutPrefix(lines.Text(), "# ")
		if !comment {
			break
		}
		key, value, _ := strings.Cut(text, ": ")
		if (n == 1) != (key == "item" || key == "twin of") {
			return s, fmt.Errorf("%s:%d: the first line, and no other, is \"# item: …\" or, of a twin, \"# twin of: …\"", file, n)
		}
		switch key {
		case "item":
			s.item = value
		case "disables":
			words, err := words(value)
			if err != nil {
				return s, fmt.Errorf("%s:%d: %w", file, n, err)
			}
			s.disables = append(s.disables, words...)
		case "negative twin":
			s.twin = filepath.Join(filepath.Dir(file), value)
		case "reference differs":
			s.differs = value
		case "twin of":
			s.twinOf = value
		case "fails by":
			s.failsBy = value
		default:
			return s, fmt.Errorf("%s:%d: unknown header line %q", file, n, key)
		}
	}
	return s, lines.Err()
}

// words returns the words, as class:name, of a list "class:name|name|…". What
// stands before the first name's colon is the class, which may hold one itself.
func words(list string) ([]string, error) {
	first, rest, more := strings.Cut(list, "|")
	colon := strings.LastIndexByte(first, ':')
	if colon < 1 {
		return nil, fmt.Errorf("disables wants class:name")
	}
	class := first[:colon+1]
	all := []string{first}
	if more {
		for name := range strings.SplitSeq(rest, "|") {
			all = append(all, class+name)
		}
	}
	for _, word := range all {
		if name := strings.TrimPrefix(word, class); name == "" || strings.TrimSpace(name) != name {
			return nil, fmt.Errorf("disables wants class:name, or class:name|name without blanks")
		}
	}
	return all, nil
}

// check holds the rules of a scenario that can be seen without running it.
func (s scenario) check() error {
	switch {
	case s.item == "":
		return fmt.Errorf("the first line names no item: \"# item: …\"")
	case len(s.disables) == 0 && s.twin == "":
		return fmt.Errorf("neither a word to disable (\"# disables: class:name\") nor a negative twin")
	case s.twin == "":
		return nil
	}
	twin, err := parse(s.twin)
	switch {
	case err != nil:
		return err
	case twin.twinOf != filepath.Base(s.path):
		return fmt.Errorf("its twin %s is a twin of %q", s.twin, twin.twinOf)
	case twin.failsBy == "":
		return fmt.Errorf("its twin %s does not say what it \"fails by\"", s.twin)
	}
	return nil
}
