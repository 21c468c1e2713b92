package rule

import (
	"fmt"

	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

// ParseFunc is the Impl of an action's row: it reads the words behind the
// action's name and returns the action. It stops at the first word that is not
// its own; the condition that follows is the caller's.
type ParseFunc func(a *Args) (Action, error)

// Args are the words of one rule while the configuration is read.
type Args struct {
	Set   *keyword.Set
	Class keyword.Class // the rule set: keyword.HTTPReq, …
	Name  string        // the action's name as written
	Words []string      // behind the name, the condition included
	At    int           // next word
	HTTP  bool          // the proxy is in mode http
	// Plain: texts hold no expressions (the keyword redirect).
	Plain bool
	// Options are for compiling expressions and formats at this place.
	Options sample.Options
	// Host resolves what lies outside the rule; see Host.
	Host Host
	Warn func(format string, args ...any)
}

// Host is what an action may ask of the configuration around it.
type Host interface {
	// HTTPErrors returns a named http-errors section's pages, nil when there
	// is none yet.
	HTTPErrors(name string) Pages
	// ReadFile reads a file that the configuration names.
	ReadFile(path string) ([]byte, error)
	// MaxReply is the largest content of a reply in bytes (tune.bufsize less
	// tune.maxrewrite).
	MaxReply() int
	// NeedCapture reserves a capture slot of n bytes (http-request capture) and
	// returns its index.
	NeedCapture(response bool, n int) int
	// StickCounters is how many slots for tracked entries there are
	// (tune.stick-counters).
	StickCounters() int
	// NeedTable has an action given a stick table once all are known: that of a
	// name or, if own, of the proxy that the rule stands in. word is the action, for
	// messages.
	NeedTable(of *Args, word, name string, own bool, to TableUser)
	// NeedResolvers has use called with the resolvers section of a name, a
	// *resolvers.Section, once all are known. word is the action, for messages.
	NeedResolvers(word, name string, use func(section any))
}

// TableUser is an action that works on a stick table.
type TableUser interface {
	// UseTable gives it the table, a *proxy.Table; false when keys of that type
	// cannot be made.
	UseTable(t any) bool
}

// Peek returns the next word, "" at the end.
func (a *Args) Peek() string {
	if a.At < len(a.Words) {
		return a.Words[a.At]
	}
	return ""
}

// Next takes the next word, "" at the end.
func (a *Args) Next() string {
	w := a.Peek()
	if a.At < len(a.Words) {
		a.At++
	}
	return w
}

// Done tells whether the words of the action are used up: at the end, or at
// the condition.
func (a *Args) Done() bool {
	w := a.Peek()
	return w == "" || w == "if" || w == "unless"
}

// Need takes the next word or fails naming what is missing.
func (a *Args) Need(what string) (string, error) {
	if a.Done() {
		return "", fmt.Errorf("missing %s", what)
	}
	return a.Next(), nil
}

// Format compiles the next word as a log-format string.
func (a *Args) Format(text string, place sample.Place) (*sample.Format, error) {
	return sample.CompileFormat(a.Set, text, sample.FormatOptions{Options: a.Options, For: place})
}
