package fetch

import (
	"bytes"
	"fmt"
	"net/netip"

	"gohap/lbcore/message"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
)

// side picks the head that a fetch looks at; nil, with MayChange, when it is
// not there.
type side func(c *sample.Context, s *sample.Sample) *message.Head

// fetch is a fetch that has nothing where there is no head.
func (of side) fetch(f func(c *sample.Context, h *message.Head, args []sample.Arg, s *sample.Sample) bool) sample.FetchFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		h := of(c, s)
		return h != nil && f(c, h, args, s)
	}
}

func requestHead(c *sample.Context, s *sample.Sample) *message.Head {
	if c.Request == nil {
		return peekedHead(c, s)
	}
	return c.Request
}

// peekedHead is the request that the bytes of mode tcp begin with.
func peekedHead(c *sample.Context, s *sample.Sample) *message.Head {
	more := true
	var h *message.Head
	if x := exchange(c); x != nil {
		h, more = x.PeekRequest()
	}
	if more {
		s.Flags |= sample.MayChange
	}
	return h
}

func responseHead(c *sample.Context, s *sample.Sample) *message.Head {
	if c.Response == nil {
		s.Flags |= sample.MayChange
	}
	return c.Response
}

// directionHead is the head of the direction that is being processed (hdr,
// cookie).
func directionHead(c *sample.Context, s *sample.Sample) *message.Head {
	if c.Dir == sample.Response {
		return responseHead(c, s)
	}
	return requestHead(c, s)
}

// maxOccurrence bounds how far from the end an occurrence may be.
const maxOccurrence = 10

// checkHeader lowers the header's name and takes the occurrence.
func checkHeader(args []sample.Arg, _ *sample.Options) error {
	if len(args) > 0 {
		args[0].Data = bytes.ToLower(args[0].Data)
		args[0].Int = int64(message.Identify(args[0].Data))
	}
	if len(args) > 1 && args[1].Int < -maxOccurrence {
		return fmt.Errorf("header occurrence must be >= %d", -maxOccurrence)
	}
	return nil
}

// headers walks the values of a header, or of all when it has no name.
type headers struct {
	h     *message.Head
	name  []byte
	id    message.ID
	split bool
}

func headersOf(h *message.Head, args []sample.Arg, split bool) headers {
	w := headers{h: h, split: split}
	if len(args) > 0 && len(args[0].Data) > 0 {
		w.name, w.id = args[0].Data, message.ID(args[0].Int)
	}
	return w
}

func (w *headers) matches(i int) bool {
	f := &w.h.Fields[i]
	if f.Flags&message.FieldDeleted != 0 {
		return false
	}
	return w.name == nil || f.ID == w.id && (w.id != message.IDOther || string(f.Name) == string(w.name))
}

// next returns the value at a position and moves the position behind it. Off is
// the offset of the next value in the field at Pos, 0 for a field not yet begun.
func (w *headers) next(it *sample.Iter) (value []byte, ok bool) {
	for ; it.Pos < len(w.h.Fields); it.Pos++ {
		if it.Off == 0 && !w.matches(it.Pos) {
			continue
		}
		v := w.h.Fields[it.Pos].Value
		if !w.split {
			it.Pos++
			return v, true
		}
		l := message.List{V: v[it.Off:]}
		value, _ = l.Next()
		if taken := len(v) - it.Off - len(l.V); taken > 0 {
			it.Off += taken
		} else {
			it.Pos, it.Off = it.Pos+1, 0
		}
		return value, true
	}
	return nil, false
}

// more tells whether next would find another value.
func (w *headers) more(it sample.Iter) bool {
	if it.Off > 0 {
		return true
	}
	for i := it.Pos; i < len(w.h.Fields); i++ {
		if w.matches(i) {
			return true
		}
	}
	return false
}

func (w *headers) count() int64 {
	var it sample.Iter
	n := int64(0)
	for _, ok := w.next(&it); ok; _, ok = w.next(&it) {
		n++
	}
	return n
}

// occurrence returns the n-th value, from the end when n is negative.
func (w *headers) occurrence(n int64) (value []byte, ok bool) {
	var it sample.Iter
	if n == -1 {
		// The common case: only the last field of the name is taken apart.
		for i := len(w.h.Fields) - 1; i >= 0; i-- {
			if w.matches(i) {
				it.Pos = i
				break
			}
		}
		for v, more := w.next(&it); more; v, more = w.next(&it) {
			value, ok = v, true
		}
		return value, ok
	}
	if n < 0 {
		if n += w.count() + 1; n <= 0 {
			return nil, false
		}
	}
	for ; n > 0; n-- {
		if value, ok = w.next(&it); !ok {
			return nil, false
		}
	}
	return value, ok
}

// header is hdr (split) and fhdr: the value that the sample's iteration, or the
// occurrence, asks for. Reference: without a name only an occurrence finds
// anything.
func header(h *message.Head, args []sample.Arg, s *sample.Sample, split bool) ([]byte, bool) {
	w := headersOf(h, args, split)
	occ := int64(0)
	if len(args) > 1 {
		occ = args[1].Int
	}
	switch {
	case occ != 0:
		return w.occurrence(occ)
	case w.name == nil:
		return nil, false
	case !s.Iter.All:
		return w.occurrence(-1)
	}
	v, ok := w.next(&s.Iter)
	if ok && w.more(s.Iter) {
		s.Flags |= sample.NotLast
	}
	return v, ok
}

func headerFetch(of side, split bool) sample.FetchFunc {
	return of.fetch(func(_ *sample.Context, h *message.Head, args []sample.Arg, s *sample.Sample) bool {
		v, ok := header(h, args, s, split)
		s.SetStr(v)
		return ok
	})
}

func headerCount(of side, split bool) sample.FetchFunc {
	return of.fetch(func(_ *sample.Context, h *message.Head, args []sample.Arg, s *sample.Sample) bool {
		w := headersOf(h, args, split)
		s.SetInt(w.count())
		return true
	})
}

func headerValue(of side) sample.FetchFunc {
	return of.fetch(func(_ *sample.Context, h *message.Head, args []sample.Arg, s *sample.Sample) bool {
		v, ok := header(h, args, s, true)
		s.SetInt(leadingInt(v))
		return ok
	})
}

// headerIP is hdr_ip: in a condition values that are no addresses are passed
// over.
func headerIP(of side) sample.FetchFunc {
	return of.fetch(func(_ *sample.Context, h *message.Head, args []sample.Arg, s *sample.Sample) bool {
		for {
			s.Flags &^= sample.NotLast
			v, ok := header(h, args, s, true)
			if !ok {
				return false
			}
			if ip, ok := parseNode(v); ok {
				s.SetIP(ip)
				return true
			}
			if s.Flags&sample.NotLast == 0 {
				return false
			}
		}
	})
}

// leadingInt reads a sign and digits. Reference: without digits it is 0, only
// "-" is a sign, and a number that is too large wraps around.
func leadingInt(b []byte) int64 {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	n := int64(0)
	for _, ch := range b {
		if ch-'0' > 9 {
			break
		}
		n = n*10 + int64(ch-'0')
	}
	if neg {
		return -n
	}
	return n
}

// parseNode reads an address as hdr_ip takes it: IPv4 with an optional port,
// or IPv6 with or without brackets and without a port.
func parseNode(v []byte) (netip.Addr, bool) {
	if ip, rest, ok := parseIPv4(v); ok {
		return ip, len(rest) == 0 || validPort(rest)
	}
	if n := len(v); n > 2 && v[0] == '[' && v[n-1] == ']' {
		v = v[1 : n-1]
	}
	return parseIPv6(v)
}

// parseIPv4 reads four decimal numbers; leading zeros count as decimal.
func parseIPv4(v []byte) (ip netip.Addr, rest []byte, ok bool) {
	var a [4]byte
	for i := range a {
		n, digits := 0, 0
		for digits < len(v) && v[digits]-'0' <= 9 {
			n = n*10 + int(v[digits]-'0')
			if digits++; n > 255 {
				return ip, nil, false
			}
		}
		if digits == 0 {
			return ip, nil, false
		}
		a[i] = byte(n)
		v = v[digits:]
		if i < 3 {
			if len(v) == 0 || v[0] != '.' {
				return ip, nil, false
			}
			v = v[1:]
		}
	}
	return netip.AddrFrom4(a), v, true
}

func validPort(rest []byte) bool {
	if len(rest) < 2 || rest[0] != ':' {
		return false
	}
	n := 0
	for _, ch := range rest[1:] {
		if ch-'0' > 9 {
			return false
		}
		if n = n*10 + int(ch-'0'); n > 65535 {
			return false
		}
	}
	return true
}

// parseIPv6 does not allocate for what can be no address.
func parseIPv6(v []byte) (netip.Addr, bool) {
	if len(v) < 2 || len(v) > 45 || bytes.IndexByte(v, ':') < 0 {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(string(v))
	return ip, err == nil && ip.Is6() && ip.Zone() == ""
}

// headerNames joins the names by a character.
func headerNames(of side) sample.FetchFunc {
	return of.fetch(func(c *sample.Context, h *message.Head, args []sample.Arg, s *sample.Sample) bool {
		delim := delimiter(args)
		dst := c.Arena.Rest(512)
		for i := range h.Fields {
			if h.Fields[i].Flags&message.FieldDeleted != 0 {
				continue
			}
			if len(dst) > 0 {
				dst = append(dst, delim)
			}
			dst = append(dst, h.Fields[i].Name...)
		}
		s.SetStr(c.Arena.Keep(dst))
		return true
	})
}

// delimiter is the first character of the argument, a comma without one.
func delimiter(args []sample.Arg) byte {
	if len(args) > 0 && len(args[0].Data) > 0 {
		return args[0].Data[0]
	}
	return ','
}

// headerBlock is all lines and the empty one behind them.
func headerBlock(of side) sample.FetchFunc {
	return of.fetch(func(c *sample.Context, h *message.Head, _ []sample.Arg, s *sample.Sample) bool {
		dst := c.Arena.Rest(2048)
		for i := range h.Fields {
			if f := &h.Fields[i]; f.Flags&message.FieldDeleted == 0 {
				dst = append(append(append(append(dst, f.Name...), ": "...), f.Value...), "\r\n"...)
			}
		}
		s.SetBin(c.Arena.Keep(append(dst, "\r\n"...)))
		return true
	})
}

// headerBinary is all names and values, each behind its length as a variable
// integer, and two empty strings.
func headerBinary(of side) sample.FetchFunc {
	return of.fetch(func(c *sample.Context, h *message.Head, _ []sample.Arg, s *sample.Sample) bool {
		dst := c.Arena.Rest(2048)
		for i := range h.Fields {
			if f := &h.Fields[i]; f.Flags&message.FieldDeleted == 0 {
				dst = append(appendVarint(dst, uint64(len(f.Name))), f.Name...)
				dst = append(appendVarint(dst, uint64(len(f.Value))), f.Value...)
			}
		}
		s.SetBin(c.Arena.Keep(append(dst, 0, 0)))
		return true
	})
}

// appendVarint is the variable integer of the reference's SPOE and peers
// documents: up to 239 in one byte, then 4 bits and groups of 7.
func appendVarint(dst []byte, v uint64) []byte {
	if v < 240 {
		return append(dst, byte(v))
	}
	dst = append(dst, byte(v)|0xF0)
	for v = (v - 240) >> 4; v >= 128; v = (v - 128) >> 7 {
		dst = append(dst, byte(v)|0x80)
	}
	return append(dst, byte(v))
}

// exchange returns the stream of a context, nil when there is none.
func exchange(c *sample.Context) *stream.Stream {
	s, _ := c.Stream.(*stream.Stream)
	return s
}

// session returns the session of a context, nil when there is none.
func session(c *sample.Context) *stream.Session {
	s, _ := c.Session.(*stream.Session)
	return s
}

var (
	nameOcc = args(0, sample.ArgStr, sample.ArgInt)
	oneName = args(0, sample.ArgStr)
)

var headerRows = headerFamilies()

// headerFamilies makes the words of requests, of responses and of the
// direction in progress, which differ only in the head that they look at.
func headerFamilies() []entry {
	rows := []entry{{
		name: "hdr", out: sample.Str, args: nameOcc, needs: anyHead, check: checkHeader, fetch: headerFetch(directionHead, true),
		summary: "the last comma-separated value of a header of the message in progress, or the occurrence asked for",
		good:    on("hdr(x)", req("x: a,b\nx: c"), "c"), bad: badHdr("hdr"),
	}}
	for _, f := range []struct {
		dotted, plain, message string
		of                     side
		needs                  sample.Needs
		in                     func(string) string
		raw, bin               string // a head, and hdrs_bin of it
	}{
		{"req.", "", "request", requestHead, reqHead, req, "GET / HTTP/1.0\nw: 2", "0177013200" + "00"},
		{"res.", "s", "response", responseHead, resHead, res, "HTTP/1.1 200 OK\nw: 2\ncontent-length: 0", "017701320E636F6E74656E742D6C656E677468013000" + "00"},
	} {
		hdr := entry{
			name: f.dotted + "hdr", out: sample.Str, args: nameOcc, check: checkHeader, fetch: headerFetch(f.of, true),
			summary: "the last comma-separated value of a " + f.message + " header, or the occurrence asked for",
			good: on(f.dotted+"hdr(x)", f.in("x: a, b\nx: c,d"), "d", f.dotted+"hdr(X,1)", f.in("x: a, b\nx: c,d"), "a",
				f.dotted+"hdr(x,-3)", f.in("x: a, b\nx: c,d"), "b", f.dotted+"hdr(x,5)", f.in("x: a, b\nx: c,d"), missing,
				f.dotted+"hdr(x)", f.in(`x: a,"b,c"`), `"b,c"`, f.dotted+"hdr(x)", f.in("x: a,"), "", f.dotted+"hdr", f.in("x: a"), missing),
			bad: badHdr(f.dotted + "hdr"),
		}
		cnt := entry{
			name: f.dotted + "hdr_cnt", out: sample.SInt, args: oneName, check: checkHeader, fetch: headerCount(f.of, true),
			summary: "the number of comma-separated values of a " + f.message + " header, or of all headers",
			good: on(f.dotted+"hdr_cnt(x)", f.in("x: ,,"), "3", f.dotted+"hdr_cnt(x)", f.in("y: 1"), "0",
				f.dotted+"hdr_cnt(x)", f.in("x: a\nx: b, c"), "3"),
			bad: badHdr(f.dotted + "hdr_cnt"),
		}
		ip := entry{
			name: f.dotted + "hdr_ip", out: sample.Addr, args: nameOcc, check: checkHeader, fetch: headerIP(f.of),
			summary: "a " + f.message + " header's value as an address; IPv4 may have a port",
			good: on(f.dotted+"hdr_ip(x)", f.in("x: 1.2.3.4:80"), "1.2.3.4", f.dotted+"hdr_ip(x)", f.in("x: [::1]"), "::1",
				f.dotted+"hdr_ip(x)", f.in("x: 01.2.3.4"), "1.2.3.4", f.dotted+"hdr_ip(x)", f.in("x: 1.2.3.4:99999"), missing,
				f.dotted+"hdr_ip(x,1)", f.in("x: 1.2.3.4, foo"), "1.2.3.4", f.dotted+"hdr_ip(x)", f.in("x: 1.2.3"), missing),
			bad: badHdr(f.dotted + "hdr_ip"),
		}
		val := entry{
			name: f.dotted + "hdr_val", out: sample.SInt, args: nameOcc, check: checkHeader, fetch: headerValue(f.of),
			summary: "a " + f.message + " header's value as an integer",
			good: on(f.dotted+"hdr_val(x)", f.in("x: 12abc"), "12", f.dotted+"hdr_val(x)", f.in("x: abc"), "0",
				f.dotted+"hdr_val(x)", f.in("x: -5"), "-5", f.dotted+"hdr_val(x)", f.in("x: +5"), "0"),
			bad: badHdr(f.dotted + "hdr_val"),
		}
		for _, e := range []entry{hdr, cnt, ip, val} {
			e.needs = f.needs
			rows = append(rows, e)
			if short := f.plain + e.name[len(f.dotted):]; short != "hdr" {
				old := e
				old.instead, old.name, old.good = e.name, short, respell(e.good, e.name, short)
				old.bad = badHdr(short)
				rows = append(rows, old)
			}
		}
		rows = append(rows,
			entry{name: f.dotted + "fhdr", out: sample.Str, args: nameOcc, needs: f.needs, check: checkHeader, fetch: headerFetch(f.of, false),
				summary: "the last line of a " + f.message + " header, commas included, or the occurrence asked for",
				good: on(f.dotted+"fhdr(x)", f.in("x: a, b\nx: c,d"), "c,d", f.dotted+"fhdr(x,1)", f.in("x: a, b\nx: c,d"), "a, b",
					f.dotted+"fhdr", f.in("x: a"), missing), bad: badHdr(f.dotted + "fhdr")},
			entry{name: f.dotted + "fhdr_cnt", out: sample.SInt, args: oneName, needs: f.needs, check: checkHeader, fetch: headerCount(f.of, false),
				summary: "the number of lines of a " + f.message + " header, or of all headers",
				good:    on(f.dotted+"fhdr_cnt(x)", f.in("x: a,b\nx: c"), "2"), bad: badHdr(f.dotted + "fhdr_cnt")},
			entry{name: f.dotted + "hdr_names", out: sample.Str, args: oneName, needs: f.needs, fetch: headerNames(f.of),
				summary: "the names of all " + f.message + " headers, joined by a character",
				good:    on(f.dotted+"hdr_names(;x),field(-1,;)", f.in("x: 1\ny: 2"), "y"), bad: []string{f.dotted + "hdr_names(a,b)"}},
			entry{name: f.dotted + "hdrs", out: sample.Bin, needs: f.needs, fetch: headerBlock(f.of),
				summary: "all lines of the " + f.message + " head and the empty line behind them",
				good:    on(f.dotted+"hdrs,field(-1,w)", f.in("w: 2"), ": 2\r\n\r\n"), bad: []string{f.dotted + "hdrs(x)"}},
			entry{name: f.dotted + "hdrs_bin", out: sample.Bin, needs: f.needs, fetch: headerBinary(f.of),
				summary: "all names and values of the " + f.message + " head, each behind its length",
				good:    on(f.dotted+"hdrs_bin,hex", f.raw, f.bin), bad: []string{f.dotted + "hdrs_bin(x)"}},
		)
	}
	return rows
}

func badHdr(name string) []string { return []string{name + "(a,b)", name + "(a,1,2)"} }
