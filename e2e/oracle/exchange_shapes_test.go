package oracle

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Shapes are exchanges that the general generator makes seldom or never: each
// aims at one chapter of HTTP/1 and draws the rest.

// shapeShare is how many of a hundred exchanges have a shape.
const shapeShare = 40

var shapes = []struct {
	name  string
	draw  func(g *generator, x *exchange)
	confs []string // nil: any of those that speak HTTP
}{
	{"trailers", (*generator).trailers, nil},
	{"interim", (*generator).interim, nil},
	{"expect", (*generator).expect, nil},
	{"bodyless", (*generator).bodyless, nil},
	{"connect", (*generator).connect, nil},
	{"upgrade", (*generator).upgrade, nil},
	{"behind errors", (*generator).behindErrors, nil},
	{"persistence", (*generator).persistence, nil},
	{"fields", (*generator).fieldOrder, nil},
	{"targets", (*generator).targets, nil},
	{"near the limit", (*generator).nearTheLimit, []string{"plain", "plaintwo", "buffer", "be-buffer", "forwardfor", "abortonclose"}},
	{"chunks in pieces", (*generator).chunksInPieces, nil},
	{"early answer", (*generator).earlyAnswer, nil},
	{"client leaves", (*generator).clientLeaves, nil},
	{"rules", (*generator).ruled, []string{"rules", "rules-close"}},
}

// shaped gives x a shape of its own stream of numbers, or tells that it has none.
func (x *exchange) shaped() bool {
	g := &generator{Rand: rand.New(rand.NewPCG(x.seed^0x5a4e, uint64(x.number)))}
	if !g.chance(shapeShare) {
		return false
	}
	g.kind = pick(g, "good", "odd", "odd", "hostile")
	s := &shapes[g.IntN(len(shapes))]
	x.kind = g.kind + " " + s.name
	x.conf = g.httpConf(s.confs)
	s.draw(g, x)
	return true
}

// httpConf draws one of the named confs, or any that has neither another mode nor
// short time-outs nor a server that refuses.
func (g *generator) httpConf(names []string) *conf {
	var of []*conf
	for i := range confs {
		c := &confs[i]
		ok := !c.tcp && !c.expires && !c.refused
		if names != nil {
			ok = false
			for _, n := range names {
				ok = ok || n == c.name
			}
		}
		if ok {
			of = append(of, c)
		}
	}
	return pick(g, of...)
}

// says adds what the client sends; now and then in pieces that are seen one by one.
func (x *exchange) says(parts ...string) {
	for i, p := range parts {
		if i > 0 {
			x.client = append(x.client, step{kind: settle})
			x.pieces = true
		}
		if p != "" {
			x.client = append(x.client, step{send, []byte(p)})
		}
	}
}

func (x *exchange) then(k stepKind) { x.client = append(x.client, step{kind: k}) }

func (x *exchange) answered(a answer) { x.answers = append(x.answers, a) }

const plain200 = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// next is a further request on the same connection, which tells what became of it.
func (x *exchange) next() {
	x.then(settle)
	x.client = append(x.client, step{send, []byte("GET /next HTTP/1.1\r\nHost: host.test\r\n\r\n")})
	x.answered(answer{data: []byte(plain200)})
}

func (g *generator) trailerLines() string {
	lines := pick(g, "X-T: 1\r\n", "X-T: 1\r\nX-U:\r\nx-t: 2\r\n", "")
	if g.odd() {
		lines += pick(g, "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Host: other\r\n", "Connection: close\r\n", "X-Fold: a\r\n b\r\n", "X-B:  \t b \t\r\n", "")
	}
	if g.hostile() {
		lines += pick(g, "NoColon\r\n", "A b: c\r\n", " first: x\r\n", ": empty\r\n", "X-N: a\x00b\r\n", "X-Cr: a\rb\r\n", "X-Lf: a\nX-M: b\r\n", strings.Repeat("X-Many: v\r\n", 90+g.IntN(20)), "X-Big: "+strings.Repeat("t", 9000)+"\r\n")
	}
	return lines
}

// trailers go both ways.
func (g *generator) trailers(x *exchange) {
	body := pick(g, "5\r\nhello\r\n", "", "2\r\nhe\r\n3;a=b\r\nllo\r\n")
	version := pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0")
	extra := pick(g, "", "TE: trailers\r\n", "Trailer: X-T\r\n", "Connection: TE\r\nTE: trailers, deflate\r\n", "Connection: close\r\n")
	x.says(fmt.Sprintf("POST /t %s\r\nHost: host.test\r\n%sTransfer-Encoding: chunked\r\n\r\n%s0\r\n%s\r\n", version, extra, body, g.trailerLines()))
	data := fmt.Sprintf("HTTP/1.1 %s\r\nTransfer-Encoding: chunked\r\n%s\r\n%s0\r\n%s\r\n", pick(g, "200 OK", "200 OK", "404 No"),
		pick(g, "", "Trailer: X-T\r\n", "Connection: close\r\n"), body, g.trailerLines())
	x.answered(answer{data: []byte(data)})
	x.next()
}

// interim responses come before the final one, asked for or not.
func (g *generator) interim(x *exchange) {
	var b strings.Builder
	for range 1 + g.IntN(3) {
		b.WriteString(pick(g, "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>\r\n\r\n",
			"HTTP/1.1 102 Processing\r\nX-I: 1\r\n\r\n", "HTTP/1.1 199 x\r\n\r\n", "HTTP/1.0 100 Continue\r\n\r\n"))
		if g.odd() && g.chance(30) {
			b.WriteString(pick(g, "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
				"HTTP/1.1 100\r\n\r\n", "HTTP/1.1 103 Hints\r\nConnection: Link\r\nLink: x\r\n\r\n"))
		}
	}
	final := pick(g, plain200, plain200, "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
	if g.hostile() && g.chance(40) {
		final = pick(g, "junk\r\n\r\n", "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n", "", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")
	}
	version := pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/1.0")
	method, body := "GET", ""
	if g.chance(40) {
		method, body = "POST", "Content-Length: 5\r\n\r\nhello"
	} else {
		body = "\r\n"
	}
	x.says(fmt.Sprintf("%s /i %s\r\nHost: host.test\r\n%s%s", method, version, pick(g, "", "Connection: keep-alive\r\n"), body))
	x.answered(answer{data: []byte(b.String() + final)})
	x.next()
}

// expect: the client waits for leave, and the server gives it, refuses or says
// nothing.
func (g *generator) expect(x *exchange) {
	expect := "100-continue"
	if g.odd() && g.chance(30) {
		expect = pick(g, "100-Continue", "100-continue, x", "\"100-continue\"", "something", "")
	}
	version := pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0")
	framing, body := "Content-Length: 5\r\n", "hello"
	if g.chance(40) {
		framing, body = "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"
	}
	if g.odd() && g.chance(15) {
		framing, body = pick(g, "", "Content-Length: 0\r\n"), ""
	}
	req := fmt.Sprintf("%s /e %s\r\nHost: host.test\r\nExpect: %s\r\n%s\r\n", pick(g, "POST", "PUT", "GET"), version, expect, framing)
	switch g.IntN(4) {
	case 0: // it does not wait
		x.says(req + body)
		x.answered(answer{data: []byte(pick(g, plain200, "HTTP/1.1 100 Continue\r\n\r\n"+plain200))})
	case 1: // it waits and is refused, and sends its body all the same
		x.says(req, body)
		x.answered(answer{on: head, data: []byte("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n" + pick(g, "", "Connection: close\r\n") + "\r\nno")})
	default:
		x.says(req, body)
		x.answered(answer{on: head, data: []byte("HTTP/1.1 100 Continue\r\n\r\n" + pick(g, "", plain200))})
	}
	x.next()
}

// bodyless answers have a body all the same, or say that they would have.
func (g *generator) bodyless(x *exchange) {
	method := pick(g, "HEAD", "HEAD", "GET", "POST", "OPTIONS")
	status := pick(g, "200 OK", "204 No Content", "304 Not Modified", "205 Reset Content", "404 No")
	framing := pick(g, "Content-Length: 5\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n", "", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")
	body := ""
	if g.odd() && g.chance(40) {
		body = pick(g, "hello", "5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\n", plain200)
	}
	a := answer{data: []byte(fmt.Sprintf("%s %s\r\n%s%s\r\n%s", pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"), status, framing, pick(g, "", "Connection: keep-alive\r\n", "Connection: close\r\n"), body))}
	if framing == "" && g.chance(50) {
		a.then = closes
	}
	sent := ""
	if method == "POST" || g.odd() && g.chance(20) {
		sent = pick(g, "Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	} else {
		sent = "\r\n"
	}
	x.says(fmt.Sprintf("%s /b %s\r\nHost: host.test\r\n%s", method, pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"), sent))
	x.answered(a)
	x.next()
}

// connect asks for a tunnel, which is given or not, and either side ends it.
func (g *generator) connect(x *exchange) {
	target, host := "host.test:443", "host.test:443"
	if g.odd() && g.chance(40) {
		target = pick(g, "host.test:80", "host.test", "[::1]:443", "host.test:", "1.2.3.4:80", "HOST.test:443", "host.test:0443")
		host = pick(g, target, host, "host.test", "other.test:443")
	}
	early := pick(g, "", "", "early")
	x.says(fmt.Sprintf("CONNECT %s %s\r\nHost: %s\r\n%s\r\n%s", target, pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"), host, pick(g, "", "Proxy-Connection: keep-alive\r\n", "Connection: close\r\n"), early))
	a := answer{data: []byte(pick(g, "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 Established\r\nX-A: b\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n")), tunnel: []byte("answer")}
	if g.chance(30) {
		a = answer{data: []byte(pick(g, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
			"HTTP/1.1 302 Found\r\nLocation: /x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"))}
	}
	x.answered(a)
	x.then(settle)
	x.client = append(x.client, step{send, []byte("first")})
	switch g.IntN(4) {
	case 0:
		x.then(settle)
		x.then(shut)
	case 1:
		x.then(settle)
		x.client = append(x.client, step{send, []byte("second")})
	}
}

// upgrade asks for another protocol.
func (g *generator) upgrade(x *exchange) {
	proto := pick(g, "foo", "websocket", "foo", "h2c", "foo, bar")
	fields := pick(g, "Connection: Upgrade\r\n", "Connection: keep-alive, upgrade\r\n", "Connection: Upgrade\r\nConnection: close\r\n", "") + "Upgrade: " + proto + "\r\n"
	accept := ""
	if strings.HasPrefix(proto, "websocket") {
		fields += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
		accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	}
	method, body := "GET", ""
	if g.chance(25) {
		method, body = "POST", pick(g, "hello", "")
		fields += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	x.says(fmt.Sprintf("%s /u %s\r\nHost: host.test\r\n%s\r\n%s", method, pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"), fields, body))
	a := answer{data: []byte("HTTP/1.1 101 Switching Protocols\r\n" + pick(g, "Connection: Upgrade\r\n", "Connection: upgrade\r\n", "Connection: Upgrade, X\r\n") + "Upgrade: " + proto + "\r\n" + accept +
		pick(g, "", "", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n") + "\r\n" + pick(g, "", "", "early")), tunnel: []byte("answer")}
	if g.chance(35) {
		a = answer{data: []byte(pick(g, plain200, "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n"))}
	}
	x.answered(a)
	x.then(settle)
	x.client = append(x.client, step{send, []byte("GET /after HTTP/1.1\r\nHost: host.test\r\n\r\n")})
	x.answered(answer{data: []byte(plain200)})
	if g.chance(25) {
		x.then(settle)
		x.then(shut)
	}
}

// behindErrors: requests stand in front of and behind one that is refused.
func (g *generator) behindErrors(x *exchange) {
	good := func() string {
		x.answered(answer{data: []byte(pick(g, plain200, plain200, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nopen", "HTTP/1.1 502\r\n\x00: x\r\n\r\n"))})
		return pick(g, "GET /g HTTP/1.1\r\nHost: host.test\r\n\r\n", "POST /g HTTP/1.1\r\nHost: host.test\r\nContent-Length: 3\r\n\r\nabc",
			"POST /g HTTP/1.1\r\nHost: host.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	}
	bad := pick(g, "BAD\r\n\r\n", "GET / HTTP/1.1\r\nNoColon\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "POST / HTTP/1.1\r\nHost: host.test\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		"POST / HTTP/1.1\r\nHost: host.test\r\nContent-Length: x\r\n\r\nabc", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "get / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\r\n\r\n", " GET / HTTP/1.1\r\n\r\n")
	parts := []string{good(), bad, good()}
	if g.chance(40) {
		parts = []string{good(), good(), bad}
	}
	if g.chance(60) {
		x.says(strings.Join(parts, ""))
		return
	}
	x.says(parts...)
}

// persistence: every way to say whether a connection goes on.
func (g *generator) persistence(x *exchange) {
	con := func() string {
		return pick(g, "", "", "Connection: close\r\n", "Connection: keep-alive\r\n", "Connection: Keep-Alive\r\nKeep-Alive: timeout=5\r\n", "Connection: keep-alive, close\r\n",
			"Connection: close\r\nConnection: keep-alive\r\n", "Proxy-Connection: keep-alive\r\n", "Connection:\r\n", "Connection: ,close,\r\n", "Connection: x-hop\r\nX-Hop: 1\r\n", "Connection: \"close\"\r\n")
	}
	for i := range 2 + g.IntN(2) {
		req := fmt.Sprintf("%s /p%d %s\r\nHost: host.test\r\n%s\r\n", pick(g, "GET", "GET", "HEAD", "DELETE"), i, pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"), con())
		if i > 0 {
			x.then(settle)
		}
		x.client = append(x.client, step{send, []byte(req)})
		a := answer{}
		framing := pick(g, "Content-Length: 2\r\n\r\nok", "Content-Length: 2\r\n\r\nok", "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "\r\nok")
		if framing == "\r\nok" {
			a.then = pick(g, closes, shut)
		}
		a.data = []byte(fmt.Sprintf("%s 200 OK\r\n%s%s", pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"), con(), framing))
		if strings.HasPrefix(req, "HEAD") {
			a.data = a.data[:bytes.Index(a.data, []byte("\r\n\r\n"))+4]
		}
		if g.chance(10) {
			a.then = closes
		}
		x.answered(a)
	}
}

// fieldOrder: many fields in whatever case and order, hop-by-hop ones between.
func (g *generator) fieldOrder(x *exchange) {
	draw := func(from []string) string {
		var b strings.Builder
		for range 3 + g.IntN(12) {
			f := from[g.IntN(len(from))]
			name, value, _ := strings.Cut(f, ":")
			name = pick(g, name, strings.ToUpper(name), strings.ToLower(name))
			b.WriteString(name + ":" + value + "\r\n")
		}
		return b.String()
	}
	x.says("GET /f HTTP/1.1\r\nHost: host.test\r\n" + draw(shapedRequestFields) + "\r\n")
	x.answered(answer{data: []byte("HTTP/1.1 200 OK\r\n" + draw(shapedResponseFields) + "Content-Length: 2\r\n\r\nok")})
	x.next()
}

var shapedRequestFields = []string{
	"Accept: a", "Accept: b", "X-A: 1", "X-A: 2", "Cookie: a=b", "Cookie: c=d; e", "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4", "Via: 1.0 x", "Keep-Alive: 5", "TE: gzip, trailers;q=0.5",
	"TE: trailers", "Upgrade: x", "Proxy-Authorization: Basic eDp5", "Trailer: A", "X-Empty:", "X-Tab:\tv", "X-Sp:    v   ", "If-Match: \"a\"", "Max-Forwards: 0", "Content-Type: a/b", "Content-Encoding: gzip",
	"Connection: x-a", "Connection: TE, x-b", "X-B: b", "Date: x", "Referer: /r", "X-Obs: \xc3\xa9", "Accept-Encoding: br",
}

var shapedResponseFields = []string{
	"Server: s", "Date: Thu, 01 Jan 1970 00:00:01 GMT", "Set-Cookie: a=b", "Set-Cookie: c", "X-A: 1", "X-a: 2", "Vary: *", "Via: 1.1 y", "Keep-Alive: timeout=3", "Connection: x-a", "Connection: keep-alive",
	"Upgrade: x", "Trailer: T", "ETag: W/\"a\"", "Age: 1", "Warning: 1", "X-Empty:", "X-Tab:\tv\t", "Content-Type: text/html; charset=x", "Content-Encoding: gzip", "Proxy-Authenticate: Basic", "Alt-Svc: h3", "X-Obs: \xe9",
}

// targets: every form of a target with every form of host.
func (g *generator) targets(x *exchange) {
	target := pick(g, "/", "/a/../b/./c", "//", "/%2e%2e/", "/a?b#c", "/?", "?x", "*", "http://host.test", "http://host.test/", "http://host.test:80/x", "http://host.test:8080/x", "https://host.test:443/x",
		"https://host.test:80", "HTTP://Host.Test/X", "http://user:pw@host.test/", "http://[::1]/", "http://[::1]:80/", "http://host.test:/", "http:///x", "http:/x", "ws://host.test:80/", "http://host.test?q", "foo:bar", "host.test:80",
		"/a\\b", "/;a=b", "/\"", "/{}|^`", "/%", "/a//b", "http://host.test:080/", "http://host.test.:80/")
	if !g.hostile() && strings.ContainsAny(target, "\\\"{}|^`") {
		target = "/plain"
	}
	host := pick(g, "host.test", "host.test", "Host.Test", "host.test:80", "host.test:443", "host.test:8080", "", "[::1]", "[::1]:80", "host.test.", "host.test:", "other.test")
	hosts := "Host: " + host + "\r\n"
	if g.odd() && g.chance(20) {
		hosts = pick(g, "", hosts+hosts, "Host: host.test\r\nHost: host.test:80\r\n", "Host: user@host.test\r\n", "Host: a b\r\n", "Host: host.test/x\r\n", "Host: host.test:x\r\n", "Host: host.test, other.test\r\n")
	}
	x.says(fmt.Sprintf("%s %s %s\r\n%sX-A: b\r\n\r\n", pick(g, "GET", "GET", "GET", "OPTIONS", "HEAD", "POST"), target, pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"), hosts))
	x.answered(answer{data: []byte("HTTP/1.1 204 No Content\r\n\r\n")})
	x.next()
}

// nearTheLimit: heads of about tune.bufsize - tune.maxrewrite bytes, and of about
// tune.http.maxhdr fields; the bodies behind them go with them or not.
func (g *generator) nearTheLimit(x *exchange) {
	const limit = 16384 - 1024
	pad := func(head string) string {
		if g.chance(30) {
			return head + strings.Repeat("X-F: v\r\n", 97+g.IntN(6)) + "\r\n"
		}
		want := limit - pick(g, 0, 1, 50, 100, 200, 1000, -1, -50, -200, -1100) - len(head) - len("X-Pad: \r\n\r\n")
		return head + "X-Pad: " + strings.Repeat("p", want) + "\r\n\r\n"
	}
	body, framing := "", ""
	if g.chance(50) {
		body = strings.Repeat("b", pick(g, 1, 900, 1100, 3000))
		framing = fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	req := "POST /n HTTP/1.1\r\nHost: host.test\r\n" + framing
	ans := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	switch g.IntN(3) {
	case 0:
		x.says(pad(req) + body)
		x.answered(answer{data: []byte(ans + "\r\nhello")})
	case 1:
		x.says(req + "\r\n" + body)
		x.answered(answer{data: []byte(pad(ans) + "hello")})
	case 2: // begins behind another one in the same buffer
		x.answered(answer{data: []byte(plain200)})
		x.says("GET /first HTTP/1.1\r\nHost: host.test\r\n\r\n" + pad(req) + body)
		x.answered(answer{data: []byte(ans + "\r\nhello")})
	}
	x.next()
}

// chunksInPieces: the pieces end inside sizes, extensions and line ends.
func (g *generator) chunksInPieces(x *exchange) {
	size := pick(g, "5", "05", "5;x=y", "5 ", "0000000005")
	last := pick(g, "0\r\n\r\n", "00\r\n\r\n", "0;x\r\n\r\n", "0\r\nX-T: 1\r\n\r\n")
	if g.hostile() && g.chance(50) {
		size = pick(g, "5\r", "0x5", "-5", "5\n", " 5", "5\t;x", "100000000", "ffffffffffffffff", "5;\x00", "G", "", "5;x\"")
		last = pick(g, last, "0\n\n", "0\r\n", "0\r\n\n", "0\r\nbad\r\n\r\n")
	}
	text := size + "\r\nhello\r\n" + size + "\r\nworld" + pick(g, "\r\n", "\r\n", "\r\n", "\r\n", "\n", "X\r\n") + last
	var parts []string
	for n := 1 + g.IntN(3); n > 0 && len(text) > 1; n-- {
		ends := []int{}
		for i := range text { // within and around a line's end
			if text[i] == '\r' || text[i] == '\n' {
				ends = append(ends, i, i+1)
			}
		}
		at := 1
		if len(ends) > 0 {
			at = max(1, pick(g, ends...))
		}
		parts = append(parts, text[:at])
		text = text[at:]
	}
	parts = append(parts, text)
	if g.chance(50) {
		parts[0] = "POST /c HTTP/1.1\r\nHost: host.test\r\nTransfer-Encoding: chunked\r\n\r\n" + parts[0]
		x.says(parts...)
		x.answered(answer{data: []byte(plain200)})
	} else { // the same from the server, split as the modes do
		x.says("GET /c HTTP/1.1\r\nHost: host.test\r\n\r\n")
		x.pieces = true
		x.answered(answer{data: []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Join(parts, ""))})
	}
	x.next()
}

// earlyAnswer: the server answers before it has the request's body.
func (g *generator) earlyAnswer(x *exchange) {
	con := pick(g, "", "", "Connection: close\r\n")
	start := "POST /early HTTP/1.1\r\nHost: host.test\r\n" + con
	if g.chance(50) {
		x.says(start+"Content-Length: 10\r\n\r\n", "hello", "world")
	} else {
		x.says(start+"Transfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n", "5\r\nworld\r\n0\r\n\r\n")
	}
	if g.chance(20) { // it gives up
		x.client = x.client[:len(x.client)-1]
		x.then(pick(g, shut, closes))
	}
	x.answered(answer{on: head, data: []byte(pick(g, plain200, plain200, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", "HTTP/1.1 413 Large\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n"))})
	if !x.ends() && !x.leaves() {
		x.next()
	}
}

// clientLeaves: the client ends its direction or its connection while a server is
// silent, in the middle of its answer, or behind it.
func (g *generator) clientLeaves(x *exchange) {
	req := pick(g, "GET /l HTTP/1.1\r\nHost: host.test\r\n\r\n", "POST /l HTTP/1.1\r\nHost: host.test\r\nContent-Length: 5\r\n\r\nhello", "POST /l HTTP/1.1\r\nHost: host.test\r\nContent-Length: 9\r\n\r\nhello",
		"POST /l HTTP/1.1\r\nHost: host.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "GET /l HTTP/1.0\r\nHost: host.test\r\n\r\n")
	if g.chance(30) {
		req += "GET /behind HTTP/1.1\r\nHost: host.test\r\n\r\n"
	}
	x.says(req)
	x.answered(answer{on: head, data: []byte(pick(g, "", "", "HTTP/1.1 200 OK\r\n\r\nopen", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 2"))})
	x.then(settle)
	x.then(pick(g, shut, shut, shut, reset))
	x.pieces = true
}

// ruled: the answer comes from rules, in front of bodies that nobody reads.
func (g *generator) ruled(x *exchange) {
	for i := range 1 + g.IntN(3) {
		path := pick(g, "/deny", "/return", "/redirect", "/reject", "/resdeny", "/resreturn", "/wait", "/plain", "/strict")
		body := pick(g, "\r\n", "\r\n", "Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "Content-Length: 3000\r\n\r\n"+strings.Repeat("r", 3000))
		method := "GET"
		if body != "\r\n" {
			method = pick(g, "POST", "PUT")
		} else if g.chance(25) {
			method = "HEAD"
		}
		if i > 0 && g.chance(60) {
			x.then(settle)
		}
		x.client = append(x.client, step{send, []byte(fmt.Sprintf("%s %s %s\r\nHost: host.test\r\n%s%s", method, path, pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"), pick(g, "", "", "Connection: close\r\n", "Connection: keep-alive\r\n", "Expect: 100-continue\r\n"), body))})
		switch path {
		case "/deny", "/return", "/redirect", "/reject":
		default: // they reach the server
			data := pick(g, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n")
			if method == "HEAD" {
				data = data[:strings.Index(data, "\r\n\r\n")+4]
			}
			x.answered(answer{data: []byte(data)})
		}
	}
	x.client = join(x.client)
}
