package fetch

import (
	"bytes"
	"encoding/base64"

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
	v := h.Fields[at].Value
	i := bytes.IndexByte(v, ' ')
	if i <= 0 {
		return nil, nil, false
	}
	return v[:i], bytes.TrimLeft(v[i:], " "), true
}

// basic decodes the user and password of the scheme Basic (RFC 7617).
func basic(c *sample.Context, s *sample.Sample) (user, pass []byte, ok bool) {
	h := requestHead(c, s)
	if h == nil {
		return nil, nil, false
	}
	scheme, rest, ok := credentials(h, nil)
	if !ok || !bytes.EqualFold(scheme, basicScheme) {
		return nil, nil, false
	}
	dst := c.Arena.Alloc(base64.StdEncoding.DecodedLen(len(rest)))
	n, err := base64.StdEncoding.Decode(dst, rest)
	if err != nil {
		return nil, nil, false
	}
	user, pass, ok = bytes.Cut(dst[:n], colon)
	return user, pass, ok
}

var basicScheme, bearerScheme, colon = []byte("basic"), []byte("bearer"), []byte(":")

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
	case bytes.EqualFold(scheme, basicScheme):
		setText(s, "Basic")
	case bytes.EqualFold(scheme, bearerScheme):
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
	if !ok || !bytes.EqualFold(scheme, bearerScheme) {
		return false
	}
	s.SetStr(token)
	return true
}

func authed(value string) string { return req("authorization: " + value) }

var authRows = []entry{
	{name: "http_auth_type", out: sample.Str, needs: reqHead, fetch: fetchAuthType, summary: "the scheme of the request's authorization, Basic or Bearer",
		good: plus(on("http_auth_type", authed("basic dTpw"), "Basic", "http_auth_type", authed("Bearer tok"), "Bearer"), ex("http_auth_type", missing)), bad: []string{"http_auth_type(x)"}},
	{name: "http_auth_user", out: sample.Str, needs: reqHead, fetch: fetchAuthUser, summary: "the user of a Basic authorization",
		good: on("http_auth_user", authed("Basic dTpw"), "u", "http_auth_user", authed("Basic dTpwOng"), missing), bad: []string{"http_auth_user(x)"}},
	{name: "http_auth_pass", out: sample.Str, needs: reqHead, fetch: fetchAuthPass, summary: "the password of a Basic authorization",
		good: on("http_auth_pass", authed("Basic dTpwOng="), "p:x"), bad: []string{"http_auth_pass(x)"}},
	{name: "http_auth_bearer", out: sample.Str, args: oneName, needs: reqHead, check: checkHeader, fetch: fetchAuthBearer, summary: "the token of a Bearer authorization, or of another header",
		good: on("http_auth_bearer", authed("bearer  tok"), "tok", "http_auth_bearer(x)", req("x: Bearer tok2"), "tok2", "http_auth_bearer", authed("Basic dTpw"), missing), bad: []string{"http_auth_bearer(a,b)"}},
}
