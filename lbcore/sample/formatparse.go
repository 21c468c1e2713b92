package sample

import (
	"errors"
	"fmt"
	"strings"

	"gohap/lbcore/keyword"
)

// formatParser turns a log-format string into items.
type formatParser struct {
	set    *keyword.Set
	o      *FormatOptions
	f      *Format
	text   string
	lit    []byte   // literal text not yet emitted
	global LogFlags // set by %o
}

func (p *formatParser) parse() error {
	for i := 0; i < len(p.text); {
		ch := p.text[i]
		switch {
		case ch == '%':
			next, err := p.percent(i)
			if err != nil {
				return err
			}
			i = next
		case p.merges() && (ch == ' ' || ch == '\t'):
			p.separator()
			i++
		default:
			p.lit = append(p.lit, ch)
			i++
		}
	}
	p.flush()
	return nil
}

// merges reports whether runs of blanks count as one separator here.
func (p *formatParser) merges() bool { return p.o.For == ForLog || p.o.For == ForID }

// separator adds one blank unless the format is empty so far or ends with one.
func (p *formatParser) separator() {
	if n := len(p.lit); n > 0 {
		if p.lit[n-1] != ' ' {
			p.lit = append(p.lit, ' ')
		}
		return
	}
	if n := len(p.f.items); n > 0 {
		last := &p.f.items[n-1]
		if last.kind != itemText || !strings.HasSuffix(last.text, " ") {
			p.lit = append(p.lit, ' ')
		}
	}
}

func (p *formatParser) flush() {
	if len(p.lit) > 0 {
		p.f.items = append(p.f.items, item{kind: itemText, text: string(p.lit)})
		p.lit = nil
	}
}

// percent handles what stands behind a '%' at start and returns the position
// behind it.
func (p *formatParser) percent(start int) (int, error) {
	i := start + 1
	if i >= len(p.text) {
		return 0, errors.New("truncated line after '%'")
	}
	if p.text[i] == '%' {
		p.lit = append(p.lit, '%')
		return i + 1, nil
	}
	it := item{flags: p.global, typ: Any}
	var err error
	if p.text[i] == '(' {
		if i, err = p.itemName(i+1, &it); err != nil {
			return 0, err
		}
	}
	flagsFrom := i
	if i < len(p.text) && p.text[i] == '{' {
		end := strings.IndexByte(p.text[i:], '}')
		if end < 0 {
			return 0, fmt.Errorf("truncated line after '%s'", p.text[i+1:])
		}
		if err := p.itemFlags(p.text[i+1:i+end], &it); err != nil {
			return 0, err
		}
		i += end + 1
	}
	switch {
	case i < len(p.text) && p.text[i] == '[':
		return p.expression(i+1, it)
	case i < len(p.text) && p.text[i]|0x20-'a' < 26:
		return p.aliasName(i, it)
	case i > flagsFrom:
		return 0, fmt.Errorf("parse argument modifier without alias name near '%%%s'", p.text[flagsFrom:i])
	case i >= len(p.text):
		return 0, errors.New("truncated line after '%'")
	}
	return 0, fmt.Errorf("unexpected alias name near '%c' at position %d line : '%s'. Maybe you want to write a single '%%', use the syntax '%%%%'",
		p.text[i], i, p.text)
}

// isAliasByte: an underscore ends a name, as in the manual's %ci:%cp_%fi.
func isAliasByte(c byte) bool { return c-'0' <= 9 || c|0x20-'a' < 26 }

// itemName reads "name)" or "name:type)".
func (p *formatParser) itemName(i int, it *item) (int, error) {
	end := strings.IndexByte(p.text[i:], ')')
	if end < 0 {
		return 0, errors.New("invalid character in custom name near '")
	}
	name, typ, forced := strings.Cut(p.text[i:i+end], ":")
	for k := 0; k < len(name); k++ {
		if !isWordChar(name[k]) {
			return 0, fmt.Errorf("invalid character in custom name near '%s'", p.text[i+k:])
		}
	}
	it.name = name
	switch {
	case !forced:
	case typ == "str":
		it.typ = Str
	case typ == "sint":
		it.typ = SInt
	case typ == "bool":
		it.typ = Bool
	case typ == "raw":
		it.raw = true
	default:
		return 0, fmt.Errorf("unexpected output type '%s' at position %d line : '%s'. Supported types are: str, sint, bool, raw",
			typ, i+len(name)+1, p.text)
	}
	return i + end + 1, nil
}

var flagWords = map[string]LogFlags{
	"Q": LogQuote, "X": LogHex, "M": LogMandatory, "E": LogEscape, "json": LogJSON, "utf8": LogUTF8, "bin": LogBin,
}

// itemFlags reads "+Q,-X". The reference ignores a flag that it does not know;
// here that is worth a warning.
func (p *formatParser) itemFlags(text string, it *item) error {
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		sign, name := w[0], w[1:]
		flag, known := flagWords[name]
		known = known && p.set.Lookup(keyword.LogFlag, name) != nil
		switch {
		case name == "cbor" && sign == '+':
			return errors.New("log-format flag 'cbor' is known to HAProxy, not implemented by gohap")
		case !known || sign != '+' && sign != '-':
			if p.o.Warn != nil && (name != "" || sign != '+' && sign != '-') {
				p.o.Warn(fmt.Sprintf("unknown log-format flag '%s' ignored in '%s'", w, p.text))
			}
		case sign == '+':
			it.flags |= flag
		default:
			it.flags &^= flag
		}
	}
	return nil
}

func (p *formatParser) aliasName(i int, it item) (int, error) {
	end := i
	for end < len(p.text) && isAliasByte(p.text[end]) {
		end++
	}
	name := p.text[i:end]
	if name == "o" {
		p.global = it.flags
		if it.flags&LogJSON != 0 && p.o.For != ForHeader {
			p.f.json = true
		}
		return end, nil
	}
	row := p.set.Lookup(keyword.LogAlias, name)
	if row == nil {
		return 0, fmt.Errorf("no such format alias '%s'. If you wanted to emit the '%%' character verbatim, you need to use '%%%%'", name)
	}
	it.kind, it.alias = itemAlias, row.Impl.(*AliasRow)
	p.f.needs |= it.alias.Needs
	p.add(it)
	return end, nil
}

// add emits an item behind the literal text before it. In a header nothing is
// encoded as JSON.
func (p *formatParser) add(it item) {
	p.flush()
	if p.o.For == ForHeader {
		it.flags &^= LogJSON
	}
	// Reference: bin is a property of the whole format.
	it.flags = it.flags&^LogBin | p.global&LogBin
	p.f.items = append(p.f.items, it)
}

func (p *formatParser) expression(i int, it item) (int, error) {
	text := p.text[i:]
	e, rest, err := Compile(p.set, text, p.o.Options)
	if err != nil {
		return 0, fmt.Errorf("failed to parse sample expression <%s> : %w", text, err)
	}
	if rest == "" {
		return 0, fmt.Errorf("missing ']' after '%s'", e)
	}
	if rest[0] != ']' {
		return 0, fmt.Errorf("expected ']' after '%s', but found '%c'", e, rest[0])
	}
	if p.o.Place != 0 && e.Validity()&p.o.Place == 0 {
		return 0, fmt.Errorf("sample fetch <%s> may not be reliably used here because it needs '%s' which is not available here", e.Name(), e.Needs())
	}
	it.kind, it.expr = itemExpr, e
	p.f.needs |= e.Needs()
	p.add(it)
	return len(p.text) - len(rest) + 1, nil
}
