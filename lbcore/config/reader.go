package config

import (
	"fmt"
	"slices"
	"strings"

	"gohap/lbcore/keyword"
)

// Limits of the reference.
const (
	maxErrors = 50  // per file and pass
	maxNested = 100 // the hundredth .if inside another is refused
)

// reader is one pass over one file.
type reader struct {
	*Source
	handler Handler
	file    *file
	first   bool // the first of the two passes

	line    int    // of the file, from one
	section string // kind of the open section, "" before the first
	name    string // its name
	refused bool   // the open section is one that is not served: its lines are passed over
	blocks  []block
	errors  int  // alerts in this file and pass
	stop    bool // read no further
	abort   bool // nor any other file
}

// block is the state of one level of conditional blocks.
type block struct {
	taken  bool // the current branch is read
	done   bool // some branch has been, or an outer block is not taken
	inElse bool
}

// run reads the file and reports whether to give everything up.
func (r *reader) run() (abort bool) {
	before := r.Diag.Errors()
	rest := r.file.text
	for rest != "" && !r.stop {
		line, tail, complete := strings.Cut(rest, "\n")
		rest = tail
		r.line++
		r.oneLine(line, complete)
		r.errors = r.Diag.Errors() - before
	}
	if !r.abort && len(r.blocks) > 0 {
		r.alertf("non-terminated '.if' block.")
		r.abort = true
	}
	if !r.first && !r.abort {
		r.endSection()
	}
	r.errors = r.Diag.Errors() - before
	return r.abort
}

// alertf reports in the reader's own style: no blank before the colon.
func (r *reader) alertf(format string, args ...any) {
	r.Diag.Rawf(Alert, "config : parsing [%s:%d]: %s", r.file.name, r.line, fmt.Sprintf(format, args...))
}

// giveUp stops everything.
func (r *reader) giveUp() { r.stop, r.abort = true, true }

// note takes a Handler's answer.
func (r *reader) note(o Outcome) {
	if o == Abort {
		r.giveUp()
	}
}

func (r *reader) oneLine(line string, complete bool) {
	if r.errors >= maxErrors {
		r.alertf("too many fatal errors (%d), stopping now.", r.errors)
		r.stop = true
		return
	}
	if n := strings.IndexByte(line, 0); n >= 0 {
		r.alertf("Stray NUL character at position %d.", n+1)
		r.stop = true
		return
	}
	r.words(line)
	if !complete && r.first && !r.stop {
		r.alertf("Missing LF on last line, file might have been truncated at position %d.", len(line)+1)
		r.stop = true
	}
}

// words cuts a line and hands it on.
func (r *reader) words(text string) {
	l, err := SplitWords(text, r.lookup)
	if err != nil {
		switch {
		case err.Word != "":
			r.alertf("%s", err.Error())
		default:
			r.alertf("%s:\n%s", err.Error(), lineCaret(text, err.Offset))
		}
		return
	}
	if r.Dump != nil && !r.first {
		r.dump(l.Words)
	}
	if len(l.Words) == 0 {
		return
	}
	if i := l.FirstEmpty(); i >= 0 && r.first {
		r.Diag.Rawf(Warning, "config : parsing [%s:%d]: argument number %d at position %d is empty and marks the end of the argument list; all subsequent arguments will be ignored:\n%s",
			r.file.name, r.line, i, l.Starts[i]+1, lineCaret(text, l.Starts[i]))
	}
	words := l.Until()
	if len(words) == 0 {
		return
	}
	if r.conditional(words, l.Words) {
		return
	}
	if r.skipping() {
		return
	}
	if r.message(words) {
		return
	}
	r.statement(words)
}

// dump writes a line as it was cut: without comments and quotes, indented within its
// section.
func (r *reader) dump(words []string) {
	line := ""
	if len(words) == 0 || !r.IsSection(words[0]) {
		line = "\t"
	}
	for _, w := range words {
		line += w + " "
	}
	fmt.Fprintln(r.Dump, line)
}

// skipping reports whether a conditional block hides the line.
func (r *reader) skipping() bool {
	return len(r.blocks) > 0 && !r.blocks[len(r.blocks)-1].taken
}

// conditional serves the directives that make blocks. all are the words with
// empty ones, since a condition is the whole line.
func (r *reader) conditional(words, all []string) bool {
	d := findDirective(words[0])
	if d == nil || d.block == nil || !served(r.Words, keyword.Directive, d.name) {
		return false
	}
	d.block(r, words, all)
	return true
}

func (r *reader) endIf(words []string) {
	switch {
	case len(words) > 1:
		r.extra(words)
	case len(r.blocks) == 0:
		r.lone(words[0])
	default:
		r.blocks = r.blocks[:len(r.blocks)-1]
	}
}

// lone refuses a directive without its .if.
func (r *reader) lone(directive string) {
	r.alertf("lone '%s' with no matching '.if'.", directive)
	r.giveUp()
}

// extra refuses a word too many. The end of the file is looked at all the same
// (reference: a block left open is reported too).
func (r *reader) extra(words []string) {
	r.alertf("Unexpected argument '%s' for '%s'.", words[1], words[0])
	if len(r.blocks) > 0 {
		r.alertf("non-terminated '.if' block.")
	}
	r.giveUp()
}

func (r *reader) beginIf(words []string) {
	if len(r.blocks) >= maxNested-1 {
		r.alertf("too many nested '.if', max is %d.", maxNested)
		r.giveUp()
		return
	}
	b := block{}
	if r.skipping() {
		b.done = true
	} else if ok, valid := r.eval(words); !valid {
		return
	} else {
		b.taken, b.done = ok, ok
	}
	r.blocks = append(r.blocks, b)
}

func (r *reader) elseIf(words []string) {
	if len(r.blocks) == 0 {
		r.lone(words[0])
		return
	}
	b := &r.blocks[len(r.blocks)-1]
	switch {
	case b.inElse:
		r.alertf("'%s' after '.else' is not permitted.", words[0])
		r.giveUp()
	case b.done:
		b.taken = false
	default:
		if ok, valid := r.eval(words); valid {
			b.taken, b.done = ok, ok
		}
	}
}

func (r *reader) orElse(words []string) {
	if len(words) > 1 {
		r.extra(words)
		return
	}
	if len(r.blocks) == 0 {
		r.lone(words[0])
		return
	}
	b := &r.blocks[len(r.blocks)-1]
	if b.inElse {
		r.alertf("'%s' after '.else' is not permitted.", words[0])
		r.giveUp()
		return
	}
	b.inElse, b.taken, b.done = true, !b.done, true
}

// eval evaluates the condition behind a directive.
func (r *reader) eval(words []string) (value, valid bool) {
	expr := strings.Join(words[1:], " ")
	value, err := r.Facts.Eval(expr, r.lookup)
	if err == nil {
		return value, true
	}
	offset := err.(*CondError).Offset
	r.alertf("%s in '%s' at position %d:\n%s", err, words[0], offset+1, caret("  "+words[0]+" ", expr, offset, 76))
	r.giveUp()
	return false, false
}

// message serves the directives that only speak. They do so in the second pass,
// where unknown ones are refused, too.
func (r *reader) message(words []string) bool {
	if words[0][0] != '.' {
		return false
	}
	d := findDirective(words[0])
	switch {
	case r.first:
	case d == nil || !served(r.Words, keyword.Directive, d.name):
		r.alertf("unknown directive '%s'.", words[0])
		r.stop = true
	case len(words) > 2:
		r.alertf("Unexpected argument '%s' for '%s'. Use quotes if the message should contain spaces.", words[2], words[0])
	default:
		text := ""
		if len(words) > 1 {
			text = words[1]
		}
		r.Diag.Rawf(d.says, "config : parsing [%s:%d]: '%s'.", r.file.name, r.line, text)
		if d.says == Alert {
			r.giveUp()
		}
	}
	return true
}

// negatable are the words that may follow "no" and "default".
var negatable = []string{"option", "log", "busy-polling", "set-dumpable", "strict-limits", "insecure-fork-wanted", "numa-cpu-mapping"}

// statement hands a line to the section it belongs to, or opens one.
func (r *reader) statement(words []string) {
	st := &Statement{Pos: Position{r.file.name, r.line}, Words: words}
	if (words[0] == "no" || words[0] == "default") && served(r.Words, keyword.Directive, words[0]) {
		st.No, st.Default = words[0] == "no", words[0] == "default"
		st.Words = words[1:]
		if len(words) < 2 || !slices.Contains(negatable, words[1]) {
			r.alertf("negation/default currently supported only for options, log, busy-polling, set-dumpable, strict-limits, insecure-fork-wanted and numa-cpu-mapping.")
			return
		}
	} else if r.opens(st) {
		return
	}
	st.Section, st.SectionName = r.section, r.name
	if r.section == "global" && !st.No && !st.Default && served(r.Words, keyword.Global, st.Words[0]) {
		if ours, err := r.Env.Apply(st.Words); err != nil {
			r.Diag.Alertf(st.Pos, "%s", err)
			return
		} else if ours {
			return
		}
	}
	switch {
	case r.first && r.section == "global":
		r.note(r.handler.Early(st))
	case r.first || r.refused:
	case r.section == "":
		r.alertf("unknown keyword '%s' out of section.", st.Words[0])
	default:
		r.note(r.handler.Statement(st))
	}
}

// opens begins a section when the statement's first word is one.
func (r *reader) opens(st *Statement) bool {
	kind, why, refused := st.Words[0], "", false
	if !r.IsSection(kind) {
		if r.Refused == nil {
			return false
		}
		if why, refused = r.Refused(kind); !refused {
			return false
		}
	}
	if !r.first {
		r.endSection()
	}
	r.section, r.name, r.refused = kind, st.Word(1), refused
	st.Section, st.SectionName = r.section, r.name
	if kind == "global" && len(st.Words) > 1 {
		r.Diag.Alertf(st.Pos, "'global' cannot handle unexpected argument '%s'.", st.Words[1])
		return true
	}
	switch {
	case r.first:
	case refused:
		r.Diag.Alertf(st.Pos, "%s", why)
	default:
		r.note(r.handler.Section(st))
	}
	return true
}

// endSection tells the Handler that a section of its own has ended.
func (r *reader) endSection() {
	if r.section != "" && !r.refused {
		r.note(r.handler.EndSection())
	}
}
