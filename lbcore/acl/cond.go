package acl

import (
	"errors"

	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

// Result is the outcome of a test.
type Result uint8

// The outcomes, ordered so that OR is the maximum and AND the minimum.
const (
	Fail Result = iota
	Miss        // undecided: more data may change it
	Pass
)

// Not returns the opposite; Miss stays.
func (r Result) Not() Result { return Pass - r }

// ACL is a named test: its lines are tried in order until one passes.
type ACL struct {
	Name string
}

// Scope holds the named ACLs that a proxy's conditions may use. It is filled
// while the configuration is read.
type Scope struct {
	Set  *keyword.Set
	acls map[string]*ACL
}

// Add parses the words after "acl": name, criterion, flags and patterns, and
// adds a line to the named ACL.
func (s *Scope) Add(words []string, o sample.Options) error { return errors.New("not built") }

// Cond is a parsed condition.
type Cond struct{}

// ParseCond parses the words after "if" or "unless", the first of which is that
// word itself. The error has the reference's text; warnings go to o.Warn.
func ParseCond(s *Scope, words []string, o sample.Options) (*Cond, error) {
	return nil, errors.New("not built")
}

// Eval evaluates the condition; "unless" is already applied. A nil condition
// passes. With ctx.Final set it never returns Miss.
func (c *Cond) Eval(ctx *sample.Context) Result { return Pass }

// Needs returns what the condition's fetches look at.
func (c *Cond) Needs() sample.Needs { return 0 }
