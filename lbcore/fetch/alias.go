package fetch

import (
	"bytes"
	"net/netip"
	"strconv"
	"time"

	"gohap/lbcore/keyword"
	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
)

// aliasEntry is one log alias; out is what it prints for the example request.
type aliasEntry struct {
	name    string
	summary string
	out     string
	row     sample.AliasRow
}

func addAlias(set *keyword.Set, a *aliasEntry) {
	set.Add(keyword.Row{
		Class: keyword.LogAlias, Name: a.name, Out: a.row.Type.String(), Summary: a.summary,
		Good: []keyword.Example{{Config: "%" + a.name, Out: a.out}}, Bad: []string{"%{+Q" + a.name, "%" + a.name + "z"},
		Impl: &a.row,
	})
}

// text is an alias of a printable string, quoted by +Q; safe needs no escaping.
func text(needs sample.Needs, http bool, f sample.AliasFunc) sample.AliasRow {
	return sample.AliasRow{Append: f, Type: sample.Str, Escape: sample.EscapeText, Needs: needs, HTTP: http}
}

// bare is text that +Q does not quote but JSON does: dates and states.
func bare(needs sample.Needs, http bool, f sample.AliasFunc) sample.AliasRow {
	return sample.AliasRow{Type: sample.Str, Own: true, Needs: needs, HTTP: http, Append: func(c *sample.Context, dst []byte) []byte {
		if c.Log&sample.LogJSON == 0 {
			return f(c, dst)
		}
		return append(f(c, append(dst, '"')), '"')
	}}
}

// number is an integer that is final at the stream's end.
func number(needs sample.Needs, http bool, f func(x *stream.Stream) int64) sample.AliasRow {
	return sample.AliasRow{Type: sample.SInt, Needs: needs, HTTP: http, Known: sample.KnownAtEnd, Append: func(c *sample.Context, dst []byte) []byte {
		x := exchange(c)
		if x == nil {
			return dst
		}
		return strconv.AppendInt(dst, f(x), 10)
	}}
}

// known says when the alias's value is final.
func known(m sample.Moment, row sample.AliasRow) sample.AliasRow {
	row.Known = m
	return row
}

// inRequest is a part of the request line.
func inRequest(f sample.AliasFunc) sample.AliasRow {
	return known(sample.KnownWithRequest, text(reqLine, true, f))
}

// early marks a number that is not final: the line is written when the response
// begins (option logasap).
func early(row sample.AliasRow) sample.AliasRow {
	inner := row.Append
	row.Append = func(c *sample.Context, dst []byte) []byte {
		if x := exchange(c); x != nil && x.Early {
			dst = append(dst, '+')
		}
		return inner(c, dst)
	}
	return row
}

// hexable is a number that +X prints in hexadecimal, at least width digits.
func hexable(needs sample.Needs, width int, f func(c *sample.Context) (int64, bool)) sample.AliasRow {
	return sample.AliasRow{Type: sample.SInt, Needs: needs, Append: func(c *sample.Context, dst []byte) []byte {
		v, ok := f(c)
		switch {
		case !ok:
			return dst
		case c.Log&sample.LogHex != 0:
			return appendHex(dst, uint64(v), width)
		}
		return strconv.AppendInt(dst, v, 10)
	}}
}

const hexDigits = "0123456789ABCDEF"

func appendHex(dst []byte, v uint64, width int) []byte {
	n := 16
	for n > width && v>>(4*(n-1)) == 0 {
		n--
	}
	for ; n > 0; n-- {
		dst = append(dst, hexDigits[v>>(4*(n-1))&15])
	}
	return dst
}

// host is an alias of an address, hexadecimal with +X.
func host(needs sample.Needs, of func(c *sample.Context) netip.AddrPort) sample.AliasRow {
	return sample.AliasRow{Type: sample.Str, Needs: needs, Append: func(c *sample.Context, dst []byte) []byte {
		ip := of(c).Addr()
		switch {
		case !ip.IsValid():
			return dst
		case c.Log&sample.LogHex == 0:
			return ip.AppendTo(dst)
		}
		if ip.Is4() {
			a := ip.As4()
			return appendHexBytes(dst, a[:])
		}
		a := ip.As16()
		return appendHexBytes(dst, a[:])
	}}
}

func appendHexBytes(dst, b []byte) []byte {
	for _, ch := range b {
		dst = append(dst, hexDigits[ch>>4], hexDigits[ch&15])
	}
	return dst
}

func portAlias(needs sample.Needs, of func(c *sample.Context) netip.AddrPort) sample.AliasRow {
	return hexable(needs, 4, func(c *sample.Context) (int64, bool) {
		a := of(c)
		return int64(a.Port()), a.IsValid()
	})
}

// unixPart is which end of a connection over a unix socket, and what of it.
type unixPart uint8

const (
	unixTo   unixPart = 1 << iota // what the client connected to
	unixPort                      // the port
)

// orUnix says "unix", and the id of the bind line as the port, where a client that
// came by a unix socket has no address. Reference: what it connected to has none
// at all when the connection was passed as a descriptor.
func orUnix(of func(c *sample.Context) netip.AddrPort, part unixPart, row sample.AliasRow) sample.AliasRow {
	plain := row.Append
	row.Append = func(c *sample.Context, dst []byte) []byte {
		ss := session(c)
		if ss == nil || ss.Bind() == nil || ss.Peer().IsValid() || of(c).IsValid() {
			return plain(c, dst)
		}
		switch b := ss.Bind(); {
		case b.Passed && part&unixTo != 0:
			return plain(c, dst)
		case part&unixPort != 0:
			return strconv.AppendInt(dst, int64(b.ID), 10)
		}
		return append(dst, "unix"...)
	}
	return row
}

// dateAlias prints a moment of the stream.
func dateAlias(http bool, moment func(x *stream.Stream) int64, zone func(dst []byte, t time.Time) []byte) sample.AliasRow {
	return bare(client, http, func(c *sample.Context, dst []byte) []byte {
		x := exchange(c)
		if x == nil {
			return dst
		}
		return zone(dst, time.Unix(0, x.W.Loop.WallNano(moment(x))))
	})
}

func begin(x *stream.Stream) int64 { return x.Times.Begin }

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// appendDate appends 02/Jan/2006:15:04:05.
func appendDate(dst []byte, t time.Time) []byte {
	y, mo, d := t.Date()
	h, mi, s := t.Clock()
	dst = append(append2(dst, d), '/')
	dst = append(append(dst, months[3*mo-3:3*mo]...), '/')
	dst = append(append2(append2(dst, y/100), y%100), ':')
	dst = append(append2(dst, h), ':')
	dst = append(append2(dst, mi), ':')
	return append2(dst, s)
}

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// The kinds of dates: local with milliseconds, GMT, local with the zone.
func localMillis(dst []byte, t time.Time) []byte {
	n := t.Nanosecond() / 1e6
	dst = append(appendDate(dst, t), '.', byte('0'+n/100))
	return append2(dst, n%100)
}

func gmt(dst []byte, t time.Time) []byte { return append(appendDate(dst, t.UTC()), " +0000"...) }

func localZone(dst []byte, t time.Time) []byte {
	_, off := t.Zone()
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	dst = append(appendDate(dst, t), ' ', sign)
	return append2(append2(dst, off/3600), off/60%60)
}

// badRequest stands for the request line of what never became a request.
const badRequest = "<BADREQ>"

// line makes an alias of a part of the request line.
func line(part func(dst, method, target, version []byte) []byte) sample.AliasFunc {
	return func(c *sample.Context, dst []byte) []byte {
		x := exchange(c)
		if x == nil {
			return append(dst, badRequest...)
		}
		m, t, version, ok := requestLine(x)
		if !ok {
			return append(dst, badRequest...)
		}
		n := len(dst)
		dst = part(dst, m, t, version)
		if limit := x.W.Limits.LogURILen - 1; limit > 0 && len(dst)-n > limit {
			dst = dst[:n+limit] // reference: tune.http.logurilen counts the NUL
		}
		return dst
	}
}

func wholeLine(dst, m, t, version []byte) []byte {
	dst = append(append(append(dst, m...), ' '), t...)
	return append(append(dst, ' '), version...)
}

func lineVersion(dst, _, _, version []byte) []byte { return append(dst, version...) }
func lineMethod(dst, m, _, _ []byte) []byte        { return append(dst, m...) }
func lineURI(dst, _, t, _ []byte) []byte           { return append(dst, t...) }

func lineNoQuery(dst, _, t, _ []byte) []byte {
	before, _, _ := bytes.Cut(t, question)
	return append(dst, before...)
}

func linePath(dst, m, t, _ []byte) []byte {
	h := message.Head{Method: message.IdentifyMethod(m), Target: t}
	_, p := h.PathQuery()
	return append(dst, p...)
}

var question = []byte("?")

// appendQuery is %HQ: with its question mark, and nothing, not even "-", when
// there is none.
func appendQuery(c *sample.Context, dst []byte) []byte {
	x := exchange(c)
	if x == nil {
		return append(dst, badRequest...)
	}
	q := []byte(nil)
	if _, t, _, ok := requestLine(x); !ok {
		q = badRequestBytes
	} else if i := bytes.IndexByte(t, '?'); i >= 0 {
		q = t[i:]
	}
	return sample.AppendText(dst, q, sample.EscapeText, c.Log&^sample.LogMandatory)
}

var badRequestBytes = []byte(badRequest)

// captures is %hr and %hs: in braces, parted by bars, nothing when none is
// declared or the message never came.
func captures(of func(x *stream.Stream) [][]byte) sample.AliasRow {
	return sample.AliasRow{Type: sample.Str, Own: true, Null: true, Append: func(c *sample.Context, dst []byte) []byte {
		x := exchange(c)
		if x == nil || len(of(x)) == 0 {
			return appendNull(c, dst)
		}
		quote := c.Log&(sample.LogQuote|sample.LogJSON) != 0
		if quote {
			dst = append(dst, '"')
		}
		dst = append(dst, '{')
		for i, v := range of(x) {
			if i > 0 {
				dst = append(dst, '|')
			}
			if len(v) > 0 {
				dst = sample.AppendText(dst, v, sample.EscapeCapture, c.Log&(sample.LogEscape))
			}
		}
		if dst = append(dst, '}'); quote {
			dst = append(dst, '"')
		}
		return dst
	}}
}

// captureList is %hrl and %hsl: one word each, as CLF wants it.
func captureList(of func(x *stream.Stream) [][]byte) sample.AliasRow {
	return sample.AliasRow{Type: sample.Str, Own: true, Null: true, Append: func(c *sample.Context, dst []byte) []byte {
		x := exchange(c)
		if x == nil || len(of(x)) == 0 {
			return appendNull(c, dst)
		}
		json := c.Log&sample.LogJSON != 0
		if json {
			dst = append(dst, '[')
		}
		for i, v := range of(x) {
			switch {
			case i > 0 && json:
				dst = append(dst, ", "...)
			case i > 0:
				dst = append(dst, ' ')
			}
			if len(v) == 0 && json {
				v = dash
			}
			dst = sample.AppendText(dst, v, sample.EscapeCapture, c.Log)
		}
		if json {
			dst = append(dst, ']')
		}
		return dst
	}}
}

var dash = []byte("-")

func appendNull(c *sample.Context, dst []byte) []byte {
	if c.Log&sample.LogJSON != 0 {
		return append(dst, "null"...)
	}
	return dst
}

func reqCaptured(x *stream.Stream) [][]byte { return x.ReqCaptured }
func resCaptured(x *stream.Stream) [][]byte { return x.ResCaptured }

// of an exchange: field makes an alias of bytes that the stream keeps.
func field(of func(x *stream.Stream) []byte) sample.AliasFunc {
	return func(c *sample.Context, dst []byte) []byte {
		if x := exchange(c); x != nil {
			return append(dst, of(x)...)
		}
		return dst
	}
}

func frontendName(c *sample.Context, dst []byte) []byte {
	if ss := session(c); ss != nil {
		dst = append(dst, ss.FE.Name...)
		if ss.Secured() {
			dst = append(dst, '~')
		}
		return dst
	}
	return dst
}

func backendName(c *sample.Context, dst []byte) []byte {
	if x := exchange(c); x != nil {
		return append(dst, x.Backend().Name...)
	}
	if k := runningCheck(c); k != nil {
		return append(dst, k.CheckServer().Proxy.Name...)
	}
	return frontendName(c, dst)
}

func serverName(c *sample.Context, dst []byte) []byte {
	if k := runningCheck(c); k != nil {
		return append(dst, k.CheckServer().Name...)
	}
	if x := exchange(c); x != nil && x.Server != nil {
		return append(dst, x.Server.Name...)
	} else if x != nil && x.ServiceName() != "" {
		return append(dst, x.ServiceName()...)
	}
	return append(dst, "<NOSRV>"...)
}

func retriesAlias(c *sample.Context, dst []byte) []byte {
	x := exchange(c)
	if x == nil {
		return append(dst, '0')
	}
	if x.Redispatched && c.Log&sample.LogJSON == 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, int64(x.Retries), 10)
}

func millisAlias(c *sample.Context, dst []byte) []byte {
	x := exchange(c)
	if x == nil {
		return dst
	}
	n := x.W.Loop.WallNano(x.Start()) / 1e6 % 1000
	switch {
	case c.Log&sample.LogHex != 0:
		return appendHex(dst, uint64(n), 2)
	case c.Log&sample.LogJSON != 0:
		return strconv.AppendInt(dst, n, 10)
	}
	return append2(append(dst, byte('0'+n/100)), int(n%100))
}

// statusAlias: a stream without HTTP has status 0.
func statusAlias(x *stream.Stream) int64 {
	if x.FE.Mode == proxy.TCP && x.Method == nil {
		return 0
	}
	return int64(x.Status)
}

func hostnameAlias(c *sample.Context, dst []byte) []byte {
	if c.Process == nil {
		return dst
	}
	return append(dst, c.Process.Hostname...)
}

func nothing(_ *sample.Context, dst []byte) []byte { return dst }

func gauge(i int) sample.AliasRow {
	return number(internal, false, func(x *stream.Stream) int64 { return x.Gauges()[i] })
}
