package stream

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"gohap/lbcore/balance"
	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// This file is what the hash policies hash of a request. Nothing here
// allocates.

// hashKey fills in the request's hash, when it has the key that its backend
// wants.
func (s *Stream) hashKey(r *balance.Request) {
	h := &s.BE.Hashing
	if h.Kind == proxy.HashNothing {
		return
	}
	if h.Kind == proxy.HashSource {
		r.Hash, r.Keyed = hashAddr(h, s.Sess.Source().Addr())
		return
	}
	key, ok := s.key(h)
	if ok {
		r.Hash, r.Keyed = h.Sum(key), true
	}
}

// hashAddr folds an address. Reference: by words, without the hash function.
func hashAddr(h *proxy.Hashing, a netip.Addr) (uint32, bool) {
	switch {
	case a.Is4():
		b := a.As4()
		return h.Mix(binary.BigEndian.Uint32(b[:])), true
	case a.Is6():
		b := a.As16()
		n := uint32(0)
		for i := 0; i < 16; i += 4 {
			n ^= binary.BigEndian.Uint32(b[i:])
		}
		return h.Mix(n), true
	}
	return 0, false
}

// key returns the bytes to hash; false when the request has none.
func (s *Stream) key(h *proxy.Hashing) ([]byte, bool) {
	switch h.Kind {
	case proxy.HashSample:
		var v sample.Sample
		want := sample.Bin
		if h.Func == proxy.NoHash {
			want = sample.Str // a number in digits
		}
		if !h.Expr.Eval(&s.Ctx, want, &v) {
			return nil, false
		}
		return v.Data, true
	case proxy.HashURI:
		if s.Req != nil {
			return uriKey(h, s.Req.Target), true
		}
	case proxy.HashParam:
		if s.Req != nil {
			return s.paramKey(h)
		}
	case proxy.HashHeader:
		if s.Req == nil {
			break
		}
		if i := s.Req.Find(h.Name); i >= 0 { // reference: the first value of the first line
			l := message.List{V: s.Req.Fields[i].Value}
			v, _ := l.Next()
			if h.Domain {
				v = mainLabel(v)
			}
			return v, len(v) > 0
		}
	}
	return nil, false
}

// uriKey cuts a request target. Reference: len counts bytes, depth slashes, and
// what stands in front of the question mark counts unless whole is given.
func uriKey(h *proxy.Hashing, target []byte) []byte {
	if h.PathOnly {
		target = pathOf(target)
	}
	if h.Len > 0 && len(target) > h.Len {
		target = target[:h.Len]
	}
	slashes := 0
	for i, c := range target {
		switch {
		case c == '/':
			if slashes++; slashes == h.Depth+1 && h.Depth > 0 {
				return target[:i]
			}
		case c == '?' && !h.Whole:
			return target[:i]
		}
	}
	return target
}

// pathOf returns a target from its path on.
func pathOf(target []byte) []byte {
	if i := bytes.Index(target, []byte("://")); i > 0 && target[0] != '/' {
		rest := target[i+3:]
		if j := bytes.IndexAny(rest, "/?"); j >= 0 {
			return rest[j:]
		}
		return nil
	}
	return target
}

// mainLabel returns the label in front of a host name's last dot. Reference:
// with empty labels it depends on what stands around the name.
func mainLabel(host []byte) []byte {
	end := bytes.LastIndexByte(host, '.')
	if end <= 0 {
		return host
	}
	return host[bytes.LastIndexByte(host[:end], '.')+1 : end]
}

// paramKey finds a parameter's value in the query or in the body of a POST.
// Reference: check_post waits for the body; what has come of it is looked at
// in any case, up to a blank or control character.
func (s *Stream) paramKey(h *proxy.Hashing) ([]byte, bool) {
	if i := bytes.IndexByte(s.Req.Target, '?'); i >= 0 {
		if v, ok := param(h.Name, s.Req.Target[i+1:]); ok {
			return v, true // reference: an empty value is a key
		}
	}
	if s.Req.Method != message.POST {
		return nil, false
	}
	s.pullBody()
	body := s.firstBody()
	for i, c := range body {
		if c <= ' ' || c == 0x7f {
			body = body[:i]
			break
		}
	}
	return param(h.Name, body)
}

// firstBody is the body that has been received, in one piece.
func (s *Stream) firstBody() []byte {
	if s.first == nil {
		return nil
	}
	limit := s.bodyLimit()
	if s.held == nil {
		one := s.first.Bytes()
		return one[:min(len(one), limit)]
	}
	all := append(s.Arena.Rest(s.heldLen), s.first.Bytes()...)
	for b := s.held; b != nil; b = b.Next {
		all = append(all, b.Bytes()...)
	}
	return all[:min(len(all), limit)]
}

// param finds the value of a parameter in a query.
func param(name, query []byte) ([]byte, bool) {
	for len(query) > 0 {
		p, rest, _ := bytes.Cut(query, []byte("&"))
		if len(p) > len(name) && p[len(name)] == '=' && bytes.Equal(p[:len(name)], name) {
			return p[len(name)+1:], true
		}
		query = rest
	}
	return nil, false
}
