package sample

import (
	"gohap/lbcore/keyword"
)

// LogFlags are the encoding flags of a log-format item, %{+Q,+X}.
type LogFlags uint16

// The log-format flags. LogMandatory (M) prints "-" for what is missing.
const (
	LogQuote LogFlags = 1 << iota
	LogHex
	LogMandatory
	LogEscape
	LogJSON
	LogUTF8
	LogBin
)

// AliasFunc appends the value of a log alias (%ci, %ST) to dst, raw: the format
// encodes, quotes and replaces what is missing. Appending nothing means that
// there is no value. It may read c.Log: LogHex asks numbers and addresses in
// hexadecimal, LogJSON forbids the "+" of an incomplete number.
type AliasFunc func(c *Context, dst []byte) []byte

// AliasRow is the Impl of a row of class keyword.LogAlias.
type AliasRow struct {
	Append AliasFunc
	Type   Type   // Str is encoded and quoted; SInt is printed bare
	Escape Escape // which bytes of a Str are written as #XX
	Own    bool   // Append does everything itself, with AppendText (%hrl, %hsl)
	Null   bool   // captures: a missing value prints nothing at all, null in JSON
	Needs  Needs
	HTTP   bool // says something in mode http only; accepted anywhere, as in the reference
	Known  Moment
}

// Moment says when a value of a log line is known for good, so that the line
// need not wait longer. The zero value: once the response's head is there, in
// mode tcp once the server is connected.
type Moment uint8

// The moments.
const (
	KnownWithResponse Moment = iota
	KnownWithRequest         // the request line
	KnownAtEnd               // counts, times, gauges
	KnownAlways              // %OG
)

// Escape names a set of bytes that may not appear as they are.
type Escape uint8

// The escape sets.
const (
	EscapeNone    Escape = iota // the value is known to be printable
	EscapeText                  // non-printable bytes and '"' '#': #XX
	EscapeCapture               // as EscapeText and '{' '|' '}'
	EscapeHeader                // what a header value may not hold: %XX
)

// Place says what a format is for; it decides how expressions are encoded.
type Place uint8

// The kinds of formats.
const (
	ForLog    Place = iota // log-format, error-log-format, log-format-sd
	ForID                  // unique-id-format: as ForLog, but missing values are empty
	ForHeader              // header values and locations: forbidden bytes are %XX
	ForString              // lf-string, lf-file, set-var-fmt: raw
)

// FormatOptions say where a format stands.
type FormatOptions struct {
	Options
	For  Place
	HTTP bool // the proxy is in mode http; every alias is accepted in both modes
}

// Format is a compiled log-format string. It is read-only and shared by all
// loops.
type Format struct {
	items []item
	needs Needs
	json  bool // one JSON object of the named items
	place Place
	known Moment
}

type itemKind uint8

const (
	itemText itemKind = iota
	itemAlias
	itemExpr
)

type item struct {
	kind  itemKind
	flags LogFlags
	typ   Type // forced output type, Any when none
	raw   bool // %(name:raw): no encoding at all
	text  string
	name  string // of the item, or JSON key
	alias *AliasRow
	expr  *Expr
}

// CompileFormat compiles a log-format string. Its error has the reference's
// text.
func CompileFormat(set *keyword.Set, text string, o FormatOptions) (*Format, error) {
	p := formatParser{set: set, text: text, o: &o, f: &Format{place: o.For}}
	if o.For == ForLog {
		p.global = LogMandatory
	}
	if err := p.parse(); err != nil {
		return nil, err
	}
	p.f.known = p.f.moment()
	return p.f, nil
}

// Needs returns what the format's items look at.
func (f *Format) Needs() Needs { return f.needs }

// Known returns when all that the format prints is known. A format of the
// request line alone is known with the request.
func (f *Format) Known() Moment { return f.known }

// moment works out known from the items.
func (f *Format) moment() Moment {
	const final = NeedsRequestStatistics | NeedsResponseStatistics | NeedsTransactionStatistics | NeedsSessionStatistics
	request := 0
	for i := range f.items {
		switch it := &f.items[i]; {
		case it.kind == itemText, it.kind == itemAlias && it.alias.Known == KnownAlways:
			continue
		case it.kind == itemAlias && it.alias.Known == KnownWithRequest:
			request++
			continue
		case it.kind == itemAlias && it.alias.Known == KnownAtEnd, it.kind == itemExpr && it.expr.Needs()&final != 0:
			return KnownAtEnd
		}
		request = -len(f.items)
	}
	if request > 0 {
		return KnownWithRequest
	}
	return KnownWithResponse
}

// Empty reports whether nothing would ever be printed.
func (f *Format) Empty() bool { return len(f.items) == 0 }

// Append appends one rendering to dst. It allocates only to grow dst and what
// the converters of its expressions need beyond the arena.
func (f *Format) Append(dst []byte, c *Context) []byte {
	saved := c.Log
	if f.json {
		dst = f.appendObject(dst, c)
	} else {
		dst = f.appendItems(dst, c)
	}
	c.Log = saved
	return dst
}

// undeclared reports whether the item may print nothing at all, not even "-":
// captures that are not declared.
func (it *item) undeclared() bool { return it.kind == itemAlias && it.alias.Null }

// appendItems appends the items in order. Reference: in logs two separators
// become one when only captures that are not declared stand between them.
func (f *Format) appendItems(dst []byte, c *Context) []byte {
	merge := f.place == ForLog || f.place == ForID
	separated := false
	for i := range f.items {
		it := &f.items[i]
		if it.kind != itemText {
			n := len(dst)
			dst = f.appendItem(dst, c, it)
			separated = separated && len(dst) == n && it.undeclared()
			continue
		}
		text := it.text
		if separated && text[0] == ' ' {
			text = text[1:]
		}
		dst = append(dst, text...)
		separated = merge && it.text[len(it.text)-1] == ' '
	}
	return dst
}

func (f *Format) appendObject(dst []byte, c *Context) []byte {
	dst = append(dst, '{')
	first := true
	for i := range f.items {
		it := &f.items[i]
		if it.name == "" || it.kind == itemText {
			continue
		}
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
		dst = append(append(append(dst, '"'), it.name...), "\": "...)
		dst = f.appendItem(dst, c, it)
	}
	return append(dst, '}')
}

func (f *Format) appendItem(dst []byte, c *Context, it *item) []byte {
	switch it.kind {
	case itemText:
		return append(dst, it.text...)
	case itemAlias:
		return appendAlias(dst, c, it)
	}
	return f.appendExpr(dst, c, it)
}

func appendAlias(dst []byte, c *Context, it *item) []byte {
	a := it.alias
	c.Log = it.flags
	if a.Own {
		return a.Append(c, dst)
	}
	n := len(dst)
	dst = a.Append(c, dst)
	missing := len(dst) == n
	if it.flags&LogJSON != 0 {
		return finishJSONAlias(dst, n, c, it)
	}
	switch {
	case missing && a.Null:
		return dst
	case missing && it.flags&LogQuote != 0:
		return append(dst, '"', '"')
	case missing && it.flags&LogMandatory != 0:
		return append(dst, '-')
	case missing || a.Type != Str:
		return dst
	}
	if it.flags&(LogQuote|LogEscape) == 0 && !needsEscape(dst[n:], a.Escape) {
		return dst
	}
	raw := c.Arena.Copy(dst[n:])
	return AppendText(dst[:n], raw, a.Escape, it.flags)
}

func finishJSONAlias(dst []byte, n int, c *Context, it *item) []byte {
	a := it.alias
	missing := len(dst) == n
	switch {
	case missing && a.Null:
		return append(dst, "null"...)
	case it.raw:
		return dst
	case it.typ == Bool && a.Type == SInt:
		v := !missing && leadingInt(dst[n:]) != 0
		return appendBool(dst[:n], v)
	case a.Type != Str && it.typ != Str && !missing:
		return dst
	}
	raw := c.Arena.Copy(dst[n:])
	return AppendText(dst[:n], raw, a.Escape, it.flags)
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

func (f *Format) appendExpr(dst []byte, c *Context, it *item) []byte {
	s := c.Borrow()
	defer c.Release()
	want := Str
	switch {
	case it.flags&LogJSON != 0:
		want = it.typ
	case it.flags&LogBin != 0:
		want = Bin
	}
	ok := it.expr.Eval(c, want, s)
	if f.place == ForHeader {
		if !ok {
			return dst
		}
		return AppendText(dst, s.Data, EscapeHeader, it.flags&LogEscape)
	}
	if it.flags&LogJSON != 0 {
		return appendJSONSample(dst, c, it, s, ok)
	}
	if !ok || len(s.Data) == 0 {
		return appendMissing(dst, it.flags)
	}
	return AppendText(dst, s.Data, EscapeNone, it.flags)
}

// appendMissing appends what stands for a missing or empty string.
func appendMissing(dst []byte, flags LogFlags) []byte {
	switch {
	case flags&(LogQuote|LogJSON) != 0:
		return append(dst, '"', '"')
	case flags&LogMandatory != 0:
		return append(dst, '-')
	}
	return dst
}

func appendJSONSample(dst []byte, c *Context, it *item, s *Sample, ok bool) []byte {
	if !ok {
		return appendMissing(dst, it.flags)
	}
	switch s.Type {
	case Bool:
		return appendBool(dst, s.Int != 0)
	case SInt:
		s.Cast(c, Str)
		return append(dst, s.Data...)
	}
	if !s.Cast(c, Str) {
		return appendMissing(dst, it.flags)
	}
	if it.raw {
		return append(dst, s.Data...)
	}
	return AppendText(dst, s.Data, EscapeNone, it.flags)
}
