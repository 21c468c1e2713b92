package config

import "fmt"

// Position is a place in a configuration file. Line counts from one; zero
// stands for the file as a whole.
type Position struct {
	File string
	Line int
}

// String returns "file:line".
func (p Position) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Statement is one line of a configuration as a Handler sees it.
type Statement struct {
	Pos         Position
	Section     string   // kind of the section it stands in: "global", "backend"; "" before the first
	SectionName string   // second word of the section's line, "" when it has none
	Words       []string // the words after quoting and expansion, the prefix "no" or "default" taken away; never empty
	No          bool     // the line began with "no"
	Default     bool     // the line began with "default"
}

// Word returns the word at index i, "" beyond the last.
func (s *Statement) Word(i int) string {
	if i < len(s.Words) {
		return s.Words[i]
	}
	return ""
}
