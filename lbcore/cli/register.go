package cli

import (
	"strconv"
	"strings"
	"time"

	"gohap/lbcore/keyword"
)

// Register adds the commands about the connection itself.
func Register(set *keyword.Set) {
	set.Add(
		row("help", "[<command>]", "list matching or all commands", Command{Of: OfBoth, Run: help}, "help show"),
		row("prompt", "[help | n | i | p | timed ]*", "toggle interactive mode with prompt", Command{Of: OfBoth, Run: prompt}, "prompt help", "prompt sometimes"),
		row("quit", "", "disconnect", Command{Of: OfBoth, Run: quit}, "quit"),
		row("echo", "<text>", "print text to the output", Command{Of: OfBoth, Run: func(r *Request) {
			r.Message(Info, "%s", strings.Join(r.Args, " "))
		}}, "echo hello world"),
		row("user", "", "lower the level of the current CLI session to user", Command{Of: OfBoth, Run: func(r *Request) { r.Lower(User) }}, "user"),
		row("operator", "", "lower the level of the current CLI session to operator", Command{Of: OfBoth, Run: func(r *Request) { r.Lower(Operator) }}, "operator"),
		row("show cli level", "", "display the level of the current CLI session", Command{Of: OfBoth, Run: func(r *Request) {
			r.Message(Info, "%s", r.Level())
		}}, "show cli level"),
		row("show cli sockets", "", "dump list of cli sockets", Command{Of: OfBoth, Run: showSockets}, "show cli sockets"),
		row("set severity-output", "[none|number|string]", "set presence of severity level in feedback information", Command{Run: setSeverity}, "set severity-output number", "set severity-output loud", "set severity-output"),
		row("set timeout", "[cli] <delay>", "change a timeout setting", Command{Run: setTimeout}, "set timeout cli 60", "set timeout cli", "set timeout cli 0", "set timeout client 5"),
		row("expert-mode", "[on|off]", "show and allow commands that only developers need", Command{Level: Admin, Hidden: true, Run: switchMode("expert-mode", func(m *modes) *bool { return &m.expert })}, "expert-mode on"),
		row("experimental-mode", "[on|off]", "show and allow commands that may change", Command{Level: Admin, Hidden: true,
			Run: switchMode("experimental-mode", func(m *modes) *bool { return &m.experimental })}, "experimental-mode on"),
	)
}

func row(name, args, summary string, c Command, good string, bad ...string) keyword.Row {
	return keyword.Row{Bad: bad, Class: keyword.Command, Name: name, Args: args, Summary: summary, Impl: c,
		Good: []keyword.Example{{Config: good}}}
}

func setSeverity(r *Request) {
	word := ""
	if len(r.Args) > 0 {
		word = r.Args[0]
	}
	s, err := ParseSeverityOutput(word)
	if err != nil {
		r.Fail("%s", err)
		return
	}
	r.SetSeverity(s)
}

// setTimeout changes how long this connection may be idle; without a unit the
// delay is in seconds.
func setTimeout(r *Request) {
	switch {
	case len(r.Args) == 0 || r.Args[0] != "cli":
		r.Fail("'set timeout' only supports 'cli'.")
	case len(r.Args) < 2:
		r.Fail("Expects an integer value.")
	default:
		d, ok := parseDelay(r.Args[1])
		if !ok {
			r.Fail("Invalid timeout value.")
			return
		}
		r.SetIdle(d)
	}
}

// parseDelay reads an integer with an optional unit, seconds by default.
func parseDelay(s string) (time.Duration, bool) {
	digits := strings.TrimRight(s, "dhmsu")
	unit := map[string]time.Duration{"": time.Second, "us": time.Microsecond, "ms": time.Millisecond,
		"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[s[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || unit == 0 {
		return 0, false
	}
	const most = 1<<31 - 1 // ms, what the reference's timers hold
	if n > int64(most*time.Millisecond/unit) {
		return most * time.Millisecond, true
	}
	return time.Duration(n) * unit, true
}

func showSockets(r *Request) {
	r.WriteString("# socket lvl processes\n")
	for _, k := range r.Server().Sockets() {
		r.Printf("%s %s all\n", k, k.Level)
	}
}

// switchMode makes the commands expert-mode and experimental-mode.
func switchMode(name string, of func(*modes) *bool) func(*Request) {
	return func(r *Request) {
		on := of(&r.conn.modes)
		switch {
		case len(r.Args) > 0: // reference: any other word switches it off
			*on = r.Args[0] == "on"
		case *on:
			r.WriteString(name + " is ON\n")
		default:
			r.WriteString(name + " is OFF\n")
		}
	}
}
