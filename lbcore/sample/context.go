package sample

import (
	"gohap/lbcore/buffer"
	"gohap/lbcore/clock"
	"gohap/lbcore/message"
)

// Direction tells which side of the exchange is being looked at.
type Direction uint8

// The directions.
const (
	Request Direction = iota
	Response
)

// Context is one evaluation environment. A stream, session or check owns one
// and uses it on its loop only; nothing in it may be kept past the evaluation
// except by its owner.
type Context struct {
	Stream  any // *stream.Stream; nil at connection level
	Session any // *stream.Session; nil outside a session
	Check   any // *check.Check while a health check runs

	Request, Response *message.Head // the heads as available now, nil when not
	Dir               Direction
	Final             bool // no more data will come: MayChange is meaningless

	Arena   *buffer.Arena // results live here until its owner resets it
	Vars    Vars
	Process *Process     // facts about the process; never nil
	Clock   clock.Source // nil means the machine's clock
	Thread  int          // the loop's number, from 0

	// LastRule is where the rule stands that last ended its rule set.
	LastRule struct {
		File string
		Line int
	}

	// SoftRewrite: a rewrite that cannot be done is left out (strict-mode off).
	// It is reset when a rule set begins.
	SoftRewrite bool

	// Deferred: a fetch lacks the outcome of work that no loop does, which it has
	// started; its value counts for nothing. Rule sets suspend at the rule and
	// are resumed when the outcome is there.
	Deferred bool

	// Acting: the rule that suspended did so in its action.
	Acting bool

	// Log is the encoding that Format.Append wants from an alias while it
	// runs: an AliasFunc may read it, nothing else may.
	Log LogFlags

	scratch [4]Sample
	depth   int
}

// Borrow returns a sample to evaluate into; Release gives it back, in reverse
// order. A sample on the caller's stack would escape through the fetch.
func (c *Context) Borrow() *Sample {
	c.depth++
	if c.depth <= len(c.scratch) {
		return &c.scratch[c.depth-1]
	}
	return new(Sample)
}

// Release gives the last borrowed sample back.
func (c *Context) Release() { c.depth-- }

// Process holds what fetches tell about the process. It is read-only while
// the instance runs.
type Process struct {
	PID      int
	Hostname []byte
	Node     string
	Threads  int
	Start    int64 // monotonic nanoseconds of the start
	Env      func(string) (string, bool)
	ProcVars *ProcVars // scope proc
}
