package fetch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"gohap/lbcore/hash"
	"gohap/lbcore/message"
	"gohap/lbcore/sample"
)

func fetchPath(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	h := requestHead(c, s)
	if h == nil {
		return false
	}
	_, p := h.PathQuery()
	s.SetStr(p)
	return p != nil
}

func fetchPathq(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	h := requestHead(c, s)
	if h == nil {
		return false
	}
	p, _ := h.PathQuery()
	s.SetStr(p)
	return p != nil
}

func fetchURL(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	h := requestHead(c, s)
	if h == nil {
		return false
	}
	s.SetStr(h.Target)
	return true
}

func checkQuery(args []sample.Arg, _ *sample.Options) error {
	if len(args) > 0 && args[0].Str != "with_qm" {
		return fmt.Errorf("Unsupported options for query: %s", args[0].Str) //nolint:staticcheck // reference's text
	}
	return nil
}

func fetchQuery(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	h := requestHead(c, s)
	if h == nil {
		return false
	}
	pathq, path := h.PathQuery()
	if len(pathq) == len(path) {
		return false
	}
	q := pathq[len(path):]
	if len(args) == 0 || len(q) == 1 {
		q = q[1:]
	}
	s.SetStr(q)
	return true
}

// hostOf returns the value of the first host field.
func hostOf(h *message.Head) []byte {
	if at := h.FindID(message.IDHost, 0); at >= 0 {
		return h.Fields[at].Value
	}
	return nil
}

// base joins the host and a part of the target in the arena.
func base(c *sample.Context, h *message.Head, rest []byte) []byte {
	host := hostOf(h)
	b := c.Arena.Alloc(len(host) + len(rest))
	copy(b[copy(b, host):], rest)
	return b
}

func fetchBase(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	h := requestHead(c, s)
	if h == nil {
		return false
	}
	_, path := h.PathQuery()
	s.SetStr(base(c, h, path))
	return true
}

func fetchBaseq(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	h := requestHead(c, s)
	if h == nil {
		return false
	}
	pathq, _ := h.PathQuery()
	s.SetStr(base(c, h, pathq))
	return true
}

// hashed is base32 (the path) and url32 (the whole target).
func hashed(whole bool) func(c *sample.Context, s *sample.Sample) (uint32, bool) {
	return func(c *sample.Context, s *sample.Sample) (uint32, bool) {
		h := requestHead(c, s)
		if h == nil {
			return 0, false
		}
		rest := h.Target
		if !whole {
			_, rest = h.PathQuery()
		}
		return hash.Avalanche(hash.SDBM(hash.SDBM(0, hostOf(h)), rest)), true
	}
}

func hashFetch(whole bool) sample.FetchFunc {
	sum := hashed(whole)
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		v, ok := sum(c, s)
		s.SetInt(int64(v))
		return ok
	}
}

// hashSource is base32+src and url32+src: the hash and the source address.
func hashSource(whole bool) sample.FetchFunc {
	sum := hashed(whole)
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		v, ok := sum(c, s)
		ss := session(c)
		if !ok || ss == nil || !ss.Source().IsValid() {
			return false
		}
		dst := binary.BigEndian.AppendUint32(c.Arena.Rest(20), v)
		ip := ss.Source().Addr()
		if ip.Is4() {
			a := ip.As4()
			dst = append(dst, a[:]...)
		} else {
			a := ip.As16()
			dst = append(dst, a[:]...)
		}
		s.SetBin(c.Arena.Keep(dst))
		return true
	}
}

// authority returns the host and port of an absolute target whose host is an
// IPv4 address.
func fetchURLIP(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	h := requestHead(c, s)
	if h == nil {
		return false
	}
	u := message.SplitURI(h.Target)
	ip, rest, ok := parseIPv4(u.Host)
	s.SetIP(ip)
	return ok && len(rest) == 0 && u.Form == message.FormAbsolute
}

func fetchURLPort(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	h := requestHead(c, s)
	if h == nil {
		return false
	}
	u := message.SplitURI(h.Target)
	if _, rest, ok := parseIPv4(u.Host); !ok || len(rest) > 0 || u.Form != message.FormAbsolute {
		return false
	}
	switch {
	case len(u.Port) > 0:
		s.SetInt(leadingInt(u.Port))
	case string(u.Scheme) == "https":
		s.SetInt(443)
	default:
		s.SetInt(80)
	}
	return true
}

// checkParam reads the delimiter and the flag i.
func checkParam(at int) sample.CheckFunc {
	return func(args []sample.Arg, _ *sample.Options) error {
		if len(args) > 1 && at == 2 && len(args[1].Str) > 1 {
			return errors.New("Delimiter must be a single character.") //nolint:staticcheck // reference's text
		}
		if len(args) > at && args[at].Str != "i" {
			return errors.New("Only 'i' is supported.") //nolint:staticcheck // reference's text
		}
		return nil
	}
}

// param finds the first parameter of a list from off on and returns where the
// next one begins. A name is nil for any.
func param(list []byte, off int, name []byte, fold bool, delim byte) (value []byte, next int, ok bool) {
	for off < len(list) {
		end := off
		for end < len(list) && list[end] != '&' && list[end] != ';' && list[end] != delim {
			end++
		}
		one := list[off:end]
		off = end + 1
		eq := bytes.IndexByte(one, '=')
		if eq < 0 {
			continue
		}
		switch {
		case name == nil, bytes.Equal(one[:eq], name), fold && message.EqualFold(one[:eq], name):
			return one[eq+1:], off, true
		}
	}
	return nil, off, false
}

// parameters yields one value, or all when the sample asks for each.
func parameters(list []byte, args []sample.Arg, fold bool, delim byte, s *sample.Sample) ([]byte, bool) {
	var name []byte
	if len(args) > 0 && len(args[0].Data) > 0 {
		name = args[0].Data
	}
	v, next, ok := param(list, s.Iter.Off, name, fold, delim)
	if ok && s.Iter.All && next < len(list) {
		s.Iter.Off = next
		s.Flags |= sample.NotLast
	}
	return v, ok
}

func urlParam(c *sample.Context, args []sample.Arg, s *sample.Sample) ([]byte, bool) {
	h := requestHead(c, s)
	if h == nil {
		return nil, false
	}
	delim := byte('?')
	if len(args) > 1 && len(args[1].Str) > 0 {
		delim = args[1].Str[0]
	}
	from := bytes.IndexByte(h.Target, delim)
	if from < 0 {
		return nil, false
	}
	return parameters(h.Target[from+1:], args, len(args) > 2, delim, s)
}

func fetchURLP(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	v, ok := urlParam(c, args, s)
	s.SetStr(v)
	return ok
}

func fetchURLPVal(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	v, ok := urlParam(c, args, s)
	s.SetInt(leadingInt(v))
	return ok
}

func fetchVersion(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	return version(c, requestHead(c, s), s)
}

func fetchResVersion(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	return version(c, responseHead(c, s), s)
}

func version(c *sample.Context, h *message.Head, s *sample.Sample) bool {
	if h == nil {
		return false
	}
	switch {
	case h.VersionText != nil: // reference: what stands behind the slash
		_, v, found := bytes.Cut(h.VersionText, []byte("/"))
		s.SetStr(v)
		return found
	case h.Major == 1 && h.Minor == 1:
		s.SetStr(v11)
	case h.Major == 1 && h.Minor == 0:
		s.SetStr(v10)
	default:
		s.SetStr(append(c.Arena.Alloc(3)[:0], '0'+h.Major, '.', '0'+h.Minor))
	}
	return true
}

var v11, v10 = []byte("1.1"), []byte("1.0")

func fetchMethod(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	if h := c.Request; h != nil {
		s.SetMethod(h.Method, h.MethodText)
		return true
	}
	x := exchange(c)
	if x == nil {
		s.Flags |= sample.MayChange
		return false
	}
	m, text := x.RequestMethod()
	s.SetMethod(m, text)
	return m != message.MethodOther || text != nil
}

var (
	threeNames = args(0, sample.ArgStr, sample.ArgStr, sample.ArgStr)
	get        = func(target string) string { return "GET " + target + " HTTP/1.1\nhost: h.com" }
	absolute   = "GET http://abs.com/p?q HTTP/1.1\nhost: abs.com"
	star       = "OPTIONS * HTTP/1.1\nhost: h.com"
	connect    = "CONNECT h.com:80 HTTP/1.1\nhost: h.com"
	byAddress  = "GET http://1.2.3.4:81/x HTTP/1.1\nhost: 1.2.3.4:81"
)

var uriRows = []entry{
	{name: "path", out: sample.Str, needs: reqHead, fetch: fetchPath, summary: "the path of the request, up to the question mark",
		good: plus(ex("path", "/a/b.html"), on("path", absolute, "/p", "path", star, missing, "path", connect, missing, "path", "GET http://abs.com HTTP/1.1\nhost: abs.com", "/")), bad: []string{"path(x)"}},
	{name: "pathq", out: sample.Str, needs: reqHead, fetch: fetchPathq, summary: "the path and the query of the request",
		good: plus(ex("pathq", "/a/b.html?x=1&y=2"), on("pathq", absolute, "/p?q")), bad: []string{"pathq(x)"}},
	{name: "url", out: sample.Str, needs: reqHead, fetch: fetchURL, summary: "the target of the request as it came",
		good: plus(ex("url", "/a/b.html?x=1&y=2"), on("url", absolute, "http://abs.com/p?q", "url", star, "*", "url", connect, "h.com:80")), bad: []string{"url(x)"}},
	{name: "query", out: sample.Str, args: oneName, needs: reqHead, check: checkQuery, fetch: fetchQuery, summary: "the query string, behind the first question mark",
		good: plus(ex("query", "x=1&y=2", "query(with_qm)", "?x=1&y=2"), on("query", get("/a?"), "", "query(with_qm)", get("/a?"), "", "query", get("/a"), missing, "query", get("/a?b?c"), "b?c")), bad: []string{"query(x)", "query(with_qm,a)"}},
	{name: "base", out: sample.Str, needs: reqHead, fetch: fetchBase, summary: "the host and the path of the request",
		good: plus(ex("base", "www.example.com/a/b.html"), on("base", absolute, "abs.com/p", "base", star, "h.com", "base", "GET /nohost HTTP/1.0", "/nohost")), bad: []string{"base(x)"}},
	{name: "baseq", out: sample.Str, needs: reqHead, fetch: fetchBaseq, summary: "the host, the path and the query of the request",
		good: plus(ex("baseq", "www.example.com/a/b.html?x=1&y=2"), on("baseq", star, "h.com")), bad: []string{"baseq(x)"}},
	{name: "base32", out: sample.SInt, needs: reqHead, fetch: hashFetch(false), summary: "a 32-bit hash of the host and the path",
		good: plus(ex("base32,hex", "00000000230B653F"), on("base32", "GET /nohost HTTP/1.0", "2796363981", "base32", star, "319839611")), bad: []string{"base32(x)"}},
	{name: "base32+src", out: sample.Bin, needs: reqHead, fetch: hashSource(false), summary: "base32 followed by the source address",
		good: ex("base32+src,hex", "230B653F7F000001"), bad: []string{"base32+src(x)"}},
	{name: "url32", out: sample.SInt, needs: reqHead, fetch: hashFetch(true), summary: "a 32-bit hash of the host and the whole target",
		good: ex("url32", "2171018047"), bad: []string{"url32(x)"}},
	{name: "url32+src", out: sample.Bin, needs: reqHead, fetch: hashSource(true), summary: "url32 followed by the source address",
		good: ex("url32+src,hex", "81671B3F7F000001"), bad: []string{"url32+src(x)"}},
	{name: "url_ip", out: sample.IPv4, needs: reqHead, fetch: fetchURLIP, summary: "the address in an absolute target",
		good: on("url_ip", byAddress, "1.2.3.4", "url_ip", absolute, missing), bad: []string{"url_ip(x)"}},
	{name: "url_port", out: sample.SInt, needs: reqHead, fetch: fetchURLPort, summary: "the port in an absolute target whose host is an address, 80 without",
		good: on("url_port", byAddress, "81", "url_port", "GET http://1.2.3.4/x HTTP/1.1\nhost: 1.2.3.4", "80", "url_port", absolute, missing), bad: []string{"url_port(x)"}},
	{name: "urlp", out: sample.Str, args: threeNames, needs: reqHead, check: checkParam(2), fetch: fetchURLP, summary: "a parameter of the query string, or behind another delimiter",
		good: on("urlp(x)", get("/p?x=1&y=2&x=3"), "1", "urlp(z)", get("/p?x=1&y=2;z=3"), "3", "urlp(x,;)", get("/p;x=5?y=1"), "5?y=1", "urlp(X)", get("/p?x=1"), missing,
			"urlp(X,,i)", get("/p?x=1"), "1", "urlp(x)", get("/p?x="), "", "urlp(x)", get("/p?x&y=1"), missing, "urlp", get("/p?x&y=2"), "2", "urlp(y,;)", get("/p;x=5&y=2"), "2"),
		bad: []string{"urlp(a,;,x)", "urlp(a,;;)"}},
	{name: "url_param", out: sample.Str, args: threeNames, needs: reqHead, check: checkParam(2), fetch: fetchURLP, summary: "another name of urlp",
		good: on("url_param(x)", get("/p?x=1"), "1"), bad: []string{"url_param(a,;,x)"}},
	{name: "urlp_val", out: sample.SInt, args: threeNames, needs: reqHead, check: checkParam(2), fetch: fetchURLPVal, summary: "a parameter of the query string as an integer",
		good: on("urlp_val(x)", get("/p?x=12z"), "12", "urlp_val(x)", get("/p?x=z"), "0"), bad: []string{"urlp_val(a,;,x)"}},
	{name: "method", out: sample.Meth, needs: reqLine, fetch: fetchMethod, summary: "the method of the request",
		good: plus(ex("method", "GET"), on("method", "FOO / HTTP/1.1\nhost: h.com", "FOO")), bad: []string{"method(x)"}},
	{name: "req.ver", out: sample.Str, needs: reqHead, fetch: fetchVersion, summary: "the version of the request",
		good: plus(ex("req.ver", "1.1"), on("req.ver", "GET /nohost HTTP/1.0", "1.0")), bad: []string{"req.ver(x)"}},
	{name: "req_ver", out: sample.Str, needs: reqHead, fetch: fetchVersion, instead: "req.ver", summary: "the version of the request",
		good: ex("req_ver", "1.1"), bad: []string{"req_ver(x)"}},
	{name: "res.ver", out: sample.Str, needs: resHead, fetch: fetchResVersion, summary: "the version of the response",
		good: on("res.ver", res("x: a"), "1.1"), bad: []string{"res.ver(x)"}},
	{name: "resp_ver", out: sample.Str, needs: resHead, fetch: fetchResVersion, instead: "res.ver", summary: "the version of the response",
		good: on("resp_ver", res("x: a"), "1.1"), bad: []string{"resp_ver(x)"}},
}
