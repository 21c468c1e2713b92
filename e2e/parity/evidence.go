package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gohap/lbcore/keyword"
)

// evidence is what scenarios and golden cases name.
type evidence struct {
	words map[string]bool // class:name
	items []string        // the text of the items
}

func (e evidence) has(class keyword.Class, name string) bool {
	word := string(class) + ":" + name
	if e.words[word] {
		return true
	}
	for _, item := range e.items {
		if mentions(item, word) {
			return true
		}
	}
	return false
}

// mentions tells whether an item holds a word, not as a part of a longer one; several
// of one class may stand as class:name|name.
func mentions(item, word string) bool {
	colon := strings.LastIndexByte(word, ':') + 1
	class, name := word[:colon], word[colon:]
	for at := 0; ; {
		i := strings.Index(item[at:], class)
		if i < 0 {
			return false
		}
		at += i + len(class)
		rest := item[at:]
		if after, ok := strings.CutPrefix(rest, name); ok && (after == "" || strings.IndexByte(" ,;.)|", after[0]) >= 0) {
			return true
		}
		if end := strings.IndexAny(rest, " ,;"); end >= 0 {
			rest = rest[:end]
		}
		if names := strings.Split(rest, "|"); len(names) > 1 && slices.Contains(names, name) {
			return true
		}
	}
}

// readEvidence reads the scenarios below one folder and the golden cases below
// another, which may be missing.
func readEvidence(scenarios, golden string) (evidence, error) {
	e := evidence{words: map[string]bool{}}
	files, err := filepath.Glob(filepath.Join(scenarios, "*.vtc"))
	if err != nil {
		return e, err
	}
	if len(files) == 0 {
		return e, fmt.Errorf("no scenario in %s", scenarios)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return e, err
		}
		e.scenario(string(text))
	}
	err = filepath.WalkDir(golden, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".cfg" {
			return err
		}
		return e.goldenCase(path)
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return e, err
}

// scenario takes the header of a scenario.
func (e *evidence) scenario(text string) {
	for line := range strings.Lines(text) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "# ")
		if !ok {
			return
		}
		if words, ok := strings.CutPrefix(comment, "disables: "); ok {
			first, rest, more := strings.Cut(words, "|")
			e.words[first] = true
			class := first[:strings.LastIndexByte(first, ':')+1]
			for more {
				var name string
				name, rest, more = strings.Cut(rest, "|")
				e.words[class+name] = true
			}
		}
		if item, ok := strings.CutPrefix(comment, "item: "); ok {
			e.items = append(e.items, item)
		}
	}
}

var alertPlace = regexp.MustCompile(`(?m)^\[ALERT\].* \[[^\]]*?([^/\]]+:\d+)\]`)

// goldenCase takes the words of a configuration, without the lines that its
// expected output alerts about: name.ours beside name.cfg where gohap differs,
// else name.out. Words that must be refused count by such a line.
func (e *evidence) goldenCase(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	base := strings.TrimSuffix(path, ".cfg")
	out, err := os.ReadFile(base + ".ours")
	if errors.Is(err, fs.ErrNotExist) {
		out, err = os.ReadFile(base + ".out")
	}
	if err != nil {
		return fmt.Errorf("a golden case without what is expected: %w", err)
	}
	refused := map[string]bool{}
	for _, m := range alertPlace.FindAllStringSubmatch(string(out), -1) {
		refused[m[1]] = true
	}
	section, n := "", 0
	for line := range strings.Lines(string(text)) {
		n++
		words := strings.Fields(line)
		for i, w := range words {
			if w[0] == '#' {
				words = words[:i]
				break
			}
		}
		if len(words) == 0 {
			continue
		}
		if refused[fmt.Sprintf("%s:%d", filepath.Base(path), n)] {
			e.add(keyword.ProxyRejected, words[0])
			if i := slices.Index(words, "option"); i >= 0 && i+1 < len(words) {
				e.add(keyword.OptionRejected, words[i+1])
			}
			continue
		}
		if _, ok := keyword.Known(keyword.Section, words[0]); ok && line[0] != ' ' && line[0] != '\t' {
			section = words[0]
			e.add(keyword.Section, section)
			continue
		}
		e.line(section, words)
	}
	return nil
}

func (e *evidence) add(class keyword.Class, name string) { e.words[string(class)+":"+name] = true }

// rules maps the words that begin a rule to the class of what follows.
var rules = map[string]keyword.Class{
	"tcp-request connection": keyword.TCPReqConn, "tcp-request session": keyword.TCPReqSess,
	"tcp-request content": keyword.TCPReqCont, "tcp-response content": keyword.TCPResCont,
	"http-request": keyword.HTTPReq, "http-response": keyword.HTTPRes, "http-after-response": keyword.HTTPAfterRes,
}

// seconds maps the words whose second word is of a class of its own.
var seconds = map[string]keyword.Class{
	"option": keyword.Option, "timeout": keyword.Timeout, "balance": keyword.Balance, "mode": keyword.Mode,
	"http-reuse": keyword.HTTPReuse, "errorfile": keyword.StatusCode, "filter": keyword.Filter,
}

// line takes the words of a line by where they stand.
func (e *evidence) line(section string, words []string) {
	if words[0] == "no" || words[0] == "default" {
		if words = words[1:]; len(words) == 0 {
			return
		}
	}
	first, rest := words[0], words[1:]
	switch section {
	case "global":
		e.add(keyword.Global, first)
		if first == "stats" && len(rest) > 0 {
			e.add(keyword.GlobalStats, rest[0])
		}
		if first == "log" {
			e.log(rest)
		}
		return
	case "defaults", "frontend", "backend", "listen":
		e.add(keyword.Proxy, first)
	default:
		e.add(keyword.Class("section "+section), first)
		return
	}
	if first == "log" {
		e.log(rest)
	}
	if class, ok := seconds[first]; ok && len(rest) > 0 {
		e.add(class, rest[0])
		e.add(class, strings.Join(rest, " ")) // "http-server-close", "forwardfor", but also two words
	}
	switch {
	case first == "acl" && len(rest) > 1:
		e.acl(rest[1:])
	case strings.HasPrefix(first, "log-format"):
		for _, m := range logAlias.FindAllStringSubmatch(strings.Join(rest, " "), -1) {
			e.add(keyword.LogAlias, m[1])
		}
	case first == "bind" && len(rest) > 0:
		e.each(keyword.Bind, rest[1:])
	case first == "stick-table":
		e.table(rest)
	case first == "default-server":
		e.each(keyword.Server, rest)
	case first == "server" && len(rest) > 1:
		e.each(keyword.Server, rest[2:])
	}
	for prefix, class := range rules {
		if action, ok := strings.CutPrefix(strings.Join(words, " "), prefix+" "); ok {
			name, _, _ := strings.Cut(action, " ")
			name, _, _ = strings.Cut(name, "(")
			e.add(class, name)
		}
	}
}

// table takes the parameters of a stick table, the type of its keys and its data.
func (e *evidence) table(words []string) {
	e.each(keyword.TableParam, words)
	for i, w := range words[:len(words)-1] {
		if w == "type" {
			e.add(keyword.TableKey, words[i+1])
		}
		if w == "store" {
			for datum := range strings.SplitSeq(tableArgs.ReplaceAllString(words[i+1], ""), ",") {
				e.add(keyword.TableData, datum)
			}
		}
	}
}

var tableArgs = regexp.MustCompile(`\([^)]*\)`)

// logAlias finds %XX and %{flags}XX.
var logAlias = regexp.MustCompile(`%(?:\{[^}]*\})?([A-Za-z]+)`)

// acl takes the criterion of an ACL and the matcher behind -m.
func (e *evidence) acl(words []string) {
	name, _, _ := strings.Cut(words[0], "(")
	e.add(keyword.ACL, name)
	for i, w := range words[1:] {
		if w == "-m" && i+2 < len(words) {
			e.add(keyword.Matcher, words[i+2])
		}
	}
}

// log takes the words of a log line behind its target.
func (e *evidence) log(words []string) {
	if len(words) == 0 {
		return
	}
	e.add(keyword.LogTargetParam, words[0])
	names := words[1:]
	for len(names) > 1 && (names[0] == "len" || names[0] == "format" || names[0] == "sample") {
		e.add(keyword.LogTargetParam, names[0])
		if names[0] == "format" {
			e.add(keyword.LogFormat, names[1])
		}
		names = names[2:]
	}
	params := []string{"facility", "level", "minlevel"}
	for i, name := range names[:min(len(names), len(params))] {
		e.add(keyword.LogTargetParam, params[i])
		e.add(map[bool]keyword.Class{true: keyword.Facility, false: keyword.Level}[i == 0], name)
	}
}

func (e *evidence) each(class keyword.Class, names []string) {
	for _, name := range names {
		e.add(class, name)
	}
}
