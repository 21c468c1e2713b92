package sample

import (
	"errors"
	"fmt"
	"strings"

	"gohap/lbcore/keyword"
)

// Expr is a compiled expression: a fetch and a chain of converters. It is
// read-only and may be evaluated by every loop at the same time.
type Expr struct {
	fetch FetchFunc
	args  []Arg
	convs []convStep
	out   Type
	row   *FetchRow
	name  string
	text  string
}

type convStep struct {
	conv ConvFunc
	args []Arg
	in   Type
	name string
}

// Compile reads one expression, "fetch(args),converter(args),...", from the
// beginning of text and returns what follows it (a blank, a bracket or the
// end). The error has the reference's text.
func Compile(set *keyword.Set, text string, o Options) (*Expr, string, error) {
	e, rest, err := compileFetch(set, text, &o)
	if err != nil {
		return nil, text, err
	}
	if rest, err = e.compileConverters(set, rest, &o); err != nil {
		return nil, text, err
	}
	e.text = text[:len(text)-len(rest)]
	return e, rest, e.collectRefs(&o)
}

// CompileWords is Compile for words of a line, where converters may also stand
// as words of their own. It returns how many words it took; the first word
// that is neither is left to the caller.
func CompileWords(set *keyword.Set, words []string, o Options) (*Expr, int, error) {
	if len(words) == 0 {
		return nil, 0, errMissingFetch
	}
	e, rest, err := compileFetch(set, words[0], &o)
	if err != nil {
		return nil, 0, err
	}
	e.text = words[0]
	for n := 1; ; n++ {
		// A comma at the end of a word continues with the next one.
		rest = strings.TrimRight(rest, ",")
		if rest != "" && rest[0] == ',' {
			if rest, err = e.compileConverters(set, rest, &o); err != nil {
				return nil, 0, err
			}
		}
		if rest != "" {
			return nil, 0, e.missingComma()
		}
		if n >= len(words) || !isConverter(set, words[n]) {
			return e, n, e.collectRefs(&o)
		}
		e.text += "," + words[n]
		rest = "," + words[n]
	}
}

var errMissingFetch = errors.New("missing fetch method")

func (e *Expr) missingComma() error {
	if len(e.convs) == 0 {
		return errors.New("missing comma after fetch keyword")
	}
	return fmt.Errorf("missing comma after converter '%s'", e.convs[len(e.convs)-1].name)
}

func isConverter(set *keyword.Set, word string) bool {
	name, _ := cutWord(word)
	return name != "" && set.Lookup(keyword.Converter, name) != nil
}

// CompileCriterion is Compile for the first word of an ACL, where the word may
// be another name of a fetch: alias returns that fetch's name, or the word
// itself. It returns the word found; errors have the wording of ACLs.
func CompileCriterion(set *keyword.Set, text string, alias func(string) string, o Options) (e *Expr, word string, err error) {
	word, rest := cutWord(text)
	if word == "" {
		return nil, "", fmt.Errorf("missing fetch method in ACL expression '%s'", text)
	}
	row := fetchRow(set, alias(word))
	if row == nil {
		return nil, word, fmt.Errorf("%w in ACL expression '%s'", notThere(keyword.Fetch, "fetch method", word), text)
	}
	args, rest, err := row.Args.parseArgs(rest)
	if err != nil {
		return nil, word, fmt.Errorf("ACL keyword '%s' : %w", word, err)
	}
	if row.Check != nil {
		if err := row.Check(args, &o); err != nil {
			return nil, word, fmt.Errorf("invalid args in fetch method '%s' : %w in ACL expression '%s'", word, err, text)
		}
	}
	e = &Expr{fetch: row.Fetch, args: args, row: row, name: word, out: row.Out, text: text}
	if rest, err = e.compileConverters(set, rest, &o); err == nil && rest != "" {
		err = e.missingComma()
	}
	switch {
	case err == nil:
		return e, word, e.collectRefs(&o)
	case set.Lookup(keyword.ACL, word) == nil: // a fetch that has no name of its own as an ACL
		return nil, word, fmt.Errorf("%w in ACL expression '%s'", err, text)
	}
	return nil, word, fmt.Errorf("ACL keyword '%s' : %w", word, err)
}

// notThere words the refusal of a fetch or converter without a row.
func notThere(class keyword.Class, what, name string) error {
	what += " '" + name + "'"
	if _, ok := keyword.Known(class, name); ok {
		return errors.New(keyword.Refusal(what))
	}
	return fmt.Errorf("unknown %s", what)
}

func compileFetch(set *keyword.Set, text string, o *Options) (*Expr, string, error) {
	name, rest := cutWord(text)
	if name == "" {
		return nil, "", errMissingFetch
	}
	row := fetchRow(set, name)
	if row == nil {
		return nil, "", notThere(keyword.Fetch, "fetch method", name)
	}
	args, rest, err := row.Args.parseArgs(rest)
	if err != nil {
		return nil, "", fmt.Errorf("fetch method '%s' : %w", name, err)
	}
	if row.Check != nil {
		if err := row.Check(args, o); err != nil {
			return nil, "", fmt.Errorf("invalid args in fetch method '%s' : %w", name, err)
		}
	}
	return &Expr{fetch: row.Fetch, args: args, row: row, name: name, out: row.Out}, rest, nil
}

// compileConverters reads ",conv(args)" as long as there is one. The reference
// takes several commas as one.
func (e *Expr) compileConverters(set *keyword.Set, rest string, o *Options) (string, error) {
	for rest != "" && rest[0] == ',' {
		for rest != "" && rest[0] == ',' {
			rest = rest[1:]
		}
		name, after := cutWord(rest)
		if name == "" {
			return "", errors.New("unknown converter ''")
		}
		kw := set.Lookup(keyword.Converter, name)
		if kw == nil {
			return "", notThere(keyword.Converter, "converter", name)
		}
		var err error
		if rest, err = e.addConverter(name, kw.Impl.(*ConvRow), after, o); err != nil {
			return "", err
		}
	}
	return rest, nil
}

func (e *Expr) addConverter(name string, row *ConvRow, rest string, o *Options) (string, error) {
	if !castable(e.out, row.In) {
		return "", fmt.Errorf("converter '%s' cannot be applied", name)
	}
	args, rest, err := row.Args.parseArgs(rest)
	if err != nil {
		at := 0
		var ae *argError
		if errors.As(err, &ae) {
			at = ae.at
		}
		return "", fmt.Errorf("invalid arg %d in converter '%s' : %w", at+1, name, err)
	}
	if row.Check != nil {
		if err := row.Check(args, o); err != nil {
			return "", fmt.Errorf("invalid args in converter '%s' : %w", name, err)
		}
	}
	e.convs = append(e.convs, convStep{conv: row.Conv, args: args, in: row.In, name: name})
	if row.Out != Same {
		e.out = row.Out
	}
	return rest, nil
}

// collectRefs hands names of proxies, tables and the like to the builder.
func (e *Expr) collectRefs(o *Options) error {
	if err := o.collect(e.args, e.name, e.name, false); err != nil {
		return err
	}
	for i := range e.convs {
		if err := o.collect(e.convs[i].args, e.convs[i].name, e.name, true); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) collect(args []Arg, word, of string, conv bool) error {
	for i := range args {
		a := &args[i]
		if a.Type < ArgFrontend || a.Type > ArgUserlist || a.Ref != nil {
			continue
		}
		if o.Refs == nil {
			return fmt.Errorf("'%s' refers to %s '%s', which is not possible here", word, a.Type, a.Str)
		}
		o.Refs(Ref{Arg: a, Index: i + 1, Word: word, Of: of, Conv: conv, Proxy: o.Proxy, File: o.File, Line: o.Line})
	}
	return nil
}

// Eval computes the expression into s and casts the result to want (Any leaves
// it as it is). It reports whether there is a value; s.Flags tell more.
func (e *Expr) Eval(c *Context, want Type, s *Sample) bool {
	s.Flags, s.Iter = 0, Iter{}
	return e.run(c, want, s)
}

// First is Eval for whoever goes on with Next: a fetch of several values begins
// with the first one, where Eval yields the one that stands for all of them.
func (e *Expr) First(c *Context, want Type, s *Sample) bool {
	s.Flags, s.Iter = 0, Iter{All: true}
	return e.run(c, want, s)
}

// Next computes the next value after a First or Next that left NotLast in
// s.Flags. It reports whether there was one.
func (e *Expr) Next(c *Context, want Type, s *Sample) bool {
	if s.Flags&NotLast == 0 {
		return false
	}
	s.Flags = 0
	s.Iter.Call++
	return e.run(c, want, s)
}

func (e *Expr) run(c *Context, want Type, s *Sample) bool {
	if !e.fetch(c, e.args, s) {
		return false
	}
	for i := range e.convs {
		st := &e.convs[i]
		if s.Type != st.in && !s.Cast(c, st.in) || !st.conv(c, st.args, s) {
			return false
		}
	}
	return s.Type == want || s.Cast(c, want)
}

// CheckPlace returns the reference's error when the expression may not be used
// at any of the places. Word is the rule's keyword.
func (e *Expr) CheckPlace(place Validity, word string) error {
	if place == 0 || e.Validity()&place != 0 {
		return nil
	}
	return fmt.Errorf("fetch method '%s' extracts information from '%s', none of which is available here", word, e.row.Needs)
}

// Out returns the type that the expression yields before any final cast.
func (e *Expr) Out() Type { return e.out }

// Makes tells whether what the expression gives may be cast to a type: there is such
// a cast, which some values may still have none by.
func (e *Expr) Makes(t Type) bool { return castable(e.out, t) }

// Converters returns how many converters follow the fetch.
func (e *Expr) Converters() int { return len(e.convs) }

// Args returns the fetch's arguments. The caller must not change them.
func (e *Expr) Args() []Arg { return e.args }

// Row returns the row of the expression's fetch.
func (e *Expr) Row() *FetchRow { return e.row }

// Refs yields what the arguments refer to: proxies, servers, user lists.
func (e *Expr) Refs(yield func(ref any)) {
	list := func(args []Arg) {
		for i := range args {
			if args[i].Ref != nil {
				yield(args[i].Ref)
			}
		}
	}
	list(e.args)
	for i := range e.convs {
		list(e.convs[i].args)
	}
}

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
