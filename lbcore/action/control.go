package action

import (
	"errors"
	"fmt"
	"strconv"

	"gohap/lbcore/keyword"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
)

// plain makes the ParseFunc of an action without words.
func plain(run rule.Func) rule.ParseFunc {
	return func(*rule.Args) (rule.Action, error) { return run, nil }
}

func stop(*sample.Context) rule.Verdict { return rule.Stop }

// reject closes without an answer.
func parseReject(a *rule.Args) (rule.Action, error) {
	response, content := isResponse(a.Class), a.Class == keyword.TCPReqCont
	return rule.Func(func(c *sample.Context) rule.Verdict {
		switch x := exchange(c); {
		case x == nil:
		case content:
			x.DenyContent()
		default:
			x.Deny(response)
		}
		return rule.Close
	}), nil
}

func closeServer(*sample.Context) rule.Verdict { return rule.CloseServer }

// switchMode is switch-mode http [proto <name>].
type switchMode struct{}

func parseSwitchMode(a *rule.Args) (rule.Action, error) {
	const what = "'tcp-request switch-mode'"
	switch w := a.Next(); {
	case w == "":
		return nil, errors.New(what + " expects a mode as argument.")
	case w != "http":
		return nil, fmt.Errorf(what+" expects a valid mode (got '%s').", w)
	}
	if a.Peek() == "proto" {
		a.Next()
		switch p := a.Next(); {
		case p == "":
			return nil, errors.New(what + ": 'proto' expects a protocol as argument.")
		case p == "h2":
			return nil, errors.New(keyword.Refusal("'proto h2'"))
		case p != "h1":
			return nil, fmt.Errorf(what+": 'proto' expects a valid MUX protocol, if specified (got '%s')", p)
		}
	}
	return switchMode{}, nil
}

// Run implements rule.Action.
func (switchMode) Run(c *sample.Context) rule.Verdict {
	if x := exchange(c); x != nil {
		x.SwitchHTTP()
	}
	return rule.Stop
}

// SwitchesMode tells that a frontend with this action may speak HTTP.
func (switchMode) SwitchesMode() {}

// parseSilentDrop reads silent-drop [rst-ttl <ttl>].
func parseSilentDrop(a *rule.Args) (rule.Action, error) {
	ttl := 0
	if a.Peek() == "rst-ttl" {
		a.Next()
		if a.Peek() == "" {
			return nil, errors.New("missing rst-ttl value\n")
		}
		n, err := strconv.Atoi(a.Next())
		if err != nil || n < 1 || n > 255 {
			return nil, errors.New("valid rst-ttl values are [1-255]\n")
		}
		ttl = n
	}
	response, tcp := isResponse(a.Class), a.Class == keyword.TCPResCont
	return rule.Func(func(c *sample.Context) rule.Verdict {
		x := exchange(c)
		if x == nil {
			if ss, ok := c.Session.(*stream.Session); ok {
				ss.Vanish(ttl)
			}
			return rule.Close
		}
		x.Deny(response && !tcp)
		if tcp { // reference: as if the request had been dropped
			x.Term[0], x.Term[1] = 'P', 'R'
		}
		x.Vanish(ttl)
		return rule.Close
	}), nil
}

// parseExpectProxy reads expect-proxy layer4.
func parseExpectProxy(a *rule.Args) (rule.Action, error) {
	if a.Peek() != "layer4" {
		return nil, errors.New("'expect-proxy' only supports 'layer4' in 'tcp-request connection' rules")
	}
	a.Next()
	return rule.Func(func(c *sample.Context) rule.Verdict {
		if ss, ok := c.Session.(*stream.Session); ok {
			ss.ExpectProxy()
		}
		return rule.Continue
	}), nil
}

var controlRows = []entry{
	{name: "allow", in: http, parse: plain(stop), summary: "ends the evaluation of this section's rules", good: []string{"allow"}, bad: []string{"allow x"}},
	{name: "expect-proxy", in: tcpConn, args: "layer4", parse: parseExpectProxy, summary: "wants a PROXY protocol header in front of the connection",
		good: []string{"expect-proxy layer4"}, bad: []string{"expect-proxy", "expect-proxy layer5"}},
	{name: "accept", in: tcpAll, parse: plain(stop), summary: "ends the evaluation of this section's rules", good: []string{"accept"}, bad: []string{"accept x"}},
	{name: "reject", in: httpReq | tcpAll, parse: parseReject, summary: "closes the connection without an answer", good: []string{"reject"}, bad: []string{"reject x"}},
	{name: "close", in: tcpRes, parse: plain(closeServer), summary: "closes the connection to the server at once", good: []string{"close"}, bad: []string{"close x"}},
	{name: "switch-mode", in: tcpReq, args: "http [proto <name>]", parse: parseSwitchMode, summary: "reads the connection's bytes as HTTP from here on",
		good: []string{"switch-mode http", "switch-mode http proto h1"}, bad: []string{"switch-mode", "switch-mode tcp", "switch-mode http proto", "switch-mode http proto nope", "switch-mode http x"}},
	{name: "silent-drop", in: httpReq | httpRes | tcpAll, args: "[rst-ttl <ttl>]", parse: parseSilentDrop, summary: "forgets the connection and tells the client nothing",
		good: []string{"silent-drop"}, bad: []string{"silent-drop rst-ttl", "silent-drop rst-ttl 0", "silent-drop rst-ttl 300", "silent-drop x"}},
}
