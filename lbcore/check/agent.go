package check

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"gohap/lbcore/proxy"
)

// Agent is where a server's agent is and what it is sent. Operators change it
// while it runs, under the target's lock.
type Agent struct {
	Network, Address string
	Send             string
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

// parseAnswer reads a line: words parted by blanks, tabs or commas, in any
// order. Reference: behind "#" comes the reason of the verdict; a word without
// meaning behind the verdict is its reason too.
func parseAnswer(text string) answer {
	var a answer
	words := strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' })
	for i := 0; i < len(words); i++ {
		w := words[i]
		low := strings.ToLower(w)
		switch {
		case strings.HasPrefix(w, "#"):
			if a.verdict != "" {
				_, reason, _ := strings.Cut(text, "#")
				a.reason = strings.TrimSpace(reason)
			}
			return a
		case low == "up", low == "down", low == "fail", low == "stopped":
			a.verdict = w
		case low == "ready", low == "drain", low == "maint":
			a.admin = low
		case strings.HasPrefix(low, "weight:"):
			a.weight = w[len("weight:"):]
		case strings.HasPrefix(low, "maxconn:"):
			a.maxconn, a.hasMax = w[len("maxconn:"):], true
		case low[0] >= '0' && low[0] <= '9' && strings.HasSuffix(low, "%"):
			a.weight = w
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
