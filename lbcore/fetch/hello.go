package fetch

import (
	"bytes"

	"gohap/lbcore/message"
	"gohap/lbcore/sample"
)

// hello is a TLS ClientHello as it lies in the received bytes
// (RFC 8446 section 4.1, RFC 5246 section 7.4.1).
type hello struct {
	ciphers    []byte
	extensions []byte
	extended   bool // it has extensions at all
}

// found is the outcome of looking into partial input.
type found uint8

const (
	wrong found = iota // what is there cannot become one
	short              // more bytes are needed
	whole
)

const (
	recordHandshake = 0x16
	recordHeader    = 5
	handshakeHeader = 4
)

// handshake returns the first handshake message of a TLS connection: its type
// and body. Reference: what begins like TLS and is no handshake is waited for,
// and a message that goes on in another record is taken as if it did not.
func handshake(b []byte) (kind byte, body []byte, f found) {
	switch {
	case len(b) == 0:
		return 0, nil, short
	case b[0] < 0x14 || b[0] > 0x17 && b[0] != 0xff:
		return 0, nil, wrong
	case len(b) < recordHeader:
		return 0, nil, short
	case b[1] < 3:
		return 0, nil, wrong
	}
	size := int(b[3])<<8 | int(b[4])
	if b[0] != recordHandshake || size < handshakeHeader || len(b) < recordHeader+handshakeHeader {
		return 0, nil, short
	}
	b = b[recordHeader:]
	n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	if len(b)-handshakeHeader < n {
		return b[0], nil, short
	}
	return b[0], b[handshakeHeader : handshakeHeader+n], whole
}

// clientHello finds the ClientHello that a connection begins with, within its
// first record.
func clientHello(b []byte) (h hello, f found) {
	switch {
	case len(b) > 0 && b[0] != recordHandshake:
		return h, wrong
	case len(b) > recordHeader && int(b[3])<<8|int(b[4]) < handshakeHeader:
		return h, wrong
	}
	kind, body, f := handshake(b)
	switch {
	case f != whole:
		return h, f
	case kind != 1 || len(body) < 35 || body[0] != 3 || body[1] == 0:
		return h, wrong // reference: extensions came with version 3.1
	case len(body)+handshakeHeader > int(b[3])<<8|int(b[4]):
		return h, wrong
	}
	body = body[34:] // behind the version and the random
	_, body, ok := vector(body, 1)
	if !ok {
		return h, wrong
	}
	if h.ciphers, body, ok = vector(body, 2); !ok {
		return h, wrong
	}
	if _, body, ok = vector(body, 1); !ok {
		return h, wrong
	}
	h.extensions, _, h.extended = vector(body, 2)
	return h, whole
}

// vector cuts a vector off whose length stands in width bytes.
func vector(b []byte, width int) (v, rest []byte, ok bool) {
	if len(b) < width {
		return nil, nil, false
	}
	n := 0
	for _, c := range b[:width] {
		n = n<<8 | int(c)
	}
	if b = b[width:]; len(b) < n {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// extension returns the content of an extension.
func (h *hello) extension(id int) (v []byte, ok bool) {
	for rest := h.extensions; len(rest) >= 4; {
		kind := int(rest[0])<<8 | int(rest[1])
		var body []byte
		if body, rest, ok = vector(rest[2:], 2); !ok {
			return nil, false
		}
		if kind == id {
			return body, true
		}
	}
	return nil, false
}

// fromHello makes a fetch of a ClientHello; value fills the sample.
func fromHello(value func(h *hello, c *sample.Context, s *sample.Sample) bool) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		b, ok := requestBytes(c)
		if !ok {
			return false
		}
		h, f := clientHello(b)
		if f == short {
			s.Flags |= sample.MayChange
		}
		return f == whole && value(&h, c, s)
	}
}

// list makes a fetch of an extension that holds one vector.
func list(id int) sample.FetchFunc {
	return fromHello(func(h *hello, _ *sample.Context, s *sample.Sample) bool {
		v, ok := h.extension(id)
		if !ok {
			return false
		}
		v, _, ok = vector(v, 2)
		s.SetBin(v)
		return ok
	})
}

// fetchSNI is the first host name of the extension server_name (RFC 6066).
func fetchSNI(h *hello, _ *sample.Context, s *sample.Sample) bool {
	v, ok := h.extension(0)
	if !ok {
		return false
	}
	names, _, ok := vector(v, 2)
	if !ok || len(names) < 3 || names[0] != 0 {
		return false
	}
	name, _, ok := vector(names[1:], 2)
	s.SetStr(name)
	return ok
}

// fetchALPN is the first protocol of the extension (RFC 7301). Reference: it
// alone.
func fetchALPN(h *hello, _ *sample.Context, s *sample.Sample) bool {
	v, ok := h.extension(16)
	if !ok {
		return false
	}
	if v, _, ok = vector(v, 2); !ok {
		return false
	}
	v, _, ok = vector(v, 1)
	s.SetStr(v)
	return ok
}

// fetchKeyShares lists the groups of the extension key_share (RFC 8446 section
// 4.2.8).
func fetchKeyShares(h *hello, c *sample.Context, s *sample.Sample) bool {
	v, ok := h.extension(51)
	if !ok {
		return false
	}
	v, _, ok = vector(v, 2)
	if !ok {
		return false
	}
	out := c.Arena.Alloc(len(v))[:0]
	for len(v) >= 4 {
		out = append(out, v[:2]...)
		if _, v, ok = vector(v[2:], 2); !ok {
			return false
		}
	}
	s.SetBin(out)
	return len(out) > 0
}

// fetchTicket tells of the extension session_ticket (RFC 5077): 0 none, 1 an
// empty one, 2 a ticket.
func fetchTicket(h *hello, _ *sample.Context, s *sample.Sample) bool {
	v, ok := h.extension(35)
	switch {
	case !ok:
		s.SetInt(0)
	case len(v) == 0:
		s.SetInt(1)
	default:
		s.SetInt(2)
	}
	return h.extended
}

func fetchCiphers(h *hello, _ *sample.Context, s *sample.Sample) bool {
	s.SetBin(h.ciphers)
	return len(h.ciphers) > 0
}

func fetchCurves(h *hello, _ *sample.Context, s *sample.Sample) bool {
	_, ok := h.extension(10)
	s.SetBool(ok)
	return h.extended
}

// fetchHelloType is the type of the handshake message that the bytes begin with.
func fetchHelloType(of content) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		b, ok := of(c)
		if !ok {
			return false
		}
		kind, _, f := handshake(b)
		if f == short {
			s.Flags |= sample.MayChange
		}
		s.SetInt(int64(kind))
		return f == whole
	}
}

// fetchTLSVersion is the version that a ClientHello asks for, the major one
// times 65536 and the minor one; of version 2 also, whose hello has a form of its
// own. Reference: it waits for what could become one.
func fetchTLSVersion(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	b, ok := requestBytes(c)
	if !ok {
		return false
	}
	major, minor, f := tlsVersion(b)
	if f == short {
		s.Flags |= sample.MayChange
	}
	s.SetInt(int64(major)<<16 | int64(minor))
	return f == whole
}

func tlsVersion(b []byte) (major, minor byte, f found) {
	if len(b) > 0 && (b[0] >= 0x14 && b[0] <= 0x17 || b[0] == 0xff) {
		kind, body, f := handshake(b)
		switch {
		case f != whole:
			return 0, 0, f
		case kind != 1 || len(body) < 35:
			return 0, 0, short
		}
		return body[0], body[1], whole
	}
	switch {
	case len(b) < 4:
		return 0, 0, short
	case b[0]&0x80 == 0 || b[2] != 1:
		return 0, 0, wrong
	case len(b) < 2+int(b[0]&0x7f)<<8+int(b[1]) || len(b) < 5:
		return 0, 0, short
	}
	return b[3], b[4], whole
}

// rdpCookie finds the first cookie of an RDP connection request (MS-RDPBCGR
// section 2.2.1.1): behind the TPKT and X.224 headers, which the reference does
// not look at, "Cookie: name=value" and a line end.
func rdpCookie(c *sample.Context, args []sample.Arg) (value []byte, f found) {
	const headers, word = 11, "Cookie: "
	b, ok := requestBytes(c)
	switch {
	case !ok:
		return nil, wrong
	case len(b) < headers+len(word):
		return nil, short
	}
	b = b[headers:]
	if !message.EqualFold(b[:len(word)], []byte(word)) {
		return nil, wrong
	}
	b = b[len(word):]
	if len(args) > 0 && len(args[0].Data) > 0 {
		n := len(args[0].Data)
		switch {
		case len(b) <= n:
			return nil, short
		case !message.EqualFold(b[:n], args[0].Data) || b[n] != '=':
			return nil, wrong
		}
	}
	end := bytes.IndexByte(b, '\r')
	at := bytes.IndexByte(b, '=')
	switch {
	case end >= 0 && (at < 0 || at > end):
		return nil, wrong
	case end < 0 || at < 0 || end+1 == len(b):
		return nil, short
	}
	return b[at+1 : end], whole
}

func fetchRDPCookie(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	v, f := rdpCookie(c, args)
	if f == short {
		s.Flags |= sample.MayChange
	}
	s.SetStr(v)
	return f == whole
}

func fetchRDPCookieCount(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	_, f := rdpCookie(c, args)
	s.SetInt(0)
	switch f {
	case short:
		s.Flags |= sample.MayChange
		return false
	case whole:
		s.SetInt(1)
	}
	return true
}

func helloRows() []entry {
	const anywhere = sample.NeedsClientAddress
	hello := func(name string, out sample.Type, needs sample.Needs, f sample.FetchFunc, summary string) entry {
		return entry{name: name, out: out, needs: needs, fetch: f, summary: summary, good: unseen(name), bad: []string{name + "(x)"}}
	}
	older := func(name string, e entry) entry {
		e.name, e.instead, e.good, e.bad = name, e.name, respell(e.good, e.name, name), []string{name + "(x)"}
		return e
	}
	kind := hello("req.ssl_hello_type", sample.SInt, reqBuf, fetchHelloType(requestBytes), "the type of the TLS hello that a client sent")
	sni := hello("req.ssl_sni", sample.Str, reqBuf, fromHello(fetchSNI), "the server name of a ClientHello")
	version := hello("req.ssl_ver", sample.SInt, reqBuf, fetchTLSVersion, "the version of a ClientHello")
	server := hello("res.ssl_hello_type", sample.SInt, resBuf, fetchHelloType(responseBytes), "the type of the TLS hello that a server sent")
	server.good = on(server.name, res("x: a"), missing)
	cookie := entry{name: "req.rdp_cookie", out: sample.Str, args: oneName, needs: reqBuf, fetch: fetchRDPCookie, summary: "the cookie of an RDP connection request", good: unseen("req.rdp_cookie(mstshash)"), bad: []string{"req.rdp_cookie(a,b)"}}
	cookies := entry{name: "req.rdp_cookie_cnt", out: sample.SInt, args: oneName, needs: reqBuf, fetch: fetchRDPCookieCount, summary: "the number of cookies of an RDP connection request", good: ex("req.rdp_cookie_cnt(mstshash)", "0"), bad: []string{"req.rdp_cookie_cnt(a,b)"}}
	oldCookie, oldCookies := older("rdp_cookie", cookie), older("rdp_cookie_cnt", cookies)
	oldCookie.bad, oldCookies.bad = []string{"rdp_cookie(a,b)"}, []string{"rdp_cookie_cnt(a,b)"}
	return []entry{
		kind, older("req_ssl_hello_type", kind), sni, older("req_ssl_sni", sni), version, older("req_ssl_ver", version),
		server, older("rep_ssl_hello_type", server), cookie, oldCookie, cookies, oldCookies,
		hello("req.ssl_alpn", sample.Str, reqBuf, fromHello(fetchALPN), "the protocols of a ClientHello's ALPN extension"),
		hello("req.ssl_ec_ext", sample.Bool, reqBuf, fromHello(fetchCurves), "whether a ClientHello names elliptic curves"),
		hello("req.ssl_st_ext", sample.SInt, reqBuf, fromHello(fetchTicket), "whether a ClientHello has a session ticket extension (1), or a ticket (2)"),
		hello("req.ssl_cipherlist", sample.Bin, anywhere, fromHello(fetchCiphers), "the ciphers of a ClientHello"),
		hello("req.ssl_sigalgs", sample.Bin, anywhere, list(13), "the signature algorithms of a ClientHello"),
		hello("req.ssl_supported_groups", sample.Bin, anywhere, list(10), "the groups that a ClientHello supports"),
		hello("req.ssl_keyshare_groups", sample.Bin, anywhere, fromHello(fetchKeyShares), "the groups that a ClientHello has keys for"),
	}
}
