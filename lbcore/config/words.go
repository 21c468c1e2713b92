package config

import (
	"fmt"
	"strings"
)

// MaxWords is how many words a line may have (reference: 64).
const MaxWords = 64

// Line is a configuration line cut into words. Words may contain empty ones;
// the first of them ends the argument list for keywords, not for conditions.
type Line struct {
	Words  []string
	Starts []int // where each word begins, as a byte offset in the line
}

// Until returns the words before the first empty one.
func (l *Line) Until() []string {
	if i := l.FirstEmpty(); i >= 0 {
		return l.Words[:i]
	}
	return l.Words
}

// FirstEmpty returns the index of the first empty word, -1 when there is none.
func (l *Line) FirstEmpty() int {
	for i, w := range l.Words {
		if w == "" {
			return i
		}
	}
	return -1
}

// WordError says why a line cannot be cut into words, and where.
type WordError struct {
	Offset int    // byte offset in the line
	Text   string // "unmatched quote"
	// Word is the last word kept when there were too many, "" otherwise.
	Word string
}

// Error gives the reference's text without the line and its caret.
func (e *WordError) Error() string {
	if e.Word != "" {
		return fmt.Sprintf("%s, position %d: <%s>.", e.Text, e.Offset, e.Word) // from zero here (reference: the same)
	}
	return fmt.Sprintf("%s at position %d", e.Text, e.Offset+1)
}

// The texts of the reference.
const (
	errQuote     = "unmatched quote"
	errHex       = "truncated or invalid hexadecimal sequence"
	errVarName   = "forbidden first char in environment variable name"
	errVarBrace  = "unmatched brace in environment variable name"
	errVarExpand = "truncated or invalid word expansion sequence"
	errTooMany   = "too many words, truncating after word 64"
)

// Lookup returns the value of a variable. Names beginning with a dot are
// pseudo variables: .FILE, .LINE, .SECTION.
type Lookup func(name string) (value string, ok bool)

// SplitWords cuts a line into words as chapter 2.2 of the manual says: blanks
// separate, "#" starts a comment, a backslash escapes, double quotes protect
// but expand variables, single quotes protect everything. The line has no line
// feed at its end; a carriage return outside quotes ends it.
func SplitWords(line string, lookup Lookup) (Line, *WordError) {
	s := splitter{in: line, lookup: lookup}
	if err := s.run(); err != nil {
		return Line{}, err
	}
	for i, w := range s.out.Words {
		// A NUL can be written as \x00 and ends the word (reference: C strings).
		if n := strings.IndexByte(w, 0); n >= 0 {
			s.out.Words[i] = w[:n]
		}
	}
	if n := len(s.out.Words); n > MaxWords {
		s.out.Words, s.out.Starts = s.out.Words[:MaxWords], s.out.Starts[:MaxWords]
		return s.out, &WordError{Offset: s.out.Starts[MaxWords-1], Text: errTooMany, Word: s.out.Words[MaxWords-1]}
	}
	return s.out, nil
}

// splitter holds the state of one SplitWords.
type splitter struct {
	in     string
	pos    int
	lookup Lookup
	out    Line
	word   []byte
	start  int
	inWord bool
	quote  byte // the open quote, or 0
	opened int  // where it was opened

	noComments bool // "#" is a character like any other: -cc
	// unset says that a variable that does not exist was the last thing read,
	// quotes apart. Blanks that follow do not end the word, so that "$OPT" alone
	// leaves no empty word behind (reference: the same, "a$NOPE" b gives ab too).
	unset bool
}

func (s *splitter) run() *WordError {
	for s.pos < len(s.in) {
		c := s.in[s.pos]
		switch {
		case c == '\\' && s.quote != '\'':
			if err := s.escape(); err != nil {
				return err
			}
			continue
		case c == s.quote:
			s.quote = 0
		case s.quote == 0 && (c == '"' || c == '\''):
			s.begin(s.pos)
			s.quote, s.opened = c, s.pos
		case s.quote == 0 && (c == ' ' || c == '\t'):
			if !s.unset {
				s.end()
			}
		case s.quote == 0 && (c == '#' && !s.noComments || c == '\r' || c == '\n'):
			s.pos = len(s.in)
			continue
		case s.quote == '"' && c == '$':
			if err := s.variable(); err != nil {
				return err
			}
			continue
		default:
			s.add(c)
		}
		s.pos++
	}
	if s.quote != 0 {
		return &WordError{Offset: s.opened, Text: errQuote}
	}
	s.end()
	return nil
}

// add appends a character to the word.
func (s *splitter) add(c byte) {
	s.begin(s.pos)
	s.word = append(s.word, c)
}

// begin opens a word at offset unless one is open.
func (s *splitter) begin(offset int) {
	s.unset = false
	if !s.inWord {
		s.inWord, s.start = true, offset
	}
}

// end closes the open word.
func (s *splitter) end() {
	if s.inWord {
		s.out.Words = append(s.out.Words, string(s.word))
		s.out.Starts = append(s.out.Starts, s.start)
	}
	s.inWord, s.word = false, s.word[:0]
}

// escape takes a backslash and, when it knows it, what follows. Before an
// unknown character the backslash stays and the character keeps its meaning.
func (s *splitter) escape() *WordError {
	s.begin(s.pos)
	var next byte
	if s.pos+1 < len(s.in) {
		next = s.in[s.pos+1]
	}
	switch next {
	case ' ', '\\', '#', '"', '\'':
	case '$':
		if s.quote != '"' {
			s.word = append(s.word, '\\')
			s.pos++
			return nil
		}
	case 'n':
		next = '\n'
	case 'r':
		next = '\r'
	case 't':
		next = '\t'
	case 'x':
		b, ok := hexByte(s.in[s.pos+2:])
		if !ok {
			return &WordError{Offset: s.pos, Text: errHex}
		}
		s.word = append(s.word, b)
		s.pos += 4
		return nil
	default:
		s.word = append(s.word, '\\')
		s.pos++
		return nil
	}
	s.word = append(s.word, next)
	s.pos += 2
	return nil
}

// hexByte reads the two digits of \xNN.
func hexByte(text string) (byte, bool) {
	if len(text) < 2 {
		return 0, false
	}
	hi, lo := hexDigit(text[0]), hexDigit(text[1])
	return byte(hi<<4 | lo), hi >= 0 && lo >= 0
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// variable expands $NAME, ${NAME}, ${NAME-default} and ${NAME[*]}; pos stands
// on the dollar.
func (s *splitter) variable() *WordError {
	dollar := s.pos
	s.pos++
	brace := -1
	if s.pos < len(s.in) && s.in[s.pos] == '{' {
		brace = s.pos
		s.pos++
	}
	nameAt := s.pos
	name := variableName(s.in[s.pos:])
	if name == "" {
		return &WordError{Offset: nameAt, Text: errVarName}
	}
	s.pos += len(name)
	value, found := s.lookup(name)
	if name[0] == '.' && !found {
		return &WordError{Offset: nameAt, Text: errVarName}
	}
	split := false
	if brace >= 0 {
		var err *WordError
		if value, found, split, err = s.braced(brace, value, found); err != nil {
			return err
		}
	}
	if split {
		s.expand(value, dollar)
	} else {
		s.word = append(s.word, value...)
	}
	s.unset = !found
	return nil
}

// braced reads what may follow a name inside braces, and the closing one. It
// returns the value, whether there is one, and whether to split it.
func (s *splitter) braced(brace int, value string, found bool) (string, bool, bool, *WordError) {
	split := false
	if strings.HasPrefix(s.in[s.pos:], "[") {
		if !strings.HasPrefix(s.in[s.pos:], "[*]") {
			return "", false, false, &WordError{Offset: s.pos, Text: errVarExpand}
		}
		split = true
		s.pos += 3
	}
	end := strings.IndexByte(s.in[s.pos:], '}')
	if end < 0 || (end > 0 && s.in[s.pos] != '-') {
		return "", false, false, &WordError{Offset: brace, Text: errVarBrace}
	}
	if end > 0 && !found {
		value, found = s.in[s.pos+1:s.pos+end], true
	}
	s.pos += end + 1
	return value, found, split, nil
}

// expand inserts a value as separate words: blanks in it end the word.
func (s *splitter) expand(value string, at int) {
	for i := 0; i < len(value); {
		if !isBlank(value[i]) {
			s.word = append(s.word, value[i])
			i++
			continue
		}
		for i < len(value) && isBlank(value[i]) {
			i++
		}
		s.end()
		s.begin(at)
	}
}

// isBlank is C's isspace.
func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// variableName returns the name at the start of text: a letter, an underscore
// or a dot, then letters, digits and underscores. "" means that there is none.
func variableName(text string) string {
	n := 0
	for n < len(text) {
		c := text[n]
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && !(c == '.' && n == 0) && !(c >= '0' && c <= '9' && n > 0) {
			break
		}
		n++
	}
	return text[:n]
}
