package acl

import (
	"errors"
	"fmt"

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

// term is one possibly negated ACL. The terms of a conjunction stand together;
// the last one has end set.
type term struct {
	acl  *ACL
	line *Line // of an anonymous ACL: a step nearer
	neg  bool
	end  bool
}

// Cond is a parsed condition: a disjunction of conjunctions, flat.
type Cond struct {
	terms  []term
	unless bool
	needs  sample.Needs
	valid  sample.Validity
}

// ParseCond parses the words after a rule, the first of which is "if" or
// "unless". The error has the reference's text; warnings go to o.Warn, among
// them those about tests that can never match at o.Place.
func ParseCond(s *Scope, words []string, o sample.Options) (*Cond, error) {
	if len(words) == 0 || words[0] != "if" && words[0] != "unless" {
		return nil, errors.New("expects either 'if' or 'unless' followed by a condition")
	}
	c := &Cond{unless: words[0] == "unless"}
	return c, c.parse(s, words[1:], &o)
}

// ParseTerms parses a condition without its leading word.
func ParseTerms(s *Scope, words []string, o sample.Options) (*Cond, error) {
	c := &Cond{}
	return c, c.parse(s, words, &o)
}

func (c *Cond) parse(s *Scope, words []string, o *sample.Options) error {
	neg := false
	for i := 0; i < len(words); i++ {
		w := words[i]
		if w == "or" || w == "||" {
			c.closeGroup()
			neg = false
			continue
		}
		for len(w) > 0 && w[0] == '!' {
			neg, w = !neg, w[1:]
		}
		if w == "" {
			continue
		}
		var a *ACL
		var err error
		if w == "{" {
			end := i + 1
			for end < len(words) && words[end] != "}" {
				end++
			}
			if end >= len(words) {
				return errors.New("missing closing '}' in condition")
			}
			a, err = s.anonymous(words[i+1:end], *o)
			i = end
		} else if a, err = s.named(w, *o); err == nil && a == nil {
			err = fmt.Errorf("no such ACL : '%s'", w)
		}
		if err != nil {
			return err
		}
		one := term{acl: a, neg: neg}
		if a.Name == "" {
			one.line = a.Lines[0]
		}
		c.terms = append(c.terms, one)
		c.needs |= a.Needs()
		c.valid |= a.validity()
		a.checkPlace(o)
		neg = false
	}
	c.closeGroup()
	return nil
}

func (c *Cond) closeGroup() {
	if n := len(c.terms); n > 0 {
		c.terms[n-1].end = true
	}
}

// Eval evaluates the condition; "unless" is already applied. A nil condition
// passes. With ctx.Final set it never returns Miss. It runs on the loop that
// owns ctx and does not allocate beyond what its fetches do.
func (c *Cond) Eval(ctx *sample.Context) Result {
	if c == nil {
		return Pass
	}
	res, and := Fail, Pass
	for i := 0; i < len(c.terms); i++ {
		t := &c.terms[i]
		var r Result
		if t.line != nil {
			r = t.line.eval(ctx)
		} else {
			r = t.acl.Eval(ctx)
		}
		if t.neg {
			r = Pass - r
		}
		and = min(and, r)
		if and == Fail {
			for !c.terms[i].end {
				i++
			}
			and = Pass
			continue
		}
		if t.end {
			if and == Pass {
				res = Pass
				break
			}
			res, and = max(res, and), Pass
		}
	}
	if c.unless {
		return Pass - res
	}
	return res
}

// Refs yields what the condition's expressions refer to, once it is resolved.
func (c *Cond) Refs(yield func(ref any)) {
	if c == nil {
		return
	}
	for i := range c.terms {
		for _, l := range c.terms[i].acl.Lines {
			l.expr.Refs(yield)
		}
	}
}

// Needs returns what the condition's fetches look at.
func (c *Cond) Needs() sample.Needs {
	if c == nil {
		return 0
	}
	return c.needs
}

// Validity returns the places where at least one of the condition's fetches
// may be used.
func (c *Cond) Validity() sample.Validity {
	if c == nil {
		return sample.Everywhere
	}
	return c.valid
}
