package action

import (
	"errors"
	"strconv"

	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// plain makes the ParseFunc of an action without words.
func plain(run rule.Func) rule.ParseFunc {
	return func(*rule.Args) (rule.Action, error) { return run, nil }
}

func stop(*sample.Context) rule.Verdict { return rule.Stop }

// reject closes without an answer.
func parseReject(a *rule.Args) (rule.Action, error) {
	response := isResponse(a.Class)
	return rule.Func(func(c *sample.Context) rule.Verdict {
		if x := exchange(c); x != nil {
			x.Deny(response)
		}
		return rule.Close
	}), nil
}

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
	response := isResponse(a.Class)
	return rule.Func(func(c *sample.Context) rule.Verdict {
		x := exchange(c)
		if x == nil {
			return rule.Close
		}
		x.Deny(response)
		x.Vanish(ttl)
		return rule.Close
	}), nil
}

var controlRows = []entry{
	{name: "allow", in: http, parse: plain(stop), summary: "ends the evaluation of this section's rules", good: []string{"allow"}, bad: []string{"allow x"}},
	{name: "accept", in: tcpAll, parse: plain(stop), summary: "ends the evaluation of this section's rules", good: []string{"accept"}, bad: []string{"accept x"}},
	{name: "reject", in: httpReq | tcpAll, parse: parseReject, summary: "closes the connection without an answer", good: []string{"reject"}, bad: []string{"reject x"}},
	{name: "close", in: tcpRes, parse: parseReject, summary: "closes the connection to the server", good: []string{"close"}, bad: []string{"close x"}},
	{name: "silent-drop", in: httpReq | httpRes | tcpAll, args: "[rst-ttl <ttl>]", parse: parseSilentDrop, summary: "forgets the connection and tells the client nothing",
		good: []string{"silent-drop"}, bad: []string{"silent-drop rst-ttl", "silent-drop rst-ttl 0", "silent-drop rst-ttl 300", "silent-drop x"}},
}
