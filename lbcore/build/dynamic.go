//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"gohap/lbcore/check"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// This file reads the servers that are added while the instance runs ("add
// server"): lines without a place, of which nothing is inherited.

// staticWords are the server options that only a configuration may have
// (reference: they undo what default-server said, or need what is made at the start).
var staticWords = map[string]bool{
	"enabled": true, "no-check": true, "no-agent-check": true, "no-check-ssl": true, "no-check-send-proxy": true,
	"no-ssl": true, "ssl-reuse": true, "no-send-proxy-v2-ssl": true, "no-send-proxy-v2-ssl-cn": true, "max-reuse": true, "tcp-ut": true, "redir": true, "stick": true, "non-stick": true,
}

// dynamic marks the options that "add server" takes too.
func dynamic(rows []keyword.Row) []keyword.Row {
	for i := range rows {
		if r := &rows[i]; r.Class == keyword.Server && !staticWords[r.Name] {
			r.Flags |= keyword.Dynamic
		}
	}
	return rows
}

// Servers reads servers for the backends of a configuration that runs. One
// goroutine at a time may use it.
type Servers struct{ builder *Builder }

// Added is a server that was read, not one of its backend yet.
type Added struct {
	Server    *proxy.Server
	Endpoints check.Endpoints
	Disabled  bool   // it was said to be disabled
	Notes     string // to be told beside its being added
}

// Refuses says why no server can be added to a backend, "" when some can.
func (d *Servers) Refuses(p *proxy.Proxy) string {
	if !NewPolicy(d.builder.Set, p, nil).Dynamic() {
		return "Backend must use a dynamic load balancing to support dynamic servers."
	}
	return ""
}

// Read reads a server of a backend: its name, its address and its options. The
// error is what is answered.
func (d *Servers) Read(p *proxy.Proxy, words []string, process *sample.Process) (*Added, error) {
	b := *d.builder // what a line leaves behind in the builder is nobody else's
	b.Diag, b.checkEnds, b.plans, b.Global.refs = &config.Diagnostics{}, nil, nil, nil
	b.certs = b.certs.Sealed() // reference: no file is read any more
	b.guids = maps.Clone(b.guids)
	s := b.sectionOf(p)
	st := &config.Statement{Words: append([]string{"server"}, words...)}
	l := b.readServer(s, st, true)
	if text := b.said(); text != "" {
		return nil, errors.New(text)
	}
	if !l.speaks(s.mode) {
		return nil, errors.New("MUX protocol is not usable for server.")
	}
	if err := l.identify(p); err != nil {
		return nil, err
	}
	added := &Added{Server: l.srv, Disabled: l.down}
	b.settleAdded(s, l, added)
	if b.Diag.Errors() > 0 {
		if l.srv.Release != nil {
			l.srv.Release()
		}
		return nil, errors.New(b.said())
	}
	if text := b.said(); text != "" {
		added.Notes += text + "\n"
	}
	for _, plan := range b.plans {
		plan.Process = process
	}
	added.Endpoints = b.checkEnds[l.srv]
	d.builder.guids = b.guids
	return added, nil
}

// Forget lets others have what only a server had, which is deleted.
func (d *Servers) Forget(srv *proxy.Server) { delete(d.builder.guids, srv.GUID) }

// identify gives the server a number: its own, or the first that is free.
func (l *serverLine) identify(p *proxy.Proxy) error {
	if p.Server(l.srv.Name) != nil {
		return errors.New("Already exists a server with the same name in backend.")
	}
	taken := map[int]*proxy.Server{}
	for _, o := range p.Set().All {
		taken[o.ID] = o
	}
	if l.srv.ForcedID = l.srv.ID != 0; l.srv.ForcedID {
		return l.free(taken[l.srv.ID])
	}
	for l.srv.ID = 1; taken[l.srv.ID] != nil; {
		l.srv.ID++
	}
	return nil
}

// free refuses a number that another server has.
func (l *serverLine) free(o *proxy.Server) error {
	if o == nil {
		return nil
	}
	at := config.Position{File: o.File, Line: o.Line}
	if o.Dynamic {
		at.File = "(null)" // reference: it has no place
	}
	return fmt.Errorf("'id' : custom id %d already used at %s ('server %s').", l.srv.ID, at, o.Name)
}

// settleAdded does for one server what settling a section does for all.
func (b *Builder) settleAdded(s *section, l *serverLine, added *Added) {
	if l.check {
		if s.plan == nil {
			s.plan = b.checkPlan(s)
		}
		b.checkPort(s, l)
	}
	b.settleServer(s, l)
	if l.more.track != "" && b.Diag.Errors() == 0 {
		b.track(s, l)
		b.checkTracked(l)
	}
	b.resolveReferences()
	switch value := b.cookieOf(s, l); {
	case value == "":
	case s.mode != proxy.HTTP:
		added.Notes = "Ignoring cookie as HTTP mode is disabled.\n"
	default:
		l.srv.Cookie = value
	}
}

// checkTracked refuses to track what has no state of its own, or may go.
func (b *Builder) checkTracked(l *serverLine) {
	t := l.srv.Watch.Track
	if t == nil {
		return
	}
	last := t
	for last.Watch.Track != nil {
		last = last.Watch.Track
	}
	switch name := t.Proxy.Name + "/" + t.Name; {
	case t.Dynamic:
		b.Diag.Rawf(config.Alert, "unable to use %s for tracking as it is a dynamic server.", name)
	case last.Check == nil && last.Agent == nil:
		b.Diag.Rawf(config.Alert, "unable to use %s for tracking as it does not have any check nor agent enabled.", name)
	}
}

func (b *Builder) sectionOf(p *proxy.Proxy) *section {
	for _, s := range b.sections {
		if s.p == p {
			return s
		}
	}
	return nil
}

// said returns what was said so far, without the places, a line each.
func (b *Builder) said() string {
	var lines []string
	for _, m := range b.Diag.Messages() {
		lines = append(lines, placeless(m.Text))
	}
	return strings.Join(lines, "\n")
}

// placeless takes file, line and server off a message.
func placeless(text string) string {
	text = strings.TrimPrefix(text, "config : ")
	if strings.HasPrefix(text, "[") {
		_, text, _ = strings.Cut(text, "] : ")
	}
	if strings.HasPrefix(text, "'server ") && strings.Contains(text, "' : ") {
		if label, rest, _ := strings.Cut(text, "' : "); strings.Contains(label, "/") {
			return rest
		}
	}
	return text
}
