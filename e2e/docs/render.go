package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gohap/lbcore/keyword"
)

const head = `# Keywords

The words that gohap implements, written by ` + "`make docs`" + ` from the registry: do not
edit this file. A word of HAProxy 3.2 that is missing here is refused by name.
What behaves otherwise than there is in [differences.md](differences.md).

`

// render writes the whole document: a list of the classes, then a table each.
func render(out *bytes.Buffer, set *keyword.Set) {
	out.WriteString(head)
	classes := slices.Clone(set.Classes())
	classes = slices.DeleteFunc(classes, func(c keyword.Class) bool { return len(set.Rows(c)) == 0 })
	slices.SortFunc(classes, func(a, b keyword.Class) int { return cmp.Compare(a, b) })
	for _, c := range classes {
		fmt.Fprintf(out, "- [%s](#%s): %d\n", title(c), anchor(title(c)), len(set.Rows(c)))
	}
	for _, c := range classes {
		renderClass(out, title(c), set.Rows(c))
	}
}

// title is a class's name for a reader: without what stands in parentheses for
// the list of known words.
func title(c keyword.Class) string {
	name, _, _ := strings.Cut(string(c), " (")
	return name
}

// anchor is the name that a heading gets in the rendered page.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == ' ':
			return '-'
		}
		return -1
	}, heading)
}

// A column of a class's table; one that is empty for all its words is left out.
type column struct {
	name string
	cell func(*keyword.Row) string
}

var columns = []column{
	{"word", func(r *keyword.Row) string { return code(strings.TrimSpace(r.Group + " " + r.Name)) }},
	{"where", where},
	{"arguments", func(r *keyword.Row) string { return code(r.Args) }},
	{"in → out", types},
	{"what it does", func(r *keyword.Row) string { return escape(r.Summary) }},
	{"example", example},
	{"notes", notes},
}

func renderClass(out *bytes.Buffer, name string, rows []*keyword.Row) {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b *keyword.Row) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name))
	})
	used := slices.DeleteFunc(slices.Clone(columns), func(c column) bool {
		return !slices.ContainsFunc(rows, func(r *keyword.Row) bool { return c.cell(r) != "" })
	})
	fmt.Fprintf(out, "\n## %s\n\n|", name)
	for _, c := range used {
		out.WriteString(" " + c.name + " |")
	}
	out.WriteString("\n|" + strings.Repeat(" --- |", len(used)) + "\n")
	for _, r := range rows {
		out.WriteString("|")
		for _, c := range used {
			out.WriteString(" " + c.cell(r) + " |")
		}
		out.WriteString("\n")
	}
}

var wheres = []struct {
	bit  keyword.Where
	name string
}{
	{keyword.InGlobal, "global"}, {keyword.InDefaults, "defaults"}, {keyword.InFrontend, "frontend"},
	{keyword.InListen, "listen"}, {keyword.InBackend, "backend"},
}

func where(r *keyword.Row) string {
	if r.Where&keyword.InProxies == keyword.InProxies {
		return "any proxy"
	}
	var names []string
	for _, w := range wheres {
		if r.Where&w.bit != 0 {
			names = append(names, w.name)
		}
	}
	return strings.Join(names, ", ")
}

func types(r *keyword.Row) string {
	switch {
	case r.In != "" && r.Out != "":
		return escape(r.In + " → " + r.Out)
	case r.Out != "":
		return escape("→ " + r.Out)
	}
	return escape(r.In)
}

// example is the first example that is worth showing: one with a result if any
// has one.
func example(r *keyword.Row) string {
	if len(r.Good) == 0 {
		return ""
	}
	shown := r.Good[0]
	if i := slices.IndexFunc(r.Good, func(e keyword.Example) bool { return e.Out != "" }); i >= 0 {
		shown = r.Good[i]
	}
	text := code(shown.Config)
	if shown.Out != "" {
		text += " → " + code(shown.Out)
	}
	if shown.In != "" {
		first, _, _ := strings.Cut(shown.In, "\n")
		text += " on " + code(first)
	}
	return text
}

var flagNotes = []struct {
	flag keyword.RowFlags
	text string
}{
	{keyword.Negatable, "takes `no`"},
	{keyword.NeedsHTTP, "mode http"},
	{keyword.Experimental, "experimental"},
	{keyword.NoEffect, "without effect"},
	{keyword.Ours, "gohap only"},
	{keyword.Dynamic, "`add server`"},
}

func notes(r *keyword.Row) string {
	var all []string
	for _, f := range flagNotes {
		if r.Flags&f.flag != 0 {
			all = append(all, f.text)
		}
	}
	switch {
	case r.Instead != "":
		all = append(all, "deprecated → "+escape(r.Instead))
	case r.Flags&keyword.Deprecated != 0:
		all = append(all, "deprecated")
	}
	return strings.Join(all, "; ")
}

// code quotes text as code inside a table.
func code(s string) string {
	if s == "" {
		return ""
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(escape(s), "?"), "\n", `\n`)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}

// escape keeps a cell together.
func escape(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
