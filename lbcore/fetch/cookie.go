package fetch

import (
	"strings"

	"gohap/lbcore/keyword"
	"gohap/lbcore/message"
	"gohap/lbcore/sample"
)

// cookies walks the cookies of a head in order.
type cookies struct {
	h    *message.Head
	id   message.ID
	name []byte // nil: all
}

func cookiesOf(h *message.Head, args []sample.Arg) cookies {
	w := cookies{h: h, id: message.IDCookie}
	if h.Response {
		w.id = message.IDSetCookie
	}
	if len(args) > 0 && len(args[0].Data) > 0 {
		w.name = args[0].Data
	}
	return w
}

// next returns the cookie at a position and moves the position behind it: the
// field's index plus one in Pos, the offset in its value in Off.
func (w *cookies) next(it *sample.Iter) (ck message.Cookie, ok bool) {
	if it.Pos == 0 {
		it.Pos = w.h.FindID(w.id, 0) + 1
	}
	for it.Pos > 0 {
		v := w.h.Fields[it.Pos-1].Value
		walk := message.Cookies{V: v[it.Off:], Set: w.id == message.IDSetCookie}
		base := it.Off
		for ck, ok = walk.Next(); ok; ck, ok = walk.Next() {
			if w.name == nil || string(ck.Name) == string(w.name) {
				it.Off = base + w.behind(walk.V, ck)
				return ck, true
			}
		}
		it.Pos, it.Off = w.h.FindID(w.id, it.Pos)+1, 0
	}
	it.Pos = -1
	return ck, false
}

// behind is where to go on after a cookie: at the next delimiter, behind the
// attributes of a set-cookie.
func (w *cookies) behind(v []byte, ck message.Cookie) int {
	rest := message.Cookies{V: v[ck.Begin:], Set: w.id == message.IDSetCookie}
	rest.Next()
	if next, ok := rest.Next(); ok {
		return ck.Begin + next.Begin
	}
	return len(v)
}

func (w *cookies) count() int64 {
	n := int64(0)
	for at := w.h.FindID(w.id, 0); at >= 0; at = w.h.FindID(w.id, at+1) {
		walk := message.Cookies{V: w.h.Fields[at].Value, Set: w.id == message.IDSetCookie}
		for ck, ok := walk.Next(); ok; ck, ok = walk.Next() {
			if w.name == nil || string(ck.Name) == string(w.name) {
				n++
			}
		}
	}
	return n
}

// one returns the last cookie of the name, or the first of all without a name.
func (w *cookies) one() (value []byte, ok bool) {
	for at := w.h.FindID(w.id, 0); at >= 0; at = w.h.FindID(w.id, at+1) {
		walk := message.Cookies{V: w.h.Fields[at].Value, Set: w.id == message.IDSetCookie}
		for ck, more := walk.Next(); more; ck, more = walk.Next() {
			if w.name == nil {
				return ck.Value, true
			}
			if string(ck.Name) == string(w.name) {
				value, ok = ck.Value, true
			}
		}
	}
	return value, ok
}

// cookie yields a value. Reference: an empty one counts as none.
func cookie(h *message.Head, args []sample.Arg, s *sample.Sample) ([]byte, bool) {
	w := cookiesOf(h, args)
	if !s.Iter.All {
		v, ok := w.one()
		return v, ok && len(v) > 0
	}
	for ck, ok := w.next(&s.Iter); ok; ck, ok = w.next(&s.Iter) {
		if len(ck.Value) > 0 {
			s.Flags |= sample.NotLast
			return ck.Value, true
		}
	}
	return nil, false
}

func cookieFetch(of side) sample.FetchFunc {
	return of.fetch(func(_ *sample.Context, h *message.Head, args []sample.Arg, s *sample.Sample) bool {
		v, ok := cookie(h, args, s)
		s.SetStr(v)
		return ok
	})
}

func cookieValue(of side) sample.FetchFunc {
	return of.fetch(func(_ *sample.Context, h *message.Head, args []sample.Arg, s *sample.Sample) bool {
		v, ok := cookie(h, args, s)
		s.SetInt(leadingInt(v))
		return ok
	})
}

func cookieCount(of side) sample.FetchFunc {
	return of.fetch(func(_ *sample.Context, h *message.Head, args []sample.Arg, s *sample.Sample) bool {
		w := cookiesOf(h, args)
		s.SetInt(w.count())
		return true
	})
}

func cookieNames(of side) sample.FetchFunc {
	return of.fetch(func(c *sample.Context, h *message.Head, args []sample.Arg, s *sample.Sample) bool {
		delim := delimiter(args)
		w := cookiesOf(h, nil)
		dst := c.Arena.Rest(512)
		for at := h.FindID(w.id, 0); at >= 0; at = h.FindID(w.id, at+1) {
			walk := message.Cookies{V: h.Fields[at].Value, Set: w.id == message.IDSetCookie}
			for ck, ok := walk.Next(); ok; ck, ok = walk.Next() {
				if len(dst) > 0 {
					dst = append(dst, delim)
				}
				dst = append(dst, ck.Name...)
			}
		}
		s.SetStr(c.Arena.Keep(dst))
		return true
	})
}

var cookieRows = cookieFamilies()

func cookieFamilies() []entry {
	rows := []entry{{
		name: "cookie", out: sample.Str, args: oneName, needs: anyHead, fetch: cookieFetch(directionHead), instead: "req.cook or res.cook",
		summary: "the last cookie of the name in the message in progress", good: on("cookie(a)", req("cookie: a=1; a=2"), "2"), bad: []string{"cookie(a,b)"},
	}}
	for _, f := range []struct {
		dotted, plain, message string
		of                     side
		needs                  sample.Needs
		several                string
	}{
		{"req.cook", "cook", "request", requestHead, reqHead, req("cookie: a=1; b=2x; a=3\ncookie: c=")},
		{"res.cook", "scook", "response", responseHead, resHead, res("set-cookie: a=1; path=/\nset-cookie: b=2x; x=y\nset-cookie: a=3\nset-cookie: c=")},
	} {
		for _, e := range []entry{
			{name: "", out: sample.Str, fetch: cookieFetch(f.of), summary: "the last cookie of the name in the " + f.message + ", the first of all without a name",
				good: on(f.dotted+"(a)", f.several, "3", f.dotted, f.several, "1", f.dotted+"(c)", f.several, missing, f.dotted+"(d)", f.several, missing)},
			{name: "_cnt", out: sample.SInt, fetch: cookieCount(f.of), summary: "the number of cookies of the name in the " + f.message + ", of all without a name",
				good: on(f.dotted+"_cnt(a)", f.several, "2", f.dotted+"_cnt", f.several, "4")},
			{name: "_val", out: sample.SInt, fetch: cookieValue(f.of), summary: "the last cookie of the name in the " + f.message + " as an integer",
				good: on(f.dotted+"_val(b)", f.several, "2", f.dotted+"_val(c)", f.several, missing)},
		} {
			suffix := e.name
			e.name, e.args, e.needs = f.dotted+suffix, oneName, f.needs
			e.bad = []string{e.name + "(a,b)"}
			old := e
			old.name, old.instead, old.good = f.plain+suffix, e.name, respell(e.good, f.dotted+suffix, f.plain+suffix)
			old.bad = []string{old.name + "(a,b)"}
			rows = append(rows, e, old)
		}
		rows = append(rows, entry{
			name: f.dotted + "_names", out: sample.Str, args: oneName, needs: f.needs, fetch: cookieNames(f.of),
			summary: "the names of all cookies of the " + f.message + ", joined by a character",
			good:    on(f.dotted+"_names", f.several, "a,b,a,c", f.dotted+"_names(;)", f.several, "a;b;a;c"), bad: []string{f.dotted + "_names(a,b)"},
		})
	}
	return rows
}

// respell returns examples with another word.
func respell(list []keyword.Example, from, to string) []keyword.Example {
	out := make([]keyword.Example, len(list))
	for i, e := range list {
		e.Config = to + strings.TrimPrefix(e.Config, from)
		out[i] = e
	}
	return out
}
