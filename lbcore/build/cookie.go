//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// This file has the words of the persistence cookie.

// cookieLine is a cookie before it becomes a proxy.Cookie.
type cookieLine struct {
	proxy.Cookie
	name             string
	domains, attrs   []string
	httpOnly, secure bool
}

// CookieFunc reads one option of a cookie line from words and returns how many it
// took, itself included.
type CookieFunc func(b *Builder, st *config.Statement, to *cookieLine, words []string) (int, error)

func cookieProxyRows() []keyword.Row {
	return []keyword.Row{
		proxyRow("cookie", keyword.InBackends, "<name> [options]", "a cookie that ties clients to servers",
			"cookie SRV insert indirect nocache", cookieKeyword, "cookie", "cookie SRV nonsense", "cookie SRV insert rewrite"),
		proxyRow("dynamic-cookie-key", keyword.InBackends, "<secret>", "the secret that dynamic cookies are made with",
			"dynamic-cookie-key secret", dynamicKeyKeyword, "dynamic-cookie-key"),
	}
}

func cookieServerRow() keyword.Row {
	return keyword.Row{Class: keyword.Server, Name: "cookie", Args: "<value>", Summary: "the value of the cookie that names this server",
		Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 cookie one"}}, Bad: []string{"server s1 127.0.0.1:80 cookie"},
		Impl: ServerFunc(func(_ *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
			if len(w) < 2 {
				return 0, errors.New("'cookie' expects <value> as argument.")
			}
			to.cookie = w[1]
			return 2, nil
		})}
}

// cookieOptionRows are the options of cookie.
func cookieOptionRows() []keyword.Row {
	row := func(name, args, good, summary string, f CookieFunc, bad ...string) keyword.Row {
		return keyword.Row{Class: keyword.CookieOption, Name: name, Args: args, Summary: summary,
			Good: []keyword.Example{{Config: good}}, Bad: bad, Impl: f}
	}
	flag := func(name, good, summary string, set func(*cookieLine)) keyword.Row {
		return row(name, "", good, summary, func(_ *Builder, _ *config.Statement, to *cookieLine, _ []string) (int, error) {
			set(to)
			return 1, nil
		})
	}
	mode := func(name, summary string, m proxy.CookieMode) keyword.Row {
		return row(name, "", "cookie SRV "+name, summary, func(_ *Builder, _ *config.Statement, to *cookieLine, _ []string) (int, error) {
			if to.Mode != proxy.CookiePassive && to.Mode != m {
				return 0, errors.New(" : cookie 'rewrite', 'insert' and 'prefix' modes are incompatible.")
			}
			to.Mode = m
			return 1, nil
		}, "cookie SRV insert rewrite prefix")
	}
	return []keyword.Row{
		mode("insert", "the cookie is set here", proxy.CookieInsert),
		mode("rewrite", "the server's own cookie gets the server's value", proxy.CookieRewrite),
		mode("prefix", "the server's own cookie gets the server's value in front of its own", proxy.CookiePrefix),
		flag("indirect", "cookie SRV insert indirect", "servers do not see the cookie", func(to *cookieLine) { to.Indirect = true }),
		flag("nocache", "cookie SRV insert nocache", "an answer that gets the cookie is not to be cached", func(to *cookieLine) { to.NoCache = true }),
		flag("postonly", "cookie SRV insert postonly", "only answers to POST get the cookie", func(to *cookieLine) { to.PostOnly = true }),
		flag("preserve", "cookie SRV insert preserve", "a cookie that the server sets is left alone", func(to *cookieLine) { to.Preserve = true }),
		flag("httponly", "cookie SRV insert httponly", "the cookie is not for scripts", func(to *cookieLine) { to.httpOnly = true }),
		flag("secure", "cookie SRV insert secure", "the cookie goes over TLS alone", func(to *cookieLine) { to.secure = true }),
		flag("dynamic", "cookie SRV insert dynamic", "servers without a value get one made from their address", func(to *cookieLine) { to.Dynamic = true }),
		row("domain", "<domain>", "cookie SRV insert domain .example.com", "the domain that the cookie is for; several may be given", cookieDomain,
			"cookie SRV insert domain", "cookie SRV insert domain a;b.c"),
		row("attr", "<text>", "cookie SRV insert attr SameSite=Lax", "another attribute of the cookie; several may be given", cookieAttr, "cookie SRV insert attr"),
		row("maxidle", "<time>", "cookie SRV insert maxidle 30m", "how long the cookie holds without a request",
			cookieSpan("maxidle", "idletime", func(to *cookieLine, sec int64) { to.MaxIdle = sec }), "cookie SRV insert maxidle", "cookie SRV insert maxidle x"),
		row("maxlife", "<time>", "cookie SRV insert maxlife 8h", "how long the cookie holds at all",
			cookieSpan("maxlife", "lifetime", func(to *cookieLine, sec int64) { to.MaxLife = sec }), "cookie SRV insert maxlife", "cookie SRV insert maxlife x"),
	}
}

func cookieDomain(b *Builder, st *config.Statement, to *cookieLine, w []string) (int, error) {
	if len(w) < 2 {
		return 0, errors.New(": 'domain' expects <domain> as argument.")
	}
	d := w[1]
	if i := strings.IndexFunc(d, func(c rune) bool { return c <= ' ' || c == ';' || c == ',' || c == 127 }); i >= 0 {
		return 0, fmt.Errorf(": character '%c' is not permitted in domain name '%s'.", d[i], d)
	}
	if !strings.Contains(strings.TrimPrefix(d, "."), ".") {
		b.Diag.Rawf(config.Warning, "config : parsing [%s]: domain '%s' contains no embedded dot, this configuration may not work properly (see RFC6265#5.2.3).", st.Pos, d)
	}
	to.domains = append(to.domains, d)
	return 2, nil
}

func cookieAttr(_ *Builder, _ *config.Statement, to *cookieLine, w []string) (int, error) {
	if len(w) < 2 {
		return 0, errors.New(": 'attr' expects <value> as argument.")
	}
	for _, c := range []byte(w[1]) {
		if c < ' ' || c == ';' || c == 127 {
			return 0, fmt.Errorf(": character '%%x%02X' is not permitted in attribute value.", c)
		}
	}
	to.attrs = append(to.attrs, w[1])
	return 2, nil
}

func cookieSpan(name, what string, set func(*cookieLine, int64)) CookieFunc {
	return func(_ *Builder, _ *config.Statement, to *cookieLine, w []string) (int, error) {
		if len(w) < 2 {
			return 0, fmt.Errorf(": '%s' expects <%s> in seconds as argument.", name, what)
		}
		t, err := config.ParseTime(w[1], time.Second)
		if err != nil {
			if i := strings.IndexFunc(w[1], func(c rune) bool { return c < '0' || c > '9' }); i >= 0 && !strings.Contains(err.Error(), "overflow") {
				return 0, fmt.Errorf(": unexpected character '%c' in argument to <%s>.", w[1][i], name)
			}
			return 0, fmt.Errorf(": timer overflow in argument <%s> to <%s>, maximum value is 2147483647 s (~68 years).", w[1], name)
		}
		// Reference: rounded up.
		set(to, int64((t.Value+time.Second-1)/time.Second))
		return 2, nil
	}
}

func cookieKeyword(b *Builder, s *section, st *config.Statement) {
	if !b.needs(s, st, "cookie", false, true) {
		return
	}
	if len(st.Words) < 2 {
		b.Alertf(st, "'cookie' expects <cookie_name> as argument.")
		return
	}
	to := &cookieLine{name: st.Words[1]}
	for words := st.Words[2:]; len(words) > 0; {
		row := b.Set.Lookup(keyword.CookieOption, words[0])
		if row == nil {
			b.Alertf(st, "'cookie' supports 'rewrite', 'insert', 'prefix', 'indirect', 'nocache', 'postonly', 'domain', 'maxidle', 'dynamic', 'maxlife' and 'attr' options.")
			return
		}
		n, err := row.Impl.(CookieFunc)(b, st, to, words)
		if err != nil {
			b.Diag.Rawf(config.Alert, "config : parsing [%s]%s", st.Pos, err)
			return
		}
		words = words[n:]
	}
	switch {
	case to.Mode == proxy.CookieRewrite && to.Indirect:
		b.Alertf(st, "cookie 'rewrite' and 'indirect' modes are incompatible.")
	case to.Preserve && to.Mode != proxy.CookieInsert && !to.Indirect:
		b.Alertf(st, "cookie 'preserve' requires at least 'insert' or 'indirect'.")
	default:
		s.cookie = to
	}
}

func dynamicKeyKeyword(b *Builder, s *section, st *config.Statement) {
	switch {
	case !b.needs(s, st, "dynamic-cookie-key", false, true):
	case len(st.Words) < 2:
		b.Alertf(st, "'dynamic-cookie-key' expects <secret_key> as argument.")
	default:
		s.dynamicKey = st.Words[1]
	}
}

// settleCookie gives a proxy its cookie; its servers have been added.
func (b *Builder) settleCookie(s *section) {
	if s.cookie == nil || s.mode != proxy.HTTP {
		return
	}
	c := s.cookie.Cookie
	c.Name = []byte(s.cookie.name)
	c.Letters = c.Mode != proxy.CookiePassive || c.Indirect
	c.Tail = s.cookie.tail()
	s.p.Cookie = &c
}

// tail is what follows the value of an inserted cookie.
func (c *cookieLine) tail() []byte {
	var t bytes.Buffer
	t.WriteString("; path=/")
	for _, d := range c.domains {
		t.WriteString("; domain=" + d)
	}
	if c.httpOnly {
		t.WriteString("; HttpOnly")
	}
	if c.secure {
		t.WriteString("; Secure")
	}
	for _, a := range c.attrs {
		t.WriteString("; " + a)
	}
	return t.Bytes()
}

// serverCookie gives a server of the proxy its cookie.
func (b *Builder) serverCookie(s *section, l *serverLine) {
	s.p.SetCookie(l.srv, b.cookieOf(s, l))
}

// cookieOf is the value that names the server, "" for none.
func (b *Builder) cookieOf(s *section, l *serverLine) string {
	if l.cookie == "" && s.cookie != nil && s.cookie.Dynamic && s.dynamicKey != "" {
		return l.srv.DynamicCookie(s.dynamicKey)
	}
	return l.cookie
}

// warnCookie tells of cookies that a tcp proxy ignores.
func (b *Builder) warnCookie(s *section) {
	if s.cookie != nil {
		b.Diag.Rawf(config.Warning, "cookie will be ignored for %s '%s' (needs 'mode http').", s.noun(), s.name)
	}
	for _, l := range s.servers {
		if l.cookie != "" {
			b.Diag.Rawf(config.Warning, "%s '%s' : ignoring cookie for server '%s' as HTTP mode is disabled.", s.noun(), s.name, l.srv.Name)
		}
		if l.srv.Redir != nil {
			b.Diag.Rawf(config.Alert, "%s '%s' : server cannot have cookie or redirect prefix in non-HTTP mode.", s.noun(), s.name)
		}
	}
}
