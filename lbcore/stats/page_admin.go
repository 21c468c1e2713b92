package stats

import (
	"strconv"
	"strings"
	"time"

	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
)

// This file is how a page changes servers: a form is sent by POST, what it asks is
// done on another goroutine, and the client is sent to the page that tells the
// outcome.

// Operator does to a server what a page's form asks for. It may block; no loop
// calls it.
type Operator interface {
	// Operate tells whether the action has a meaning for the server.
	Operate(s *proxy.Server, action string) bool
}

// action is one entry of the form's list.
type action struct{ word, label string }

// actions in the order of the list. Reference: start and stop are older words that
// forms no longer offer.
var actions = []action{
	{"ready", "Set state to READY"},
	{"drain", "Set state to DRAIN"},
	{"maint", "Set state to MAINT"},
	{"dhlth", "Health: disable checks"},
	{"ehlth", "Health: enable checks"},
	{"hrunn", "Health: force UP"},
	{"hnolb", "Health: force NOLB"},
	{"hdown", "Health: force DOWN"},
	{"dagent", "Agent: disable checks"},
	{"eagent", "Agent: enable checks"},
	{"arunn", "Agent: force UP"},
	{"adown", "Agent: force DOWN"},
	{"shutdown", "Kill Sessions"},
	{"start", ""},
	{"stop", ""},
}

func knownAction(word string) bool {
	for _, a := range actions {
		if a.word == word {
			return true
		}
	}
	return false
}

// notice is how a page tells an outcome.
type notice struct{ class, text string }

var messages = map[string]notice{
	"DONE": {"active_up", "Action processed successfully."},
	"NONE": {"active_going_down", "Nothing has changed."},
	"PART": {"active_going_down", "Action partially processed.<br>Some server names are probably unknown or ambiguous (duplicated names in the backend)."},
	"ERRP": {"active_down", "Action not processed because of invalid parameters.<ul><li>The action is maybe unknown.</li><li>Invalid key parameter (empty or too long).</li>" +
		"<li>The backend name is probably unknown or ambiguous (duplicated names).</li><li>Some server names are probably unknown or ambiguous (duplicated names in the backend).</li></ul>"},
	"EXCD": {"active_down", "<b>Action not processed : the buffer couldn't store all the data.<br>You should retry with less servers at a time.</b>"},
	"DENY": {"active_down", "<b>Action denied.</b>"},
	"UNKN": {"active_no_check", "Unexpected result."},
}

// operation is an action that is being done, or is done.
type operation struct{ outcome string }

// bodyTime bounds the wait for a form where no time-out does.
const bodyTime = time.Minute

// post reads the form and has done what it asks.
func (g *page) post() rule.Verdict {
	within := g.own.Timeouts.HTTPRequest
	if within == 0 {
		within = time.Duration(g.s.ClientTimeout)
	}
	if within == 0 {
		within = bodyTime
	}
	if v := g.s.WaitBody(0, int64(within)); v != rule.Continue {
		return v
	}
	if !g.admin {
		return g.redirect("DENY")
	}
	if !g.s.BodyWhole() {
		return g.redirect("EXCD")
	}
	var body []byte
	g.s.Body(func(piece []byte) bool {
		body = append(body, piece...)
		return true
	})
	f, ok := parseForm(string(body))
	if !ok || g.Operator == nil {
		return g.redirect("NONE")
	}
	p, outcome := g.target(f)
	if p == nil {
		return g.redirect(outcome)
	}
	op := new(operation)
	done := g.s.Later(func() {
		g.s.Park(op)
		g.s.Resume()
	})
	g.Operations.Do(func() {
		op.outcome = operate(g.Operator, p, f)
		done()
	})
	return rule.Suspend
}

// formData is what was sent: of the fields b and action the last ones count.
type formData struct {
	backend, action string
	hasB, hasAction bool
	servers         []string
}

// parseForm reads a form (application/x-www-form-urlencoded); false where a name
// or value is badly encoded. Fields that it does not know are passed over.
func parseForm(text string) (f formData, ok bool) {
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		key, value, has := strings.Cut(pair, "=")
		if !has {
			continue
		}
		value, ok = decodeForm(value)
		if !ok {
			return f, false
		}
		switch key {
		case "s":
			f.servers = append(f.servers, value)
		case "b":
			f.backend, f.hasB = value, true
		case "action":
			f.action, f.hasAction = value, true
		}
	}
	return f, true
}

// decodeForm decodes a value of a form.
func decodeForm(s string) (string, bool) {
	if !strings.ContainsAny(s, "%+") {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b = append(b, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			b = append(b, byte(n))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return string(b), true
}

// target finds the backend of a form; outcome is what is answered without one.
func (g *page) target(f formData) (p *proxy.Proxy, outcome string) {
	if f.hasAction && !knownAction(f.action) {
		return nil, "ERRP"
	}
	if f.hasB {
		p = g.backend(f.backend)
		if p == nil {
			return nil, "ERRP"
		}
	}
	if p == nil || !f.hasAction || len(f.servers) == 0 {
		return nil, "NONE"
	}
	return p, ""
}

// backend finds a backend by name, or by number behind "#".
func (g *page) backend(name string) *proxy.Proxy {
	id, byID := strings.CutPrefix(name, "#")
	for _, p := range g.Proxies {
		if p.IsBackend && !p.Disabled && (!byID && p.Name == name || byID && strconv.Itoa(p.ID) == id) {
			return p
		}
	}
	return nil
}

// operate does an action to each server; off the loops.
func operate(o Operator, p *proxy.Proxy, f formData) (outcome string) {
	changed, unknown := 0, 0
	for _, name := range f.servers {
		s := p.Server(name)
		switch {
		case s == nil:
			unknown++
		case o.Operate(s, f.action):
			changed++
		}
	}
	switch {
	case changed == 0 && unknown > 0:
		return "ERRP"
	case changed == 0:
		return "NONE"
	case unknown > 0:
		return "PART"
	}
	return "DONE"
}
