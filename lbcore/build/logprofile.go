//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"fmt"
	"strings"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/log"
	"gohap/lbcore/sample"
)

// This file has log-profile sections and log-steps.

// logProfile is a log-profile section.
type logProfile struct {
	name string
	pos  config.Position
	log.Profile
}

const profileSteps = "expected values are: 'accept', 'request', 'connect', 'response', 'close', 'error' or 'any'.\n" +
	"Or one of the additional log steps: 'quic-init', 'http-req', 'http-res', 'http-after-res', 'tcp-req-conn', 'tcp-req-sess', 'tcp-req-cont', 'tcp-res-cont'."

const plainSteps = "accept, request, connect, response, close, quic-init, http-req, http-res, http-after-res, tcp-req-conn, tcp-req-sess, tcp-req-cont, tcp-res-cont"

// profileRows are the section's words, the steps and log-steps.
func profileRows() []keyword.Row {
	row := func(name, args, good, summary string, f any, bad ...string) keyword.Row {
		return keyword.Row{Class: keyword.SectionProfile, Name: name, Where: keyword.InOther, Args: args, Summary: summary,
			Good: []keyword.Example{{Config: good}}, Bad: bad, Impl: f}
	}
	part := func(name, summary string) keyword.Row {
		line := "on close " + name
		if name != "drop" {
			line += " %ci"
		}
		return row("on:"+name, "", line, summary, name)
	}
	rows := []keyword.Row{
		row("log-tag", "<text>", "log-tag web", "the tag of the lines", (*Builder).profileTag, "log-tag"),
		row("on", "<step> [drop] [format <fmt>] [sd <fmt>]", "on close format %ci", "what is logged at a step", (*Builder).profileOn, "on", "on x", "on close", "on close x"),
		part("drop", "nothing is logged at the step"),
		part("format", "the line of the step"),
		part("sd", "the structured data of the step's line"),
		proxyRow("log-steps", keyword.InFrontends, "<step>[,<step>]…|all", "when lines are logged, instead of once at the end", "log-steps accept,close", logSteps, "log-steps x", "log-steps all,close"),
	}
	for _, s := range log.Steps() {
		where := map[log.Step]string{log.StepAny: "wherever nothing else is said", log.StepError: "what never became a request", log.StepAccept: "a request begins",
			log.StepRequest: "its head is there", log.StepConnect: "its server is connected", log.StepResponse: "the head of the answer is there", log.StepClose: "it is over",
			log.StepQUICInit: "a connection of QUIC begins, of which there is none here"}[s]
		if where == "" {
			where = "action do-log in rules of that name"
		}
		rows = append(rows, keyword.Row{Class: keyword.LogStep, Name: s.String(), Summary: where, Good: []keyword.Example{{Config: "on " + s.String() + " drop"}}, Impl: s})
	}
	return append(rows, keyword.Row{Class: keyword.LogStep, Name: "all", Summary: "all that log-steps may name", Good: []keyword.Example{{Config: "log-steps all"}}, Impl: log.StepAny})
}

// step reads a step's word.
func (b *Builder) step(word string) (log.Step, bool) {
	row := b.Set.Lookup(keyword.LogStep, word)
	if row == nil {
		return 0, false
	}
	return row.Impl.(log.Step), true
}

// logSteps reads log-steps.
func logSteps(b *Builder, s *section, st *config.Statement) {
	if s.kind != "defaults" && !s.p.IsFrontend {
		b.Warnf(st, "log-steps will be ignored because %s '%s' has no frontend capability", s.noun(), s.name)
		return
	}
	s.logSteps = 0
	if st.Word(1) == "" {
		return
	}
	if _, ok := b.step("all"); ok && st.Word(1) == "all" {
		s.logSteps = ^uint32(0)
		return
	}
	for _, word := range strings.Split(st.Word(1), ",") {
		step, ok := b.step(word)
		if !ok || step == log.StepAny || step == log.StepError {
			b.Alertf(st, "invalid log step name (%s). Expected values are: %s", word, plainSteps)
			return
		}
		s.logSteps |= 1 << step
	}
}

func (b *Builder) openProfile(st *config.Statement) config.Outcome {
	name := st.Word(1)
	if name == "" {
		b.Alertf(st, "missing name for log-profile section.")
		return config.Abort
	}
	if old := b.profiles[name]; old != nil {
		b.Diag.Rawf(config.Alert, "Parsing [%s]: log-profile section '%s' has the same name as another log-profile section declared at %s.", st.Pos, name, old.pos)
		return config.Abort
	}
	if b.profiles == nil {
		b.profiles = map[string]*logProfile{}
	}
	b.profile = &logProfile{name: name, pos: st.Pos}
	b.profiles[name] = b.profile
	return config.Continue
}

func (b *Builder) profileLine(st *config.Statement) {
	row := b.Set.Lookup(keyword.SectionProfile, st.Words[0])
	if row == nil || strings.Contains(st.Words[0], ":") {
		b.Alertf(st, "unknown keyword '%s' in log-profile section.", st.Words[0])
		return
	}
	row.Impl.(func(*Builder, *config.Statement))(b, st)
}

func (b *Builder) profileTag(st *config.Statement) {
	if st.Word(1) == "" {
		b.Alertf(st, "'log-tag' expects a tag for use in syslog.")
		return
	}
	if !b.tooMany(st, 2) {
		b.profile.Tag = st.Words[1]
	}
}

// profileOn reads what is logged at a step; a later line replaces what an earlier one
// says of it.
func (b *Builder) profileOn(st *config.Statement) {
	step, ok := b.step(st.Word(1))
	if !ok || st.Word(1) == "all" {
		b.alertTight(st.Pos, "'on' expects a log step.\n%s", profileSteps)
		return
	}
	on := &b.profile.Steps[step]
	for i := 2; ; i++ {
		word := st.Word(i)
		if word == "" && i > 2 {
			break
		}
		if b.Set.Lookup(keyword.SectionProfile, "on:"+word) == nil {
			b.Alertf(st, "'on %s' expects 'drop', 'format' or 'sd'.", st.Words[1])
			return
		}
		on.Set = true
		if word == "drop" {
			on.Drop = true
			continue
		}
		if i++; st.Word(i) == "" {
			b.Alertf(st, "'on %s %s' expects a logformat string.", st.Words[1], word)
			return
		}
		f := b.profileFormat(st, st.Words[i])
		if word == "sd" {
			on.SD = f
		} else {
			on.Format = f
		}
	}
}

// profileFormat compiles a line's format. Which proxies use it is not known yet, so it
// may have what only those of mode http have.
func (b *Builder) profileFormat(st *config.Statement, text string) *sample.Format {
	o := sample.Options{Place: sample.Logs, Words: b.Set, Files: b.Files, ProcVars: b.procVars, Lists: b.lists, File: st.Pos.File, Line: st.Pos.Line, Env: b.Env.Lookup,
		Refs: b.holdRefs("log-format string"), Warn: func(w string) { b.Diag.Warnf(st.Pos, "%s", w) }}
	f, err := sample.CompileFormat(b.Set, text, sample.FormatOptions{Options: o, For: sample.ForLog, HTTP: true})
	if err != nil {
		b.Diag.Rawf(config.Alert, "Parsing [%s]: failed to parse logformat: %s.", st.Pos, strings.TrimSuffix(err.Error(), "."))
	}
	return f
}

// logProfile returns the profile of a target, nil without one.
func (b *Builder) logProfile(t *LogTarget) *log.Profile {
	if p := b.profiles[t.Profile]; p != nil {
		return &p.Profile
	}
	return nil
}

// findProfile notes what keeps the program from starting when a target's profile does
// not exist. Reference: -c does not notice.
func (b *Builder) findProfile(s *section, t *LogTarget) {
	if t.Profile != "" && b.profiles[t.Profile] == nil {
		b.late = append(b.late, fmt.Sprintf("log directive declared in proxy section '%s' in file '%s' at line %d unknown log-profile '%s'.", s.name, t.Pos.File, t.Pos.Line, t.Profile))
	}
}
