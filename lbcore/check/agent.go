package check

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"gohap/lbcore/proxy"
)

// Agent is where a server's agent is and what it is sent. Operators change it
// while it runs, under the target's lock.
type Agent struct {
	Network, Address string
	Send             string
	Follows          bool // it is at the server's address, wherever that is
}

// maxLine is the longest answer of an agent.
const maxLine = 16384

// ask reads the agent's line; ok is false when the checker stops.
func (t *agentTarget) ask(ctx context.Context) (text string, r proxy.Result, ok bool) {
	limit := t.cfg.Timeout
	if limit == 0 {
		limit = t.cfg.Inter
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin := t.Clock.Mono()
	took := func(r proxy.Result) proxy.Result {
		r.Neutral = true
		r.Duration = time.Duration(t.Clock.Mono() - begin)
		return r
	}
	at := t.where()
	conn, err := t.Dial(limited, t.srv.CheckSource, at.Network, at.Address)
	if err != nil {
		x := target{Checker: t.Checker, network: at.Network}
		return "", took(x.classify(err)), ctx.Err() == nil
	}
	defer quiet(conn)
	stop := context.AfterFunc(limited, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if at.Send != "" {
		if _, err := conn.Write([]byte(at.Send)); err != nil {
			return "", took(proxy.Result{Status: SOCKERR}), ctx.Err() == nil
		}
	}
	text, r = readLine(conn)
	return text, took(r), ctx.Err() == nil
}

// readLine reads up to the first end of line. Without a status the line is
// complete.
func readLine(conn net.Conn) (string, proxy.Result) {
	var got []byte
	buf := make([]byte, 512)
	for {
		n, err := conn.Read(buf)
		got = append(got, buf[:n]...)
		if i := strings.IndexAny(string(got), "\r\n"); i >= 0 {
			return string(got[:i]), proxy.Result{}
		}
		var timeout net.Error
		switch {
		case err == nil && len(got) < maxLine:
			continue
		case len(got) > 0:
			return "", proxy.Result{Status: L7TOUT, Desc: "Ignoring incomplete line from agent"}
		case asTimeout(err, &timeout):
			return "", proxy.Result{Status: L7TOUT}
		}
		return "", proxy.Result{Status: L7RSP, Desc: "TCPCHK got an empty response at step 2"}
	}
}

// answer is what an agent's line says.
type answer struct {
	admin   string // ready, drain, maint
	verdict string // up, down, fail, stopped as written
	reason  string
	weight  string
	maxconn string
	hasMax  bool
	unknown string
}

// AgentWord takes a word of an agent's line into its answer, w as it was written
// and low in small letters. It tells whether it is that word.
type AgentWord func(a *answer, w, low string) bool

// AgentWords are the words that there are, by name.
var AgentWords = map[string]AgentWord{
	"up": verdictWord("up"), "down": verdictWord("down"), "fail": verdictWord("fail"), "stopped": verdictWord("stopped"),
	"ready": adminWord("ready"), "drain": adminWord("drain"), "maint": adminWord("maint"),
	"weight:": func(a *answer, w, low string) bool {
		if !strings.HasPrefix(low, "weight:") {
			return false
		}
		a.weight = w[len("weight:"):]
		return true
	},
	"maxconn:": func(a *answer, w, low string) bool {
		if !strings.HasPrefix(low, "maxconn:") {
			return false
		}
		a.maxconn, a.hasMax = w[len("maxconn:"):], true
		return true
	},
	"<n>%": func(a *answer, w, _ string) bool {
		if w[0] < '0' || w[0] > '9' || !strings.HasSuffix(w, "%") {
			return false
		}
		a.weight = w
		return true
	},
}

func verdictWord(name string) AgentWord {
	return func(a *answer, w, low string) bool {
		if low == name {
			a.verdict = w
		}
		return low == name
	}
}

func adminWord(name string) AgentWord {
	return func(a *answer, _, low string) bool {
		if low == name {
			a.admin = name
		}
		return low == name
	}
}

// parseAnswer reads a line: words parted by blanks, tabs or commas, in any
// order. Reference: behind "#" comes the reason of the verdict; a word without
// meaning behind the verdict is its reason too.
func parseAnswer(text string, known []AgentWord) answer {
	var a answer
	for w := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' }) {
		if w[0] == '#' {
			if a.verdict != "" {
				_, reason, _ := strings.Cut(text, "#")
				a.reason = strings.TrimSpace(reason)
			}
			return a
		}
		low := strings.ToLower(w)
		switch {
		case slices.ContainsFunc(known, func(is AgentWord) bool { return is(&a, w, low) }):
		case a.verdict != "":
			a.reason = w
			return a
		case a.unknown == "":
			a.unknown = w
		}
	}
	return a
}

// obey does what an answer asks for and returns the result that is shown.
func (t *agentTarget) obey(a answer) proxy.Result {
	s := t.srv
	r := proxy.Result{Status: CHECKED, Neutral: true}
	if a.unknown != "" && a.verdict == "" {
		r.Desc = "agent reports an error : " + a.unknown
	}
	t.SetAdmin(s, a.admin)
	if a.weight != "" {
		if warn := t.SetWeight(s, a.weight); warn != "" {
			r.Desc = "agent warns : " + warn + "\n"
		}
	}
	if a.hasMax {
		if warn := SetMaxconn(s, a.maxconn); warn != "" {
			r.Desc = "agent warns : " + warn + "\n"
		}
	}
	if a.verdict == "" {
		return r
	}
	r = proxy.Result{Status: L7STS, Desc: "via agent : " + a.verdict}
	if strings.EqualFold(a.verdict, "up") {
		r.OK, r.Status = true, L7OK
	}
	if a.reason != "" {
		r.Desc += fmt.Sprintf(" (%s)", a.reason)
	}
	return r
}
