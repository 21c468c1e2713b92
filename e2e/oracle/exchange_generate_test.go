package oracle

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strconv"
	"strings"
)

// An exchange is what one client connection and the servers behind it do,
// whatever the proxy in between makes of it.
type exchange struct {
	seed    uint64
	number  int
	conf    *conf
	kind    string // good, odd or hostile
	pieces  bool   // its own pauses cut the bytes
	client  []step
	answers []answer // to the requests as they reach any server connection
}

type stepKind uint8

const (
	send   stepKind = iota
	settle          // until nothing moves any more
	shut            // end the sending direction
	closes          // close both
	reset           // close with a TCP reset
	expire          // until the proxy has closed, a short time-out being at work
)

var stepNames = [...]string{"send", "settle", "shut", "close", "reset", "expire"}

type step struct {
	kind stepKind
	data []byte
}

type trigger uint8

const (
	whole  trigger = iota // the request has come to its end
	head                  // its head has
	bytes1                // anything has
)

// An answer is what the server sends for one request, and then does.
type answer struct {
	on     trigger
	data   []byte
	then   stepKind // send (nothing), shut, closes or reset
	tunnel []byte   // answered once to the first bytes that follow
}

// String is the exchange as a person reads it.
func (x *exchange) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d case %d: %s exchange with %s\n", x.seed, x.number, x.kind, x.conf.name)
	for _, s := range x.client {
		fmt.Fprintf(&b, "  client %s %s\n", stepNames[s.kind], brief(s.data))
	}
	for i, a := range x.answers {
		fmt.Fprintf(&b, "  server %d on %s: %s", i+1, [...]string{"whole", "head", "bytes"}[a.on], brief(a.data))
		if a.then != send {
			fmt.Fprintf(&b, " %s", stepNames[a.then])
		}
		if a.tunnel != nil {
			fmt.Fprintf(&b, " tunnel %q", a.tunnel)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// brief quotes b; the middle of something long is told by its length and sum.
func brief(b []byte) string {
	const most = 700
	if len(b) == 0 {
		return ""
	}
	var out strings.Builder
	for at := 0; at < len(b); {
		n := 1
		for at+n < len(b) && b[at+n] == b[at] {
			n++
		}
		if n > 16 {
			fmt.Fprintf(&out, "<%d x %q>", n, b[at])
			at += n
			continue
		}
		q := strconv.Quote(string(b[at : at+n]))
		out.WriteString(q[1 : len(q)-1])
		at += n
	}
	text := out.String()
	if len(text) > most {
		text = fmt.Sprintf("%s<%d bytes, sum %08x>%s", text[:most/2], len(b), crc32.ChecksumIEEE(b), text[len(text)-most/4:])
	}
	return `"` + text + `"`
}

// generator draws one exchange. The same seed and number give the same one.
type generator struct {
	*rand.Rand
	kind string
}

func generate(seed uint64, number int) *exchange {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(number)))}
	x := &exchange{seed: seed, number: number}
	if x.shaped() {
		x.pieces = x.pieces || x.size() > 8000
		return x
	}
	x.kind = pick(g, "good", "good", "good", "odd", "odd", "odd", "hostile", "hostile")
	g.kind = x.kind
	x.conf = &confs[g.IntN(plainConfs)]
	switch {
	case x.conf.tcp:
		g.tcp(x)
	case x.conf.expires:
		g.expiring(x)
	default:
		g.http(x)
	}
	x.pieces = x.pieces || x.size() > 8000 // nobody takes more than a buffer at once
	return x
}

// large tells whether a response does not fit into a buffer.
func (x *exchange) large() bool {
	for _, a := range x.answers {
		if len(a.data) > 15000 {
			return true
		}
	}
	return false
}

func (x *exchange) size() int {
	n := 0
	for _, s := range x.client {
		n += len(s.data)
	}
	for _, a := range x.answers {
		n = max(n, len(a.data))
	}
	return n
}

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

// chance is true p times in a hundred.
func (g *generator) chance(p int) bool { return g.IntN(100) < p }

func (g *generator) odd() bool     { return g.kind != "good" }
func (g *generator) hostile() bool { return g.kind == "hostile" }

// http draws one to three requests, their answers and an end.
func (g *generator) http(x *exchange) {
	n := pick(g, 1, 1, 1, 2, 2, 3)
	pipeline := g.chance(40)
	for i := range n {
		req := g.request()
		data := req.bytes
		if g.hostile() && g.chance(35) {
			data = g.mutate(data)
		}
		x.answers = append(x.answers, g.answer(req))
		switch {
		case req.body > 1 && g.chance(20):
			g.interrupted(x, data, max(len(data)-1-g.IntN(req.body-1), 0)) // damage may have cut it
		case g.hostile() && g.chance(15):
			g.interrupted(x, data, 1+g.IntN(len(data)))
		default:
			x.client = append(x.client, step{send, data})
		}
		if !pipeline && i < n-1 {
			x.client = append(x.client, step{kind: settle})
		}
	}
	if pipeline {
		x.client = join(x.client)
	}
	switch {
	case g.chance(6):
		x.client = append(x.client, step{kind: shut})
	case g.hostile() && g.chance(8):
		x.client = append(x.client, step{kind: settle}, step{kind: pick(g, closes, reset)})
	}
}

// join makes one write of neighbouring ones.
func join(steps []step) []step {
	var out []step
	for _, s := range steps {
		if n := len(out); n > 0 && s.kind == send && out[n-1].kind == send {
			out[n-1].data = append(bytes.Clone(out[n-1].data), s.data...)
			continue
		}
		out = append(out, s)
	}
	return out
}

// interrupted sends data with a pause, or the client's end, behind its first n
// bytes.
func (g *generator) interrupted(x *exchange, data []byte, n int) {
	x.client = append(x.client, step{send, data[:n]}, step{kind: settle})
	x.pieces = true
	how := pick(g, send, send, shut, closes, reset)
	if how == send {
		x.client = append(x.client, step{send, data[n:]})
		return
	}
	x.client = append(x.client, step{kind: how})
}

// request is a drawn request and what the answer must know of it.
type request struct {
	bytes   []byte
	method  string
	body    int // bytes of body in bytes
	upgrade bool
	expect  bool
}

func (g *generator) request() request {
	var b bytes.Buffer
	r := request{method: g.method()}
	target := g.target(r.method)
	version := "HTTP/1.1"
	switch {
	case g.chance(15):
		version = "HTTP/1.0"
	case g.hostile() && g.chance(10):
		version = pick(g, "HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.10", "", "HTTP/1.1 ", "RTSP/1.0", "HTTP/3.0")
	}
	if g.odd() && g.chance(5) {
		b.WriteString(pick(g, "\r\n", "\n", "\r\n\r\n"))
	}
	blank := " "
	if g.odd() && g.chance(5) {
		blank = pick(g, "  ", "\t", " \t ")
	}
	fmt.Fprintf(&b, "%s%s%s", r.method, blank, target)
	if version != "" {
		b.WriteString(" " + version)
	}
	b.WriteString(g.eol())
	fields, body := g.requestFields(&r, target)
	for _, f := range fields {
		b.WriteString(f + g.eol())
	}
	b.WriteString(g.eol())
	b.Write(body)
	r.bytes, r.body = b.Bytes(), len(body)
	return r
}

// eol is the end of a line: now and then a bare LF, from an odd peer.
func (g *generator) eol() string {
	if g.odd() && g.chance(2) {
		return "\n"
	}
	return "\r\n"
}

func (g *generator) method() string {
	if g.hostile() && g.chance(6) {
		return pick(g, "get", "FOO", "M-SEARCH", "G@T", "PRI", "G\x00T", "GETGETGETGETGETGETGETGETGETGET", "")
	}
	return pick(g, "GET", "GET", "GET", "GET", "GET", "GET", "GET", "POST", "POST", "POST", "POST",
		"PUT", "HEAD", "HEAD", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT")
}

func (g *generator) target(method string) string {
	switch {
	case method == "CONNECT" && !g.hostile():
		return "host.test:443"
	case method == "OPTIONS" && g.chance(30):
		return "*"
	case g.hostile() && g.chance(15):
		return pick(g, "*", "", "a", "/\x80", "/a b", "/#f", "/\x01", "http://", "http://other.test/", "host.test:443", "ftp://host.test/",
			"/"+strings.Repeat("a", 16000), "/"+strings.Repeat("b", 20000), "//x//y", "/..;/", "http://user@host.test/", "http://host.test:99999/")
	case g.odd() && g.chance(25):
		return pick(g, "http://host.test/abs", "http://host.test", "http://host.test:80/p?q", "HTTP://HOST.test/x", "https://host.test:443/", "/?", "//",
			"/a%20b", "/%zz", "/<>\"^{|}\\", "http://host.test?x", "/"+strings.Repeat("c", 4000))
	}
	return pick(g, "/", "/index.html", "/a/b/c?d=e&f", "/%41?x", "/dir/")
}

func (g *generator) requestFields(r *request, target string) (fields []string, body []byte) {
	if !g.chance(8) {
		fields = append(fields, g.host(r.method))
	}
	fields = append(fields, g.connection()...)
	if g.odd() || g.chance(30) {
		for range g.IntN(4) {
			fields = append(fields, g.field(oddRequestFields))
		}
	}
	if g.chance(4) {
		r.expect = true
		fields = append(fields, "Expect: 100-continue")
	}
	if g.chance(4) {
		r.upgrade = true
		fields = append(fields, "Connection: Upgrade", "Upgrade: "+pick(g, "foo", "foo", "h2c", "websocket"))
	}
	if g.hostile() && g.chance(8) {
		fields = append(fields, g.oversized()...)
	}
	with := 10
	switch r.method {
	case "POST", "PUT", "PATCH":
		with = 90
	}
	if g.chance(with) {
		framing, content := g.framed(true)
		fields, body = append(fields, framing...), content
	}
	if g.odd() && g.chance(30) {
		g.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	}
	return fields, body
}

func (g *generator) host(method string) string {
	if g.hostile() && g.chance(15) {
		return pick(g, "Host: a,b", "Host:", "Host: host.test\r\nHost: other.test", "Host: host.test\r\nHost: host.test", "Host: host.test:99999", "Host: h t")
	}
	if method == "CONNECT" {
		return "Host: host.test:443"
	}
	return "Host: host.test"
}

func (g *generator) connection() []string {
	if g.chance(60) {
		return nil
	}
	if g.odd() && g.chance(40) {
		return pick(g, []string{"Connection: keep-alive, close"}, []string{"Connection: X-Foo", "X-Foo: hop"}, []string{"Connection: close", "Connection: keep-alive"},
			[]string{"Connection: x, Close"}, []string{"Connection:"}, []string{"connection: KEEP-ALIVE", "Keep-Alive: timeout=5"}, []string{"Proxy-Connection: close"})
	}
	return []string{pick(g, "Connection: close", "Connection: close", "Connection: keep-alive")}
}

var oddRequestFields = []string{
	"Accept: */*", "User-Agent: test/1.0 (x; y)", "Cookie: a=b; c=d", "Cookie:e=f", "X-Empty:", "X-Blank:   ", "X-Pad:  \t v \t ",
	"x-lower: 1", "X-UPPER: 2", "X-Fold: a\r\n b", "X-8bit: \xe9\xff", "X-Ctl: a\x01b\x7f", "TE: trailers, gzip", "TE: gzip", "Trailer: X-T",
	"Expect: something", "X-Forwarded-For: 10.0.0.1", "Accept-Encoding: gzip", "If-None-Match: \"x\"", "Range: bytes=0-3", "Via: 1.1 me",
	"X-Colon: a:b:c", "X!#$%&'*+-.^_`|~: tchar", "Upgrade: foo", "Authorization: Basic eDp5", "Content-Type: text/plain", "X-Dup: 1\r\nX-Dup: 2",
}

var hostileFields = []string{
	"X-Nul: a\x00b", "X-Cr: a\rb", ": empty", "X Space: 1", "X-Before : 1", "NoColon", "X-\x80: 1", "X\x01: 1", "(x): 1", " folded: first",
	"Content-Length: -1", "Content-Length: +1", "Content-Length: 1x", "Content-Length:", "Content-Length: 99999999999999999999", "Content-Length: 3, 3",
	"Content-Length: 3, 4", "Content-Length: 0", "Transfer-Encoding: identity", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked",
	"Transfer-Encoding: chunked, identity", "Transfer-Encoding:", "Transfer-Encoding: xchunked", "Transfer-Encoding: ,chunked,", "Content-Length: 0x3",
}

// field draws a header line, from a hostile peer now and then an illegal one.
func (g *generator) field(from []string) string {
	if g.hostile() && g.chance(20) {
		return hostileFields[g.IntN(len(hostileFields))]
	}
	return from[g.IntN(len(from))]
}

func (g *generator) oversized() []string {
	switch g.IntN(4) {
	case 0:
		return []string{"X-Big: " + strings.Repeat("z", 15300)}
	case 1:
		return []string{"X-Big: " + strings.Repeat("z", 20000)}
	case 2:
		lines := make([]string, 90+g.IntN(20))
		for i := range lines {
			lines[i] = fmt.Sprintf("X-%d: v", i)
		}
		return lines
	}
	return []string{"X-Near: " + strings.Repeat("y", 14000+g.IntN(1500))}
}

// framed draws the framing fields of a body and its bytes.
func (g *generator) framed(request bool) (fields []string, body []byte) {
	content := g.content()
	length := fmt.Sprintf("Content-Length: %d", len(content))
	if g.hostile() && g.chance(30) {
		switch g.IntN(6) {
		case 0: // more than is there
			return []string{fmt.Sprintf("Content-Length: %d", len(content)+1+g.IntN(50))}, content
		case 1: // less than is there
			return []string{fmt.Sprintf("Content-Length: %d", len(content)/2)}, content
		case 2:
			return []string{length, fmt.Sprintf("Content-Length: %d", len(content)+1)}, content
		case 3:
			return []string{"Transfer-Encoding: chunked"}, g.mutate(g.chunks(content))
		case 4:
			return []string{length}, g.chunks(content)
		case 5:
			return []string{"Transfer-Encoding: chunked"}, content
		}
	}
	if g.odd() && g.chance(15) {
		switch g.IntN(4) {
		case 0:
			return []string{"Transfer-Encoding: chunked", length}, g.chunks(content)
		case 1:
			return []string{length, length}, content
		case 2:
			return []string{fmt.Sprintf("Content-Length: 000%d", len(content))}, content
		case 3:
			return []string{"transfer-encoding: Chunked"}, g.chunks(content)
		}
	}
	if g.chance(45) {
		return []string{"Transfer-Encoding: chunked"}, g.chunks(content)
	}
	return []string{length}, content
}

func (g *generator) content() []byte {
	n := pick(g, 0, 1, 5, 20, 100, 500)
	if g.chance(6) {
		n = pick(g, 2000, 16000, 16384, 17000, 40000, 70000)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyz012345"[(i+n)%32]
	}
	return b
}

// chunks encodes content in one to four chunks, with what is allowed around it.
func (g *generator) chunks(content []byte) []byte {
	var b bytes.Buffer
	for len(content) > 0 {
		n := 1 + g.IntN(len(content))
		if g.chance(40) {
			n = len(content)
		}
		size := strconv.FormatInt(int64(n), 16)
		if g.odd() && g.chance(20) {
			size = pick(g, "000"+size, strings.ToUpper(size), size+";ext=1", size+" ;a=\"b\"", size+";")
		}
		fmt.Fprintf(&b, "%s\r\n%s\r\n", size, content[:n])
		content = content[n:]
	}
	b.WriteString(pick(g, "0\r\n", "0\r\n", "0\r\n", "000\r\n"))
	if g.chance(20) {
		b.WriteString("X-Trailer: t\r\n")
		if g.odd() {
			b.WriteString(pick(g, "", "x-more:\r\n", "Content-Length: 5\r\n", "Host: t\r\n", "X-F: a\r\n b\r\n"))
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// mutate damages b in one place.
func (g *generator) mutate(b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) == 0 {
		return b
	}
	at := g.IntN(min(len(b), 300))
	switch g.IntN(5) {
	case 0:
		b[at] = byte(g.IntN(256))
	case 1:
		b = append(b[:at], b[at+1:]...)
	case 2:
		b = append(b[:at:at], append([]byte(pick(g, "\x00", "\r", "\n", " ", ":", "\t", "\xff", "0", "GET / HTTP/1.1\r\n\r\n")), b[at:]...)...)
	case 3:
		b[at] ^= 0x20
	case 4:
		b = b[:at+1]
	}
	return b
}

// answer draws the server's answer to a request.
func (g *generator) answer(r request) answer {
	var b bytes.Buffer
	a := answer{}
	if g.chance(8) {
		a.on = head
	}
	if r.expect && g.chance(60) {
		a.on = head
		b.WriteString("HTTP/1.1 100 Continue\r\n\r\n")
	}
	if g.chance(5) {
		b.WriteString(pick(g, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 100 Continue\r\nX-I: 1\r\n\r\n"))
	}
	switch {
	case r.upgrade && g.chance(60), g.hostile() && g.chance(3):
		fmt.Fprintf(&b, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n")
		a.tunnel = []byte("tunnelled")
		if g.chance(40) {
			b.WriteString("early")
		}
	case r.method == "CONNECT" && g.chance(70):
		b.WriteString("HTTP/1.1 200 Established\r\n")
		if g.odd() && g.chance(30) {
			b.WriteString("Content-Length: 5\r\n")
		}
		b.WriteString("\r\n")
		a.tunnel = []byte("tunnelled")
	default:
		g.finalAnswer(&b, &a, r)
	}
	a.data = b.Bytes()
	if g.hostile() && g.chance(20) {
		a.data = g.mutate(a.data)
	}
	if a.then == send && g.chance(6) {
		a.then = pick(g, closes, closes, shut)
	}
	if a.then != send {
		a.on = whole // else it is timing what comes of the request
	}
	return a
}

func (g *generator) finalAnswer(b *bytes.Buffer, a *answer, r request) {
	status := pick(g, "200 OK", "200 OK", "200 OK", "200 OK", "200 OK", "404 Not Found", "302 Found", "500 Oops", "204 No Content", "304 Not Modified", "201", "503 Later")
	version := "HTTP/1.1"
	if g.chance(12) {
		version = "HTTP/1.0"
	}
	if g.hostile() && g.chance(12) {
		status = pick(g, "99 x", "1000 x", "999 Odd", "20", "", "2xx", "199 x", "600 x", "200", "200  two", "408 t", "205 Reset")
		version = pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/2.0", "HTTP/1.2", "ICY", "http/1.1")
	}
	fmt.Fprintf(b, "%s %s%s", version, status, g.eol())
	var fields []string
	if g.odd() || g.chance(30) {
		for range g.IntN(3) {
			fields = append(fields, g.field(oddResponseFields))
		}
	}
	fields = append(fields, g.connection()...)
	bodyless := r.method == "HEAD" || strings.HasPrefix(status, "204") || strings.HasPrefix(status, "304")
	var body []byte
	switch {
	case g.chance(12): // by close
		body, a.then = g.content(), closes
	default:
		var framing []string
		framing, body = g.framed(false)
		fields = append(fields, framing...)
	}
	if bodyless && !(g.hostile() && g.chance(25)) {
		body = nil
	}
	if g.hostile() && g.chance(6) {
		fields = append(fields, g.oversized()...)
	}
	for _, f := range fields {
		b.WriteString(f + g.eol())
	}
	b.WriteString(g.eol())
	b.Write(body)
	switch {
	case g.odd() && g.chance(5):
		b.WriteString(pick(g, "junk", "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"))
	case g.odd() && g.chance(8):
		cut := g.IntN(b.Len() + 1)
		b.Truncate(cut)
		a.then = pick(g, closes, closes, shut, reset)
	}
	if a.then == send && strings.Contains(strings.ToLower(strings.Join(fields, "\n")), "connection: close") {
		a.then = closes
	}
}

var oddResponseFields = []string{
	"Server: test", "Date: Thu, 01 Jan 1970 00:00:01 GMT", "Content-Type: text/html", "Set-Cookie: a=b", "Set-Cookie: c=d; path=/", "X-Empty:", "X-Pad: \t v ",
	"ETag: \"x\"", "Cache-Control: max-age=1", "Location: /x", "X-Fold: a\r\n\tb", "X-8bit: \xe9", "Upgrade: foo", "Keep-Alive: timeout=3", "Trailer: X-T",
	"WWW-Authenticate: Basic realm=\"x\"", "WWW-Authenticate: NTLM", "X-Ctl: \x02", "x-UP: Up", "TE: trailers",
}

// tcp draws bytes for both directions.
func (g *generator) tcp(x *exchange) {
	x.client = append(x.client, step{send, append([]byte("hello"), g.content()...)})
	x.answers = []answer{{on: bytes1, data: append([]byte("answer"), g.content()...), then: pick(g, send, send, closes, shut, reset)}}
	if g.chance(50) {
		x.client = append(x.client, step{kind: settle}, step{send, []byte("more")})
	}
	if g.chance(40) {
		x.client = append(x.client, step{kind: settle}, step{kind: pick(g, shut, closes, reset)})
	}
}

// expiring draws what makes a time-out strike: a client or a server that stops
// in the middle of something.
func (g *generator) expiring(x *exchange) {
	r := g.request()
	a := g.answer(r)
	switch g.IntN(4) {
	case 0: // the client stops in its request
		x.pieces = true
		x.client = []step{{send, r.bytes[:g.IntN(len(r.bytes))]}, {kind: expire}}
	case 1: // the server does not answer
		x.client = []step{{send, r.bytes}, {kind: expire}}
		a.data, a.then = nil, send
	case 2: // the server stops in its answer
		x.pieces = true
		x.client = []step{{send, r.bytes}, {kind: expire}}
		a.data, a.then = a.data[:g.IntN(len(a.data)+1)], send
	case 3: // nothing more comes behind an exchange
		x.client = []step{{send, r.bytes}, {kind: expire}}
	}
	x.answers = []answer{a}
}
