package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"gohap/lbcore/keyword"
)

// Outcome is a Handler's answer.
type Outcome uint8

// Outcomes. An error that was reported is no reason to stop: the rest of the
// file may have more of them.
const (
	Continue Outcome = iota
	Abort            // give the whole configuration up, as a section without its name does
)

// Handler receives the configuration.
type Handler interface {
	// Early is called in the first pass for each statement of a global section
	// that is not about the environment, so that daemon, master-worker, quiet or
	// zero-warning are known before the rest.
	Early(st *Statement) Outcome
	// Section opens a section; st.Words[0] is its kind.
	Section(st *Statement) Outcome
	// Statement is a line inside the section that is open.
	Statement(st *Statement) Outcome
	// EndSection closes it: before the next one and at the end of each file.
	EndSection() Outcome
}

// FileHandler is a Handler that is told of the files, in the second pass. An error
// of either ends the reading.
type FileHandler interface {
	EnterFile(name string) error
	LeaveFile() error
}

// Source reads a configuration. Fill the fields, call Load, then Parse; use it
// once.
type Source struct {
	Paths []string // -f, files and directories, in order
	Env   *Environ
	Diag  *Diagnostics
	Facts *Facts
	Words *keyword.Set // the directives that there are; nil: all
	// IsSection reports whether a word opens a section that the Handler knows.
	IsSection func(word string) bool
	// Refused returns why a section that the reference knows is not served here;
	// ok is false for a word that opens no section anywhere. Nil refuses nothing.
	Refused func(word string) (why string, ok bool)
	// BetweenPasses is called after a first pass without errors, to set what it
	// decided (HAPROXY_LOCALPEER). It may be nil.
	BetweenPasses func(env *Environ)
	// Dump gets the lines of the second pass, cut into words and indented; nil for
	// nobody.
	Dump io.Writer

	// From is where they are; nil is the disk.
	From Files

	files []file
}

// file is one configuration file in memory.
type file struct {
	name string
	text string
}

// Texts are configuration files in memory.
type Texts []file

func (s *Source) from() Files {
	if s.From == nil {
		return Disk
	}
	return s.From
}

// Load finds and reads the files. A directory stands for its *.cfg files in
// lexical order, without hidden ones. It reports false, after an alert, when
// one cannot be read. No file at all is no error: see Files.
func (s *Source) Load() bool {
	for _, p := range s.Paths {
		info, err := s.from().Stat(p)
		if err != nil {
			s.Diag.Rawf(Alert, "config : Cannot open configuration file/directory %s : %s", p, Reason(err))
			return false
		}
		names := []string{p}
		if info.IsDir() {
			if names, err = inDirectory(s.from(), p); err != nil {
				s.Diag.Rawf(Alert, "config : Cannot open configuration file %s : %s", p, Reason(err))
				return false
			}
		}
		for _, n := range names {
			text, err := s.from().ReadFile(n)
			if err != nil {
				s.Diag.Rawf(Alert, "config : Could not open configuration file %s : %s", n, Reason(err))
				return false
			}
			s.Add(n, string(text))
		}
	}
	return true
}

// Add appends a file that the caller has read itself.
func (s *Source) Add(name, text string) { s.files = append(s.files, file{name, text}) }

// Texts returns what was read, for another Source: a file may be a pipe, which
// nobody reads twice.
func (s *Source) Texts() Texts { return s.files }

// Take appends what another Source has read.
func (s *Source) Take(t Texts) { s.files = append(s.files, t...) }

// Files returns the names of the files, in the order in which they are read.
func (s *Source) Files() []string {
	names := make([]string, len(s.files))
	for i := range s.files {
		names[i] = s.files[i].name
	}
	return names
}

func inDirectory(from Files, dir string) ([]string, error) {
	entries, err := from.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || !strings.HasSuffix(name, ".cfg") {
			continue
		}
		path := filepath.Join(dir, name)
		info, err := from.Stat(path)
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() {
			names = append(names, path)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Reason returns what C's strerror says about err.
func Reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		text := errno.Error()
		return strings.ToUpper(text[:1]) + text[1:]
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// Parse runs the two passes. It reports whether no error was found; everything
// found has been told to Diag.
func (s *Source) Parse(h Handler) bool {
	for pass := 1; pass <= 2; pass++ {
		failed := false
		for i := range s.files {
			r := reader{Source: s, handler: h, file: &s.files[i], first: pass == 1}
			abort := s.read(&r)
			if abort || r.errors > 0 {
				s.Diag.Rawf(Alert, "config : Error(s) found in configuration file : %s", s.files[i].name)
				failed = true
			}
			if abort {
				return false
			}
		}
		if failed {
			s.Diag.Rawf(Alert, "config : Fatal errors found in configuration.")
			return false
		}
		if pass == 1 {
			s.Env.Set("HAPROXY_CFGFILES", strings.Join(s.Files(), ";"))
			if s.BetweenPasses != nil {
				s.BetweenPasses(s.Env)
			}
		}
	}
	return true
}

// read runs a reader, and tells the handler of its file.
func (s *Source) read(r *reader) (abort bool) {
	h, ok := r.handler.(FileHandler)
	if !ok || r.first {
		return r.run()
	}
	err := h.EnterFile(r.file.name)
	if err == nil {
		abort = r.run()
		err = h.LeaveFile()
	}
	if err != nil {
		s.Diag.Rawf(Alert, "config : %s.", err)
		return true
	}
	return abort
}

// EvalCommand evaluates the expression of -cc, which is cut into words like a
// line but may contain "#". The exit code is 0 for true, 1 for false and 2 for
// an expression that cannot be evaluated, which Diag has been told.
func (s *Source) EvalCommand(expr string) (exit int) {
	lookup := (&reader{Source: s, file: &file{}}).lookup
	split := splitter{in: expr, lookup: lookup, noComments: true}
	if err := split.run(); err != nil {
		s.Diag.Rawf(Alert, "%s", commandText(err))
		return 2
	}
	if len(split.out.Words) > MaxWords {
		s.Diag.Rawf(Alert, "Error in condition: Too many words.")
		return 2
	}
	ok, err := s.Facts.Eval(strings.Join(split.out.Words, " "), lookup)
	switch {
	case err != nil:
		s.Diag.Rawf(Alert, "Failed to evaluate condition: %s", err)
		return 2
	case ok:
		return 0
	}
	return 1
}

// commandText words a WordError as -cc does.
func commandText(err *WordError) string {
	switch err.Text {
	case errQuote:
		return "Syntax Error in condition: Unmatched quote."
	case errHex:
		return "Syntax Error in condition: Truncated or invalid hexadecimal sequence."
	}
	return fmt.Sprintf("Syntax Error in condition: %s.", err) // the reference has no words for it
}

// lookup resolves variables and pseudo variables at the reader's place.
func (r *reader) lookup(name string) (string, bool) {
	switch name {
	case ".FILE":
		return r.file.name, true
	case ".LINE":
		return strconv.Itoa(r.line), true
	case ".SECTION":
		if r.name != "" {
			return r.name, true
		}
		return r.section, true
	}
	if strings.HasPrefix(name, ".") {
		return "", false
	}
	return r.Env.Lookup(name)
}
