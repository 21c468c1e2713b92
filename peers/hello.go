package peers

import (
	"bytes"
	"fmt"
	"strconv"
)

// Status codes that answer a hello.
const (
	statusOK       = 200
	statusBusy     = 300 // later: the local peer has a session
	statusProtocol = 501
	statusVersion  = 502
	statusNotMe    = 503 // the name of who is connected to
	statusUnknown  = 504 // who connects
)

// longestHello bounds three lines, bytes.
const longestHello = 2048

// hello reads who connects: the version, the name of this process and its own with
// its process number, a line each. It returns the length, 0 when more has to come.
func (x *Session) hello(b []byte, now uint32) int {
	first, rest, ok := Line(b)
	if !ok {
		if len(b) > longestHello {
			x.end("no hello", now)
		}
		return 0
	}
	minor, status := version(first)
	if status != statusOK {
		x.refuse(status, fmt.Sprintf("a hello that begins with %.40q", first), now)
		return 0
	}
	to, rest, ok1 := Line(rest)
	if ok1 && string(to) != x.s.Local {
		x.refuse(statusNotMe, fmt.Sprintf("a hello to %.80q, which is not this process", to), now)
		return 0
	}
	from, rest, ok2 := Line(rest)
	if !ok1 || !ok2 {
		if len(b) > longestHello {
			x.end("no hello", now)
		}
		return 0
	}
	name, _, spaced := bytes.Cut(from, []byte(" "))
	if !spaced {
		x.refuse(statusProtocol, fmt.Sprintf("a hello of %.80q without a process number", from), now)
		return 0
	}
	p := x.s.peer(name)
	if p == nil {
		x.refuse(statusUnknown, fmt.Sprintf("a hello of %.80q, which is no peer", name), now)
		return 0
	}
	if old := p.n.session; old != nil {
		if p.n.local {
			x.refuse(statusBusy, "another session of the local peer", now)
			return 0
		}
		p.Collisions.Add(1)
		old.end("the peer connected itself", now)
		x.took = true
	}
	x.p, x.minor, p.n.session = p, minor, x
	p.RecvBytes.Add(int64(len(b) - len(rest)))
	x.out = fmt.Appendf(x.out, "%d\n", statusOK)
	x.establish(now)
	return len(b) - len(rest)
}

// version reads the first line of a hello.
func version(text []byte) (minor, status int) {
	v, ok := bytes.CutPrefix(text, []byte("HAProxyS "))
	if !ok {
		return 0, statusProtocol
	}
	switch string(v) {
	case "2.0":
		return 0, statusOK
	case "2.1":
		return 1, statusOK
	}
	return 0, statusVersion
}

// refuse answers a hello with a status and closes.
func (x *Session) refuse(status int, reason string, now uint32) {
	x.out = fmt.Appendf(x.out, "%d\n", status)
	x.s.Log("warning", fmt.Sprintf("peers %s: refused %s (%d)", x.s.Section, reason, status))
	x.end(reason, now)
}

func (s *Section) peer(name []byte) *Peer {
	for _, p := range s.Peers {
		if p.Name == string(name) {
			return p
		}
	}
	return nil
}

// status reads what the other side says of the hello. It returns the length, 0
// when more has to come.
func (x *Session) status(b []byte, now uint32) int {
	text, rest, ok := Line(b)
	if !ok {
		if len(b) > 64 {
			x.p.Errors.Add(1)
			x.end("no status", now)
		}
		return 0
	}
	code, err := strconv.Atoi(string(text))
	switch {
	case err != nil:
		x.p.Errors.Add(1)
		x.end(fmt.Sprintf("a status of %.40q", text), now)
	case code == statusOK:
		x.establish(now)
	default:
		x.denied(code, now)
	}
	return len(b) - len(rest)
}

// denied ends a session that the other side refused.
func (x *Session) denied(code int, now uint32) {
	n := x.p.n
	why := "it says no"
	switch n.status = "PROT"; code {
	case statusBusy:
		n.status, why = "RETR", "it is busy"
	case statusProtocol:
		why = "it does not understand the hello"
	case statusVersion:
		n.status, why = "VERS", "it speaks another version"
	case statusNotMe:
		n.status, why = "NAME", fmt.Sprintf("it is not %s", x.p.Name)
	case statusUnknown:
		n.status, why = "UNKN", fmt.Sprintf("it does not know %s", x.s.Local)
	}
	if code == statusVersion {
		n.older = !n.older // 2.0 next time; when that fails too, 2.1 again
	}
	reason := fmt.Sprintf("%s (%d)", why, code)
	x.s.Log("warning", fmt.Sprintf("peers %s: %s refused the session: %s", x.s.Section, x.p.Name, reason))
	x.end(reason, now)
}
