package action

import (
	"strings"

	"gohap/lbcore/keyword"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
)

// sets is a set of rule sets.
type sets uint8

const (
	httpReq sets = 1 << iota
	httpRes
	httpAfter
	tcpConn
	tcpSess
	tcpReq
	tcpRes

	http     = httpReq | httpRes | httpAfter
	contents = http | tcpReq | tcpRes
	tcpAll   = tcpConn | tcpSess | tcpReq | tcpRes
)

// ruleSets are the rule sets, with their class.
var ruleSets = []struct {
	bit   sets
	word  string
	class keyword.Class
}{
	{httpReq, "http-request", keyword.HTTPReq},
	{httpRes, "http-response", keyword.HTTPRes},
	{httpAfter, "http-after-response", keyword.HTTPAfterRes},
	{tcpConn, "tcp-request connection", keyword.TCPReqConn},
	{tcpSess, "tcp-request session", keyword.TCPReqSess},
	{tcpReq, "tcp-request content", keyword.TCPReqCont},
	{tcpRes, "tcp-response content", keyword.TCPResCont},
}

// entry is one action; its examples are the words behind the rule set's.
type entry struct {
	name    string
	in      sets
	args    string
	parse   rule.ParseFunc
	summary string
	good    []string
	bad     []string
	prefix  bool // the name goes on in parentheses
	flags   keyword.RowFlags
}

// Register adds the actions of every rule set.
func Register(set *keyword.Set) {
	registerRedirectOptions(set)
	registerNormalizers(set)
	for _, rs := range ruleSets {
		for _, rows := range [][]entry{controlRows, replyRows, redirectRows, headerRows, lineRows, stateRows, socketRows, authRows, waitRows, listRows, serviceRows, normalizeRows, counterRows, resolveRows} {
			for i := range rows {
				if e := &rows[i]; e.in&rs.bit != 0 {
					addAction(set, rs.class, rs.word, e)
				}
			}
		}
	}
}

func addAction(set *keyword.Set, class keyword.Class, word string, e *entry) {
	row := keyword.Row{Class: class, Name: e.name, Args: e.args, Summary: e.summary, Prefix: e.prefix, Flags: e.flags, Impl: e.parse}
	for _, g := range e.good {
		row.Good = append(row.Good, keyword.Example{Config: word + " " + forSet(class, g)})
	}
	for _, b := range e.bad {
		row.Bad = append(row.Bad, word+" "+b)
	}
	set.Add(row)
}

// forSet makes an example fit a response's rules.
func forSet(class keyword.Class, line string) string {
	if class == keyword.HTTPRes || class == keyword.HTTPAfterRes {
		line = strings.ReplaceAll(line, "req.hdr", "res.hdr")
	}
	return line
}

// exchange returns the stream of a context; nil in rules that run before there
// is one.
func exchange(c *sample.Context) *stream.Stream {
	s, _ := c.Stream.(*stream.Stream)
	return s
}

// isResponse tells whether the rules of a class look at responses.
func isResponse(class keyword.Class) bool {
	return class == keyword.HTTPRes || class == keyword.HTTPAfterRes || class == keyword.TCPResCont
}
