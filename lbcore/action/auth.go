package action

import (
	"errors"

	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// parseAuth reads auth [realm <realm>]; the realm is the proxy's name otherwise.
func parseAuth(a *rule.Args) (rule.Action, error) {
	realm := a.Options.Proxy
	if a.Peek() == "realm" {
		a.Next()
		if realm = a.Next(); realm == "" {
			return nil, errors.New("missing realm value.\n")
		}
	}
	value := []byte(`Basic realm="` + realm + `"`)
	return rule.Func(func(c *sample.Context) rule.Verdict {
		x := exchange(c)
		x.Intercept()
		return x.Challenge(value)
	}), nil
}

var authRows = []entry{
	{name: "auth", in: httpReq, args: "[realm <realm>]", parse: parseAuth, summary: "asks the client for a user and a password",
		good: []string{"auth", "auth realm mine"}, bad: []string{"auth realm", "auth mine", "auth realm mine x"}},
}
