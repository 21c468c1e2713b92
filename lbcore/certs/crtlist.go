package certs

import (
	"fmt"
	"strings"

	"gohap/lbcore/config"
)

// Line is one line of a crt-list.
type Line struct {
	Number  int
	Name    string   // of the certificate's file
	Options []string // between the brackets
	Filters []string // names, with * and ! in front
}

// readList reads a crt-list file; last is how many lines the file has.
func readList(disk config.Files, path string) (lines []Line, last int, err error) {
	text, err := disk.ReadFile(path)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot open file '%s' : %s", path, noFile(err))
	}
	lines, err = parseList(path, string(text))
	return lines, strings.Count(string(text), "\n"), err
}

// maxWords bounds the words of a line (reference).
const maxWords = 65536

func parseList(path, text string) (lines []Line, err error) {
	n := 0
	if text != "" && !strings.HasSuffix(text, "\n") {
		last := text[strings.LastIndexByte(text, '\n')+1:]
		return nil, fmt.Errorf("parsing [%s:%d]: Missing LF on last line, file might have been truncated at position %d.", path, strings.Count(text, "\n")+1, len(last)+1)
	}
	for row := range strings.Lines(text) {
		n++
		fail := func(format string, args ...any) error {
			return fmt.Errorf("parsing [%s:%d]: %s", path, n, fmt.Sprintf(format, args...))
		}
		row = strings.Trim(row, " \t\r\n")
		if row == "" || row[0] == '#' {
			continue
		}
		l := Line{Number: n}
		if err := l.split(row, fail); err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// split cuts a line into its three parts.
func (l *Line) split(row string, fail func(string, ...any) error) error {
	name, rest, _ := cutBlank(row)
	if i := strings.IndexByte(name, '['); i >= 0 {
		name, rest = row[:i], row[i:]
	}
	l.Name = name
	if name == "" {
		return fail("file must start with a cert")
	}
	rest = strings.TrimLeft(rest, " \t")
	if strings.HasPrefix(rest, "[") {
		inside, after, closed := strings.Cut(rest[1:], "]")
		if !closed { // reference: what follows an unclosed bracket is options
			inside, after = rest[1:], ""
		}
		if strings.Contains(inside, "[") {
			return fail("too many '['")
		}
		l.Options, rest = strings.Fields(inside), after
	}
	for _, w := range strings.Fields(rest) {
		if strings.ContainsAny(w, "[]") && l.Options == nil {
			return fail("missing '['")
		}
		if strings.ContainsAny(w, "[]") {
			return fail("too many '[' or ']'")
		}
		l.Filters = append(l.Filters, w)
	}
	if len(l.Options)+len(l.Filters) > maxWords {
		return fail("too many words")
	}
	return nil
}

func cutBlank(s string) (before, after string, found bool) {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
