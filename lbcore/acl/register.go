package acl

import (
	"fmt"
	"strings"

	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

// Register adds the matchers, the flags, the ACL words, the predefined ACLs and
// the fetch acl().
func Register(set *keyword.Set) {
	for m := MatchFound; m < MatchMeth; m++ {
		set.Add(keyword.Row{
			Class: keyword.Matcher, Name: m.String(), Summary: matcherSummaries[m], Impl: m,
			Good: []keyword.Example{matcherExamples[m]}, Bad: []string{"acl a str(x) -m " + m.String() + "x x"},
		})
	}
	for _, f := range flagRows {
		set.Add(keyword.Row{Class: keyword.ACLFlag, Name: f.name, Args: f.args, Summary: f.summary, Good: []keyword.Example{{Config: f.good}}, Bad: []string{f.bad}, Impl: f.name})
	}
	registerWords(set)
	registerMaps(set)
	for _, p := range predefined {
		words := strings.Fields(p.def)
		set.Add(keyword.Row{
			Class: keyword.PredefinedACL, Name: p.name, Summary: p.summary, Impl: words,
			Good: []keyword.Example{{Config: "http-request deny if " + p.name}}, Bad: []string{"http-request deny if " + p.name + "_"},
		})
	}
	set.Add(keyword.Row{
		Class: keyword.Fetch, Name: "acl", Args: aclArgs.String(), Out: sample.Bool.String(), Summary: "whether all the named ACLs match, each possibly negated by '!'",
		Good: []keyword.Example{{Config: "acl(TRUE,!FALSE)", Out: "1"}, {Config: "acl(TRUE,FALSE)", Out: "0"}}, Bad: []string{"acl(nope)"},
		Valid: sample.Everywhere, Impl: &sample.FetchRow{Fetch: fetchACL, Args: aclArgs, Check: checkACL, Out: sample.Bool},
	})
}

var matcherSummaries = [matcherCount]string{
	MatchFound: "the value exists, whatever it is",
	MatchBool:  "the value is true, or a number other than zero",
	MatchInt:   "the number equals a value, is in a range or stands in an order",
	MatchIP:    "the address is in a network",
	MatchBin:   "the bytes equal those written in hexadecimal",
	MatchLen:   "the text's length is matched as a number",
	MatchStr:   "the text equals a string",
	MatchBeg:   "the text begins with a string",
	MatchSub:   "the text contains a string",
	MatchDir:   "a part of the text between slashes equals a string",
	MatchDom:   "a part of the text between dots, slashes, colons or question marks equals a string",
	MatchEnd:   "the text ends with a string",
	MatchReg:   "the text matches a regular expression",
	MatchRegM:  "as reg; map_regm uses the groups",
}

var matcherExamples = [matcherCount]keyword.Example{
	MatchFound: {Config: "{ str() -m found }", Out: "1"},
	MatchBool:  {Config: "{ int(5) -m bool }", Out: "1"},
	MatchInt:   {Config: "{ str(5x) -m int 4:6 }", Out: "1"},
	MatchIP:    {Config: "{ str(10.2.3.4) -m ip 10.1/8 }", Out: "1"},
	MatchBin:   {Config: "{ bin(4142) -m bin 4142 }", Out: "1"},
	MatchLen:   {Config: "{ str(abc) -m len gt 3 }", Out: "0"},
	MatchStr:   {Config: "{ str(abc) -m str -i ABC }", Out: "1"},
	MatchBeg:   {Config: "{ str(abc) -m beg ab }", Out: "1"},
	MatchSub:   {Config: "{ str(abc) -m sub -i B }", Out: "1"},
	MatchDir:   {Config: "{ str(/a/bb/c) -m dir b }", Out: "0"},
	MatchDom:   {Config: "{ str(www.example.com:80) -m dom .example. }", Out: "1"},
	MatchEnd:   {Config: "{ str(abc) -m end bc }", Out: "1"},
	MatchReg:   {Config: "{ str(abc) -m reg x b$ c$ }", Out: "1"},
	MatchRegM:  {Config: "{ str(abc) -m regm b }", Out: "1"},
}

var flagRows = []struct{ name, args, summary, good, bad string }{
	{"-i", "", "ignore the case of all following patterns", "acl a str(x) -i X", "acl a str(x) -I X"},
	{"-f", "<file>", "load patterns from a file", "acl a str(x) -f virt@list", "acl a str(x) -f /no/such/file"},
	{"-m", "<method>", "use another matching method", "acl a str(x) -m beg x", "acl a str(x) -m nope x"},
	{"-n", "", "forbid the resolution of host names", "acl a ipv4(1.2.3.4) -n 1.2.3.4", "acl a ipv4(1.2.3.4) -n localhost"},
	{"-M", "", "read the file behind -f as a map, keys only", "acl a str(x) -M -f virt@map", "acl a str(x) -M -f /no/such/file"},
	{"-u", "<id>", "the id of the list on the command socket", "acl a str(x) -u 5 x", "acl a str(x) -u x x"},
	{"--", "", "end of flags", "acl a str(-i) -- -i", "acl a str(-x) -x"},
}

// derivedFamilies are the fetches with a word for each text matcher.
var derivedFamilies = []struct{ word, fetch string }{
	{"base", "base"}, {"cook", "req.cook"}, {"hdr", "req.hdr"}, {"path", "path"}, {"scook", "res.cook"}, {"shdr", "res.hdr"}, {"url", "url"}, {"urlp", "urlp"},
}

var derivedWords = []struct {
	word, fetch string
	matcher     Matcher
	dotted      bool
}{
	{"http_auth_group", "http_auth_group", MatchStr, false}, {"method", "method", MatchMeth, false},
	{"payload", "req.payload", MatchBin, false}, {"payload_lv", "req.payload_lv", MatchBin, false},
	{"req.ssl_ver", "req.ssl_ver", MatchInt, true}, {"req_ssl_ver", "req.ssl_ver", MatchInt, true},
	{"req_rdp_cookie", "req.rdp_cookie", MatchStr, false}, {"req_rdp_cookie_cnt", "req.rdp_cookie_cnt", MatchInt, false},
	{"req_ssl_sni", "req.ssl_sni", MatchStr, false}, {"req_ver", "req.ver", MatchStr, false}, {"resp_ver", "res.ver", MatchStr, false},
	{"ssl_fc_sni_end", "ssl_fc_sni", MatchEnd, false}, {"ssl_fc_sni_reg", "ssl_fc_sni", MatchReg, false},
}

func registerWords(set *keyword.Set) {
	add := func(word, fetch string, m Matcher, dotted bool, pattern string) {
		how, listed := "-m "+m.String(), m.String()
		if m == MatchMeth { // reference: listed as str
			how, listed = "by method", MatchStr.String()
		}
		call := word
		switch fetch {
		case "req.payload":
			call += "(0,4)"
		case "req.payload_lv":
			call += "(0,2)"
		case "http_auth_group":
			call += "(users)"
		}
		set.Add(keyword.Row{
			Class: keyword.ACL, Name: word, In: fetch, Out: listed, Summary: fmt.Sprintf("%s matched %s", fetch, how), Impl: &Derived{Fetch: fetch, Matcher: m, Dotted: dotted},
			Good: []keyword.Example{{Config: "acl a " + call + " " + pattern}}, Bad: []string{"acl a " + call + " -m nope " + pattern},
		})
	}
	for _, f := range derivedFamilies {
		add(f.word, f.fetch, MatchStr, false, "x")
		for _, m := range []Matcher{MatchBeg, MatchDir, MatchDom, MatchEnd, MatchLen, MatchReg, MatchSub} {
			pattern := "x"
			if m == MatchLen {
				pattern = "5"
			}
			add(f.word+"_"+m.String(), f.fetch, m, false, pattern)
		}
	}
	for _, w := range derivedWords {
		pattern := "x"
		switch {
		case w.matcher == MatchInt:
			pattern = "3"
		case w.matcher == MatchBin:
			pattern = "4142"
		}
		add(w.word, w.fetch, w.matcher, w.dotted, pattern)
	}
}

// predefined are the ACLs that need no declaration (7.4 of the manual).
var predefined = []struct{ name, def, summary string }{
	{"FALSE", "always_false", "never match"},
	{"HTTP", "req.proto_http", "match if the request protocol is valid HTTP"},
	{"HTTP_1.0", "req.ver 1.0", "match if the request version is 1.0"},
	{"HTTP_1.1", "req.ver 1.1", "match if the request version is 1.1"},
	{"HTTP_2.0", "req.ver 2.0", "match if the request version is 2.0"},
	{"HTTP_3.0", "req.ver 3.0", "match if the request version is 3.0"},
	{"HTTP_CONTENT", "req.hdr_val(content-length) gt 0", "match an existing content-length in the request"},
	{"HTTP_URL_ABS", "url_reg ^[^/:]*://", "match an absolute URL with scheme"},
	{"HTTP_URL_SLASH", "url_beg /", "match a URL that begins with /"},
	{"HTTP_URL_STAR", "url *", "match the URL *"},
	{"LOCALHOST", "src 127.0.0.1/8 ::1", "match a connection from the local host"},
	{"METH_CONNECT", "method CONNECT", "match the method CONNECT"},
	{"METH_DELETE", "method DELETE", "match the method DELETE"},
	{"METH_GET", "method GET HEAD", "match the methods GET and HEAD"},
	{"METH_HEAD", "method HEAD", "match the method HEAD"},
	{"METH_OPTIONS", "method OPTIONS", "match the method OPTIONS"},
	{"METH_POST", "method POST", "match the method POST"},
	{"METH_PUT", "method PUT", "match the method PUT"},
	{"METH_TRACE", "method TRACE", "match the method TRACE"},
	{"RDP_COOKIE", "req.rdp_cookie_cnt gt 0", "match the presence of an RDP cookie"},
	{"REQ_CONTENT", "req.len gt 0", "match data in the request buffer"},
	{"TRUE", "always_true", "always match"},
	{"WAIT_END", "wait_end", "wait for the end of content analysis"},
}

var aclArgs = sample.ArgList{Min: 1, Types: []sample.ArgType{
	sample.ArgStr, sample.ArgStr, sample.ArgStr, sample.ArgStr, sample.ArgStr, sample.ArgStr,
	sample.ArgStr, sample.ArgStr, sample.ArgStr, sample.ArgStr, sample.ArgStr, sample.ArgStr,
}}

// checkACL resolves the names while the rule is read: they must be declared.
func checkACL(args []sample.Arg, o *sample.Options) error {
	s, ok := o.Hooks["acl"].(*Scope)
	if !ok {
		return fmt.Errorf("no ACL can be used here")
	}
	c := &Cond{}
	for _, a := range args {
		name := strings.TrimPrefix(a.Str, "!")
		named, err := s.named(name, *o)
		if err != nil {
			return err
		}
		if named == nil {
			return fmt.Errorf("ACL '%s' not found", name)
		}
		c.terms = append(c.terms, term{acl: named, neg: name != a.Str})
	}
	c.closeGroup()
	args[0].Ref = c
	return nil
}

func fetchACL(ctx *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	r := args[0].Ref.(*Cond).Eval(ctx)
	s.SetBool(r == Pass)
	if r == Miss {
		s.Flags |= sample.MayChange
	}
	return r != Miss
}
