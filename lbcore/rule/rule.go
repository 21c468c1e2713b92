package rule

import (
	"gohap/lbcore/acl"
	"gohap/lbcore/sample"
)

// Verdict is the outcome of an action or a set.
type Verdict uint8

// The verdicts.
const (
	Continue    Verdict = iota // go on with the next rule
	Stop                       // skip the rest of this set
	Suspend                    // wait; run again from the same rule
	Answer                     // answer with the reply that the action left
	Close                      // end without an answer
	Failed                     // a rewrite could not be done (strict mode): internal error
	Undecided                  // a condition lacks data: try the whole set again when more came
	CloseServer                // end the server's connection (tcp-response content)
)

// Action is what a rule does. Run is called on the stream's loop; the stream
// is c.Stream. One action serves many streams at once and keeps no state of
// them.
type Action interface {
	Run(c *sample.Context) Verdict
}

// Func is an action without arguments.
type Func func(c *sample.Context) Verdict

// Run implements Action.
func (f Func) Run(c *sample.Context) Verdict { return f(c) }

// Rule is one line.
type Rule struct {
	Cond   *acl.Cond // nil: always
	Action Action
	// Asks are the user lists that the action's expressions look passwords up in:
	// arguments, since lists are resolved after all was read.
	Asks []*sample.Arg
	Word string // the action's name, for last_rule and messages
	File string
	Line int
}

// Set is an ordered list of rules.
type Set []Rule

// Run evaluates the rules from index at. It returns the index of the rule that
// decided, from which a suspended set goes on. A condition that lacks data
// leaves the set undecided unless c.Final is set. A rule whose action suspended goes
// on with the action: its condition has been decided.
func (s Set) Run(c *sample.Context, at int) (int, Verdict) {
	if at == 0 {
		c.SoftRewrite = false
	}
	acting := c.Acting
	c.Acting = false
	for ; at < len(s); at++ {
		r := &s[at]
		if r.Cond != nil && !acting {
			c.Deferred = false
			res := r.Cond.Eval(c)
			if c.Deferred {
				return at, Suspend
			}
			switch res {
			case acl.Miss:
				return at, Undecided
			case acl.Fail:
				continue
			}
		}
		if r.Asks != nil && r.wait(c) {
			return at, Suspend
		}
		acting = false
		if v := r.Action.Run(c); v != Continue {
			c.Acting = v == Suspend
			if v != Suspend && r.Line > 0 {
				c.LastRule.File, c.LastRule.Line = r.File, r.Line
			}
			return at, v
		}
	}
	return at, Continue
}

// asker is a stream: it looks up the password of its request in a user list
// (*auth.List), and tells whether the outcome has to be waited for.
type asker interface{ AskList(list any) bool }

// wait tells whether the action has to wait for a password that is hashed.
func (r *Rule) wait(c *sample.Context) bool {
	s, ok := c.Stream.(asker)
	if !ok {
		return false
	}
	for _, a := range r.Asks {
		if s.AskList(a.Ref) {
			return true
		}
	}
	return false
}
