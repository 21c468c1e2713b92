package fetch

import (
	"gohap/lbcore/auth"
	"gohap/lbcore/message"
	"gohap/lbcore/sample"
)

// credentials parts an authorization header into its scheme and what follows
// (RFC 9110 section 11.4).
func credentials(h *message.Head, args []sample.Arg) (scheme, rest []byte, ok bool) {
	at := -1
	switch {
	case len(args) > 0 && len(args[0].Data) > 0:
		at = h.Find(args[0].Data)
	default:
		at = h.FindID(message.IDAuthorization, 0)
	}
	if at < 0 {
		return nil, nil, false
	}
	return auth.Scheme(h.Fields[at].Value)
}

// basic decodes the user and password of the scheme Basic (RFC 7617).
func basic(c *sample.Context, s *sample.Sample) (user, pass []byte, ok bool) {
	h := requestHead(c, s)
	if h == nil {
		return nil, nil, false
	}
	at := h.FindID(message.IDAuthorization, 0)
	if at < 0 {
		return nil, nil, false
	}
	return auth.Basic(h.Fields[at].Value, c.Arena.Alloc)
}

// allowed returns the user of a request whose password is right in the list
// that the argument names; ok tells whether there is a password at all.
func allowed(c *sample.Context, args []sample.Arg, s *sample.Sample) (u *auth.User, ok bool) {
	l, _ := args[0].Ref.(*auth.List)
	if l == nil {
		return nil, false
	}
	user, pass, ok := basic(c, s)
	if !ok {
		return nil, false
	}
	if u = l.Allowed(user, pass); u == nil {
		if st := exchange(c); st != nil && st.Ask(l, user, pass) {
			c.Deferred = true
		}
	}
	return u, true
}

func fetchAuth(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	u, ok := allowed(c, args, s)
	s.SetBool(u != nil)
	return ok
}

// fetchAuthGroup yields the groups of the user to conditions. Reference: its
// value is the user's name otherwise, and a user without groups has one that is
// none's.
func fetchAuthGroup(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	u, _ := allowed(c, args, s)
	switch {
	case u == nil:
		return false
	case !s.Iter.All:
		s.SetStr([]byte(u.Name))
		return true
	case len(u.Groups) == 0:
		s.SetStr(nil)
		return true
	}
	s.SetStr(u.Groups[s.Iter.Pos])
	if s.Iter.Pos++; s.Iter.Pos < len(u.Groups) {
		s.Flags |= sample.NotLast
	}
	return true
}

var basicScheme, bearerScheme = []byte("basic"), []byte("bearer")

func fetchAuthType(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	h := requestHead(c, s)
	if h == nil {
		return false
	}
	scheme, _, ok := credentials(h, nil)
	if !ok {
		return false
	}
	switch {
	case message.EqualFold(scheme, basicScheme):
		setText(s, "Basic")
	case message.EqualFold(scheme, bearerScheme):
		setText(s, "Bearer")
	default:
		return false
	}
	return true
}

func fetchAuthUser(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	user, _, ok := basic(c, s)
	s.SetStr(user)
	return ok
}

func fetchAuthPass(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	_, pass, ok := basic(c, s)
	s.SetStr(pass)
	return ok
}

func fetchAuthBearer(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	h := requestHead(c, s)
	if h == nil {
		return false
	}
	scheme, token, ok := credentials(h, args)
	if !ok || !message.EqualFold(scheme, bearerScheme) {
		return false
	}
	s.SetStr(token)
	return true
}

func authed(value string) string { return req("authorization: " + value) }

// oneList is a user list; the examples' has the user u with the password p, of
// the group g.
var oneList = args(1, sample.ArgUserlist)

var authRows = []entry{
	{name: "http_auth", out: sample.Bool, args: oneList, needs: reqHead, fetch: fetchAuth, summary: "whether the user and password of a Basic authorization are in a user list",
		good: on("http_auth(users)", authed("Basic dTpw"), "1", "http_auth(users)", authed("Basic dTpx"), "0", "http_auth(users)", authed("Bearer dTpw"), missing), bad: []string{"http_auth(users,x)"}},
	{name: "http_auth_group", out: sample.Str, args: oneList, needs: reqHead, fetch: fetchAuthGroup, summary: "the user of a Basic authorization that is in a user list; conditions match its groups",
		good: on("http_auth_group(users)", authed("Basic dTpw"), "u", "http_auth_group(users)", authed("Basic dTpx"), missing), bad: []string{"http_auth_group(users,x)"}},
	{name: "http_auth_type", out: sample.Str, needs: reqHead, fetch: fetchAuthType, summary: "the scheme of the request's authorization, Basic or Bearer",
		good: plus(on("http_auth_type", authed("basic dTpw"), "Basic", "http_auth_type", authed("Bearer tok"), "Bearer"), ex("http_auth_type", missing)), bad: []string{"http_auth_type(x)"}},
	{name: "http_auth_user", out: sample.Str, needs: reqHead, fetch: fetchAuthUser, summary: "the user of a Basic authorization",
		good: on("http_auth_user", authed("Basic dTpw"), "u", "http_auth_user", authed("Basic dTpwOng"), missing), bad: []string{"http_auth_user(x)"}},
	{name: "http_auth_pass", out: sample.Str, needs: reqHead, fetch: fetchAuthPass, summary: "the password of a Basic authorization",
		good: on("http_auth_pass", authed("Basic dTpwOng="), "p:x"), bad: []string{"http_auth_pass(x)"}},
	{name: "http_auth_bearer", out: sample.Str, args: oneName, needs: reqHead, check: checkHeader, fetch: fetchAuthBearer, summary: "the token of a Bearer authorization, or of another header",
		good: on("http_auth_bearer", authed("bearer  tok"), "tok", "http_auth_bearer(x)", req("x: Bearer tok2"), "tok2", "http_auth_bearer", authed("Basic dTpw"), missing), bad: []string{"http_auth_bearer(a,b)"}},
}
