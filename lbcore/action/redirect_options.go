package action

import "gohap/lbcore/keyword"

// redirectOptions are the words of redirect, for lists of words and dumps;
// redirect.word reads them.
var redirectOptions = []struct{ name, args, summary, good, bad string }{
	{"location", "<fmt>", "the whole location", "redirect location /new", "redirect location"},
	{"prefix", "<fmt>", "what stands in front of the request's path and query", "redirect prefix https://new.example.com", "redirect prefix"},
	{"scheme", "<fmt>", "another scheme for the request's host, path and query", "redirect scheme https", "redirect scheme"},
	{"code", "<code>", "301, 302, 303, 307 or 308; 302 without", "redirect location /new code 301", "redirect location /new code 304"},
	{"drop-query", "", "leaves the request's query out", "redirect prefix /x drop-query", "redirect drop-query"},
	{"keep-query", "", "adds the request's query to a location", "redirect location /new keep-query", "redirect keep-query"},
	{"append-slash", "", "ends the location with a slash", "redirect prefix / drop-query append-slash", "redirect append-slash"},
	{"ignore-empty", "", "goes on with the next rule when the location is empty", "redirect location %[path] ignore-empty", "redirect ignore-empty"},
	{"set-cookie", "<name>[=<value>]", "sets a cookie of the session", "redirect location / set-cookie SEEN=1", "redirect location / set-cookie"},
	{"set-cookie-fmt", "<fmt>", "sets a cookie that is computed", "redirect location / set-cookie-fmt A=%[src]", "redirect location / set-cookie-fmt %[nope]"},
	{"clear-cookie", "<name>[=]", "clears a cookie", "redirect location / clear-cookie USERID=", "redirect location / clear-cookie"},
}

func registerRedirectOptions(set *keyword.Set) {
	for _, o := range redirectOptions {
		set.Add(keyword.Row{
			Class: keyword.Redirect, Name: o.name, Args: o.args, Summary: o.summary, Impl: o.name,
			Good: []keyword.Example{{Config: "http-request " + o.good}}, Bad: []string{"http-request " + o.bad},
		})
	}
}
