package config

import (
	"fmt"
	"io"
	"strings"
)

// Severity ranks a message.
type Severity uint8

// The severities, as printed between brackets.
const (
	Notice Severity = iota
	Diag
	Warning
	Alert
)

// tags keep the widths of the reference, so that the pids stand in a column.
var tags = [...]string{Notice: "[NOTICE]   ", Diag: "[DIAG]     ", Warning: "[WARNING]  ", Alert: "[ALERT]    "}

// String returns the severity's name in capitals.
func (s Severity) String() string { return strings.Trim(tags[s], "[] ") }

// Message is one thing told to the operator.
type Message struct {
	Severity Severity
	Text     string // without tag and pid, without the last line feed; may have several lines
}

// Diagnostics prints messages as the reference does and remembers them. The
// zero value prints nowhere and counts. Use it from one goroutine.
//
// Quiet mutes the output unless Loud is set; counts go on. Diag messages are dropped unless
// Diagnose is set (-dD). The two lines with version and path come once, before
// the first message that is more than a notice.
type Diagnostics struct {
	Out      io.Writer // where lines go, standard error as a rule
	Pid      int
	Version  string // shown in "haproxy version is …"
	Path     string // of the executable
	Program  string // the name in the version line, "haproxy" when empty
	Quiet    bool   // -q, or "quiet" in a global section
	Loud     bool   // -V or -d, which "quiet" does not mute
	Diagnose bool   // -dD
	// ZeroWarning makes any warning fatal: -dW or "zero-warning".
	ZeroWarning bool

	messages    []Message
	counts      [len(tags)]int
	versionSaid bool
}

// Alertf reports an error of a statement: "parsing [file:line] : text".
func (d *Diagnostics) Alertf(pos Position, format string, args ...any) {
	d.at(Alert, pos, format, args)
}

// Warnf reports a warning about a statement.
func (d *Diagnostics) Warnf(pos Position, format string, args ...any) {
	d.at(Warning, pos, format, args)
}

// Noticef tells something about a statement that is no fault.
func (d *Diagnostics) Noticef(pos Position, format string, args ...any) {
	d.at(Notice, pos, format, args)
}

// Diagf reports something suspicious, shown in diagnostic mode only.
func (d *Diagnostics) Diagf(pos Position, format string, args ...any) {
	d.at(Diag, pos, format, args)
}

func (d *Diagnostics) at(s Severity, pos Position, format string, args []any) {
	d.Add(s, fmt.Sprintf("config : parsing [%s] : ", pos)+fmt.Sprintf(format, args...))
}

// Rawf reports a message of which the caller writes every word, also the place:
// the reference is not uniform ("parsing [f:1]: …", "[f:1] : 'server b/s' : …",
// and most messages after parsing have no "config : ").
func (d *Diagnostics) Rawf(s Severity, format string, args ...any) {
	d.Add(s, fmt.Sprintf(format, args...))
}

// Add records and prints one message as it is.
func (d *Diagnostics) Add(s Severity, text string) {
	if s == Diag && !d.Diagnose {
		return
	}
	d.counts[s]++
	d.messages = append(d.messages, Message{s, text})
	if d.Muted() || d.Out == nil {
		return
	}
	if s > Notice && !d.versionSaid {
		d.versionSaid = true
		program := d.Program
		if program == "" {
			program = "haproxy"
		}
		d.print(Notice, fmt.Sprintf("%s version is %s", program, d.Version))
		d.print(Notice, "path to executable is "+d.Path)
	}
	d.print(s, text)
}

// Muted tells whether nothing is to be printed.
func (d *Diagnostics) Muted() bool { return d.Quiet && !d.Loud }

// Tell prints what happens while the program runs, without recording it. Any
// goroutine may call it once nothing is added any more, as far as Out allows.
func (d *Diagnostics) Tell(s Severity, text string) {
	if !d.Muted() && d.Out != nil {
		d.print(s, text)
	}
}

// print writes a line; a failing standard error has nobody left to be told.
func (d *Diagnostics) print(s Severity, text string) {
	_, _ = fmt.Fprintf(d.Out, "%s(%d) : %s\n", tags[s], d.Pid, text)
}

// Messages returns everything said so far, in order. The caller must not change it.
func (d *Diagnostics) Messages() []Message { return d.messages }

// Errors is the number of alerts.
func (d *Diagnostics) Errors() int { return d.counts[Alert] }

// Warnings is the number of warnings; diagnostic messages count as warnings
// (reference: -dD together with -dW refuses them).
func (d *Diagnostics) Warnings() int { return d.counts[Warning] + d.counts[Diag] }

// RefuseWarnings says that warnings are fatal when they are and there were some.
// It is called when everything else is in order.
func (d *Diagnostics) RefuseWarnings() bool {
	if !d.ZeroWarning || d.Warnings() == 0 {
		return false
	}
	d.Add(Alert, "Some warnings were found and 'zero-warning' is set. Aborting.")
	return true
}

// Log returns all messages as they were or would have been printed, for
// "show startup-logs" and the answer to "reload".
func (d *Diagnostics) Log() string {
	var b strings.Builder
	for _, m := range d.messages {
		fmt.Fprintf(&b, "%s(%d) : %s\n", tags[m.Severity], d.Pid, m.Text)
	}
	return b.String()
}
