package acl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

// Derived is the Impl of a row of class keyword.ACL: a fetch under another name
// with a matcher of its own.
type Derived struct {
	Fetch   string
	Matcher Matcher
	Dotted  bool // patterns are versions, "3.1"
}

// ACL is a named test: its lines are tried in order until one passes.
type ACL struct {
	Name  string // empty when anonymous
	Lines []*Line
}

// Line is one test: an expression and the patterns that it is compared with.
type Line struct {
	// short are the patterns of the only use while their list is short, else nil:
	// hundreds of conditions a request count the cache lines that they touch.
	short   atomic.Pointer[Patterns]
	expr    *sample.Expr
	matcher Matcher
	want    sample.Type
	uses    []*Use
	Word    string // the criterion's keyword as written
}

// looks lets the line look into a list in a way.
func (l *Line) looks(u *Use) {
	l.uses = append(l.uses, u)
	u.lines = append(u.lines, l)
}

// Scope holds the named ACLs that a proxy's conditions may use. It is filled
// while the configuration is read, by one goroutine.
type Scope struct {
	Set *keyword.Set
	// Refs are the pattern lists, which the scopes of one configuration share.
	Refs *Refs

	acls  map[string]*ACL
	order []*ACL
}

// NewScope returns an empty scope over the words of set.
func NewScope(set *keyword.Set) *Scope { return &Scope{Set: set, Refs: NewRefs()} }

// ACLs returns the named ACLs in the order of their declaration.
func (s *Scope) ACLs() []*ACL { return s.order }

// Add parses the words after "acl": name, criterion, flags and patterns, and
// adds a line to the named ACL. Its error is complete but for the position.
func (s *Scope) Add(words []string, o sample.Options) error {
	if len(words) == 0 {
		return nil
	}
	name := words[0]
	if i := strings.IndexFunc(name, notNameChar); i >= 0 {
		return fmt.Errorf("character '%c' is not permitted in acl name '%s'", name[i], name)
	}
	if strings.EqualFold(name, "or") {
		return fmt.Errorf("acl name '%s' will never match. 'or' is used to express a logical disjunction within a condition", name)
	}
	line, err := s.line(words[1:], o)
	if err != nil {
		return fmt.Errorf("error detected while parsing ACL '%s' : %w", name, err)
	}
	a := s.acls[name]
	if a == nil {
		a = &ACL{Name: name}
		if s.acls == nil {
			s.acls = map[string]*ACL{}
		}
		s.acls[name] = a
		s.order = append(s.order, a)
	}
	a.Lines = append(a.Lines, line)
	return nil
}

func notNameChar(r rune) bool {
	return !(r == '-' || r == '_' || r == '.' || r == ':' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
}

// named returns an ACL by name, a predefined one if the scope has none, nil if
// there is neither.
func (s *Scope) named(name string, o sample.Options) (*ACL, error) {
	if a := s.acls[name]; a != nil {
		return a, nil
	}
	row := s.Set.Lookup(keyword.PredefinedACL, name)
	if row == nil {
		return nil, nil
	}
	if err := s.Add(append([]string{name}, row.Impl.([]string)...), o); err != nil {
		return nil, err
	}
	return s.acls[name], nil
}

func (s *Scope) anonymous(words []string, o sample.Options) (*ACL, error) {
	line, err := s.line(words, o)
	if err != nil {
		return nil, err
	}
	return &ACL{Lines: []*Line{line}}, nil
}

// line parses a criterion, its flags and its patterns.
func (s *Scope) line(words []string, o sample.Options) (*Line, error) {
	criterion := ""
	if len(words) > 0 {
		criterion, words = words[0], words[1:]
	}
	var d *Derived
	alias := func(word string) string {
		if row := s.Set.Lookup(keyword.ACL, word); row != nil {
			d = row.Impl.(*Derived)
			return d.Fetch
		}
		return word
	}
	if o.Hooks == nil {
		o.Hooks = map[string]any{}
	}
	o.Hooks["acl"] = s
	e, word, err := sample.CompileCriterion(s.Set, criterion, alias, o)
	if err != nil {
		return nil, err
	}
	l := &Line{Word: word, expr: e, matcher: defaultMatcher(e.Out())}
	if d != nil && e.Converters() == 0 {
		l.matcher = d.Matcher
	}
	p := lineParser{scope: s, line: l, o: &o, dotted: d != nil && d.Dotted, criterion: criterion}
	if err := p.parse(words); err != nil {
		return nil, err
	}
	l.want = wants[l.matcher]
	return l, nil
}

// lineParser reads the flags and patterns of a line.
type lineParser struct {
	scope     *Scope
	line      *Line
	o         *sample.Options
	criterion string
	dotted    bool
	icase     bool
	noDNS     bool
	asMap     bool
	id        int
	loaded    bool // a file was given
}

func (p *lineParser) parse(words []string) error {
	p.id = -1
	ended, flags := false, false
	for len(words) > 0 && strings.HasPrefix(words[0], "-") && words[0] != "-" {
		if words[0] == "--" && p.scope.Set.Lookup(keyword.ACLFlag, "--") != nil {
			words, ended = words[1:], true
			break
		}
		used, err := p.flag(words)
		if err != nil {
			return err
		}
		flags = true
		words = words[used:]
	}
	l := p.line
	if l.matcher == MatchNone {
		return p.noMatcher()
	}
	if len(words) == 0 && !flags && !ended && l.matcher.needsPatterns() {
		p.warnEmpty()
	}
	return p.own(words)
}

func (p *lineParser) noMatcher() error {
	return fmt.Errorf("matching method must be specified first (using '-m') when using a sample fetch of this type ('%s')", p.line.Word)
}

func (p *lineParser) warnEmpty() {
	if p.o.Warn == nil {
		return
	}
	p.o.Warn(fmt.Sprintf("parsing acl keyword '%s' :\n"+
		"  no pattern to match against were provided, so this ACL will never match.\n"+
		"  If this is what you intended, please add '--' to get rid of this warning.\n"+
		"  If you intended to match only for existence, please use '-m found'.\n"+
		"  If you wanted to force an int to match as a bool, please use '-m bool'.\n", p.criterion))
}

// flag handles the flag at words[0] and returns how many words it took.
func (p *lineParser) flag(words []string) (int, error) {
	arg := ""
	if len(words) > 1 {
		arg = words[1]
	}
	if p.scope.Set.Lookup(keyword.ACLFlag, words[0]) == nil {
		return 0, unknownFlag(words[0])
	}
	switch words[0] {
	case "-i":
		p.icase = true
		return 1, nil
	case "-n":
		p.noDNS = true
		return 1, nil
	case "-M":
		p.asMap = true
		return 1, nil
	case "-u":
		id, err := strconv.Atoi(arg)
		if err != nil && arg != "" {
			return 0, errors.New("the argument of -u must be an integer")
		}
		if !p.scope.Refs.take(id) {
			return 0, errors.New("the id is already used")
		}
		p.id = id
		return min(2, len(words)), nil
	case "-m":
		m := matcherByName(arg)
		if m == MatchNone || p.scope.Set.Lookup(keyword.Matcher, arg) == nil {
			return 0, fmt.Errorf("unknown matching method '%s' when parsing ACL expression", arg)
		}
		if p.loaded {
			return 0, errors.New("'-m' must only be specified before patterns and files in parsing ACL expression")
		}
		p.line.matcher, p.dotted = m, false
		return 2, nil
	case "-f":
		return min(2, len(words)), p.file(arg)
	}
	return 0, unknownFlag(words[0])
}

func unknownFlag(word string) error {
	return fmt.Errorf("'%s' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'", word)
}

func (p *lineParser) file(name string) error {
	if p.line.matcher == MatchNone {
		return p.noMatcher()
	}
	p.loaded = true
	u, err := p.scope.Refs.aclUse(name, p.asMap, p.noDNS, p.how(), p.o)
	if err != nil {
		return err
	}
	p.line.looks(u)
	return nil
}

func (p *lineParser) how() how {
	m := p.line.matcher
	return how{matcher: m, icase: p.icase, dotted: p.dotted && m == MatchInt}
}

// own makes the list of the patterns that stand in the line. Reference: there is
// one even without patterns.
func (p *lineParser) own(texts []string) error {
	h := p.how()
	if !p.noDNS {
		h.ask(texts, p.o.Resolve)
	}
	texts, err := h.prepare(texts)
	if err != nil {
		return err
	}
	u, err := p.scope.Refs.lineUse(p.id, h, texts, fmt.Sprintf("acl '%s' file '%s' line %d", p.line.Word, p.o.File, p.o.Line))
	if err != nil {
		return err
	}
	p.line.looks(u)
	return nil
}

// Matcher returns how the line compares.
func (l *Line) Matcher() Matcher { return l.matcher }

// Expr returns the line's expression.
func (l *Line) Expr() *sample.Expr { return l.expr }

// Eval tries the lines in order; the first that passes decides.
func (a *ACL) Eval(ctx *sample.Context) Result {
	res := Fail
	for _, l := range a.Lines {
		r := l.eval(ctx)
		if r == Pass {
			return Pass
		}
		res = max(res, r)
	}
	return res
}

// eval compares every value of the expression until one matches.
func (l *Line) eval(ctx *sample.Context) Result {
	s := ctx.Borrow()
	ok := l.expr.First(ctx, l.want, s)
	for {
		if ok && l.match(s) {
			ctx.Release()
			return Pass
		}
		if s.Flags&sample.NotLast == 0 {
			break
		}
		ok = l.expr.Next(ctx, l.want, s)
	}
	undecided := s.Flags&sample.MayChange != 0 && !ctx.Final
	ctx.Release()
	if undecided {
		return Miss
	}
	return Fail
}

// match compares one value, which has the type that the matcher wants.
func (l *Line) match(s *sample.Sample) bool {
	switch l.matcher {
	case MatchFound:
		return true
	case MatchBool:
		return s.Int != 0
	}
	if p := l.short.Load(); p != nil {
		return p.Find(s) >= 0
	}
	for _, u := range l.uses {
		if _, id := u.find(s); id != 0 {
			return true
		}
	}
	return false
}

// Needs returns what the ACL's fetches look at.
func (a *ACL) Needs() (n sample.Needs) {
	for _, l := range a.Lines {
		n |= l.expr.Needs()
	}
	return n
}

func (a *ACL) validity() (v sample.Validity) {
	for _, l := range a.Lines {
		v |= l.expr.Validity()
	}
	return v
}

// checkPlace warns when no line can ever match at o.Place.
func (a *ACL) checkPlace(o *sample.Options) {
	if o.Place == 0 || o.Warn == nil || a.validity()&o.Place != 0 {
		return
	}
	in := ""
	if o.Rule != "" {
		in = " in '" + o.Rule + "'"
	}
	if a.Name != "" {
		o.Warn(fmt.Sprintf("acl '%s' will never match%s because it only involves keywords that are incompatible with '%s'", a.Name, in, o.Place.First()))
		return
	}
	o.Warn(fmt.Sprintf("anonymous acl will never match%s because it uses keyword '%s' which is incompatible with '%s'", in, a.Lines[0].Word, o.Place.First()))
}
