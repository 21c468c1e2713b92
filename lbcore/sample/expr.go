package sample

import (
	"errors"

	"gohap/lbcore/keyword"
)

// Expr is a compiled expression: a fetch and a chain of converters. It is
// read-only and may be evaluated by every loop at the same time.
type Expr struct {
	fetch FetchFunc
	args  []Arg
	row   *FetchRow
	name  string
	text  string
	convs []convStep
	out   Type
}

type convStep struct {
	conv ConvFunc
	args []Arg
	row  *ConvRow
	name string
	cast castFunc // from what comes in to row.In; nil: by the value's own type
}

// Compile reads one expression, "fetch(args),converter(args),...", from the
// beginning of text and returns what follows it (a blank or the end). The
// error has the reference's text.
func Compile(set *keyword.Set, text string, o Options) (*Expr, string, error) {
	return nil, text, errors.New("not built")
}

// CompileWords is Compile for words of a line, where converters may also stand
// as words of their own. It returns how many words it took.
func CompileWords(set *keyword.Set, words []string, o Options) (*Expr, int, error) {
	return nil, 0, errors.New("not built")
}

// Eval computes the expression into s and casts the result to want (Any leaves
// it as it is). It reports whether there is a value; s.Flags tell more.
func (e *Expr) Eval(c *Context, want Type, s *Sample) bool { return false }

// Next computes the next value after an Eval or Next that left NotLast in
// s.Flags. It reports whether there was one.
func (e *Expr) Next(c *Context, want Type, s *Sample) bool { return false }

// Out returns the type that the expression yields before any final cast.
func (e *Expr) Out() Type { return e.out }

// Needs returns what the expression's fetch looks at.
func (e *Expr) Needs() Needs { return e.row.Needs }

// Validity returns where the expression's fetch may be used.
func (e *Expr) Validity() Validity { return e.row.Validity() }

// String returns the text that was compiled.
func (e *Expr) String() string { return e.text }

// Name returns the fetch's keyword.
func (e *Expr) Name() string { return e.name }

// Validity returns where the fetch may be used.
func (r *FetchRow) Validity() Validity {
	if r.Valid != 0 {
		return r.Valid
	}
	return r.Needs.Validity()
}
