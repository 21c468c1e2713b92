package acl

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"net/netip"
	"strings"
	"unsafe"

	"gohap/lbcore/message"
	"gohap/lbcore/sample"
)

// how is a way of matching: what an index and a short list have in common.
type how struct {
	matcher Matcher
	icase   bool
	dotted  bool // numbers are versions, "3.1"
	// names are the addresses of the configuration's lines that the resolver read:
	// names of hosts, short forms.
	names map[string]ipNet
}

// key is where a pattern stands in an index.
type key struct {
	key    []byte // in the table, of this length
	length int32  // of addresses: the mask's bits, those of IPv4 beyond 128
	listed bool   // in the list, as what
	what   any
}

// v4bits is added to the bits of IPv4 masks, so that they stand apart.
const v4bits = 1 << 8

// inTree tells whether the reference holds the patterns in a tree, where the
// finest match wins; elsewhere the first one does.
func (h *how) inTree() bool {
	switch h.matcher {
	case MatchStr, MatchBeg:
		return !h.icase
	case MatchIP:
		return true
	}
	return false
}

// place says where a pattern that was checked stands. The key is appended to dst.
func (h *how) place(dst []byte, text string) key {
	switch h.matcher {
	case MatchStr, MatchBeg, MatchEnd, MatchDir, MatchDom:
		return hashed(appendFolded(dst, h.trim(text), h.icase))
	case MatchBin:
		b, _ := hex.DecodeString(text)
		return hashed(append(dst, b...))
	case MatchInt, MatchLen:
		r, _ := h.parseRange(text)
		if r.min == r.max {
			return hashed(number(dst, r.min))
		}
		return key{listed: true, what: r}
	case MatchIP:
		n, err := parseNet(text)
		if err != nil { // a name: what it stands for was found out when it was checked
			n, _ = h.parseNet(text)
			return key{listed: true, what: n}
		}
		if n.bits < 0 {
			return key{listed: true, what: n}
		}
		k := key{key: n.append(dst), length: int32(n.bits)}
		if n.v4 {
			k.length += v4bits
		}
		return k
	case MatchReg, MatchRegM:
		r, _ := sample.CompileRegex(text, h.icase)
		return key{listed: true, what: r}
	case MatchMeth:
		return key{listed: true, what: sample.ParseMethod([]byte(text))}
	}
	return key{listed: true}
}

func hashed(k []byte) key { return key{key: k, length: int32(len(k))} }

// trim takes off what a pattern may have around it.
func (h *how) trim(text string) string {
	switch h.matcher {
	case MatchDir:
		return strings.Trim(text, "/?")
	case MatchDom:
		return strings.Trim(text, "/?.:")
	}
	return text
}

func appendFolded(dst []byte, text string, icase bool) []byte {
	if !icase {
		return append(dst, text...)
	}
	for i := 0; i < len(text); i++ { // bytes: what is no UTF-8 stays what it is
		dst = append(dst, fold(text[i]))
	}
	return dst
}

func (n *ipNet) append(dst []byte) []byte {
	if n.v4 {
		return append(dst, 4, byte(n.bits), byte(n.net4>>24), byte(n.net4>>16), byte(n.net4>>8), byte(n.net4))
	}
	return number(number(append(dst, 6, byte(n.bits)), int64(n.hi)), int64(n.lo))
}

// verdict of a comparison with an entry.
type verdict uint8

const (
	no verdict = iota
	yes
	gone // it died
)

// same compares an entry with a key of the table.
func (h *how) same(s *store, id uint32, k []byte) verdict {
	t, ok := s.key(id)
	if !ok {
		return gone
	}
	if h.equal(text(t), k) {
		return yes
	}
	return no
}

func (h *how) equal(text string, k []byte) bool {
	switch h.matcher {
	case MatchInt, MatchLen:
		var buf [8]byte
		r, _ := h.parseRange(text)
		return string(number(buf[:0], r.min)) == string(k)
	case MatchIP:
		var buf [18]byte
		n, err := parseNet(text)
		return err == nil && string(n.append(buf[:0])) == string(k)
	case MatchBin:
		return equalHex(text, k)
	case MatchDir, MatchDom:
		text = h.trim(text)
	}
	if h.icase {
		return foldEqual(text, k)
	}
	return text == string(k)
}

func equalHex(text string, k []byte) bool {
	if len(text) != 2*len(k) {
		return false
	}
	const digits = "0123456789abcdef"
	for i, c := range k {
		if fold(text[2*i]) != digits[c>>4] || fold(text[2*i+1]) != digits[c&15] {
			return false
		}
	}
	return true
}

// text is the string of bytes that never change.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// check tells whether a text is a pattern. The error has the reference's text.
func (h *how) check(text string) (err error) {
	switch h.matcher {
	case MatchInt, MatchLen:
		_, err = h.parseRange(text)
	case MatchIP:
		_, err = h.parseNet(text)
	case MatchBin:
		err = checkHex(text)
	case MatchReg, MatchRegM:
		_, err = sample.CompileRegex(text, h.icase)
	}
	return err
}

func checkHex(text string) error {
	if len(text)%2 != 0 {
		return errors.New("an even number of hex digit is expected")
	}
	for i := range len(text) {
		if c := fold(text[i]); c-'0' > 9 && c-'a' > 5 {
			return fmt.Errorf("an hex digit is expected (found '%c')", text[i])
		}
	}
	return nil
}

// parseRange reads a number or a range. What an operator made of a range may be
// none that can be written; it is read all the same, with an error.
func (h *how) parseRange(text string) (intRange, error) {
	r, _, err := parseRange(text, false, h.dotted)
	return r, err
}

func (h *how) parseNet(text string) (ipNet, error) {
	n, err := parseNet(text)
	if err != nil {
		if known, ok := h.names[text]; ok {
			return known, nil
		}
		return n, fmt.Errorf("'%s' is not a valid IPv4 or IPv6 address", text)
	}
	return n, nil
}

// ask resolves the addresses among texts that are none, as the C library does:
// short forms (10.1 is 10.0.0.1) and, unless resolve is nil, names of hosts.
func (h *how) ask(texts []string, resolve func(string) (netip.Addr, error)) {
	if h.matcher != MatchIP {
		return
	}
	for _, t := range texts {
		if _, err := parseNet(t); err == nil {
			continue
		}
		host, bits, hasBits := strings.Cut(t, "/")
		ip, ok := shortIPv4(host)
		if !ok {
			if resolve == nil {
				continue
			}
			a, err := resolve(host)
			if err != nil || !a.Is4() {
				continue
			}
			ip = a
		}
		full := ip.String()
		if hasBits {
			full += "/" + bits
		}
		if n, err := parseNet(full); err == nil {
			if h.names == nil {
				h.names = map[string]ipNet{}
			}
			h.names[t] = n
		}
	}
}

// find returns the entry that matches a value of the matcher's type, 0 without
// one. It does not allocate.
func (x *index) find(s *store, v *sample.Sample) uint32 {
	switch x.how.matcher {
	case MatchInt:
		return x.findNumber(s, v.Int)
	case MatchLen:
		return x.findNumber(s, int64(len(v.Data)))
	case MatchIP:
		return x.findAddress(s, v.IP)
	case MatchReg, MatchRegM:
		for _, l := range *x.listed.Load() {
			if l.what.(*sample.Regex).Match(v.Data) && s.lives(l.id) {
				return l.id
			}
		}
		return 0
	case MatchSub:
		return x.findPart(s, v.Data)
	case MatchMeth:
		return x.findMethod(s, v)
	case MatchFound, MatchBool:
		return s.next(0)
	}
	return x.findText(s, v.Data)
}

func (s *store) lives(id uint32) bool {
	e := s.at(id)
	return e != nil && !e.dead.Load()
}

// findText looks a text up: whole, its beginnings or ends, or what stands between
// delimiters.
func (x *index) findText(s *store, b []byte) uint32 {
	var buf [512]byte
	if x.how.icase {
		b = appendFolded(buf[:0], text(b), true)
	}
	switch x.how.matcher {
	case MatchBeg:
		return x.findBeginning(s, b)
	case MatchEnd:
		return x.findEnd(s, b)
	case MatchDir:
		return x.findBetween(s, b, &dirDelims)
	case MatchDom:
		return x.findBetween(s, b, &domDelims)
	}
	return x.at(s, b)
}

func (x *index) at(s *store, k []byte) uint32 {
	id, _ := x.head(s, k)
	return id
}

// first returns the earlier one of two entries, 0 standing for none.
func first(a, b uint32) uint32 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// sifted is how many lengths are looked at together: what seen has for them is
// asked for at once, so that the waits for memory overlap.
const sifted = 8

// sift hashes the beginnings of b, or its ends, of up to sifted lengths, and tells
// by a bit each which ones may be there.
func (t *table) sift(b []byte, lens []int32, ends bool, tags *[sifted]uint32) (maybe uint8) {
	n := min(len(lens), sifted)
	for i, l := range lens[:n] {
		part := b[:l]
		if ends {
			part = b[len(b)-int(l):]
		}
		tags[i] = uint32(maphash.Bytes(hashSeed, part))
	}
	for i, tag := range tags[:n] {
		word, set := t.bitsOf(tag)
		left := set &^ t.seen[word].Load()
		maybe |= uint8((left|-left)>>63^1) << i
	}
	return maybe
}

// upTo returns the lengths that fit in n bytes.
func (x *index) upTo(n int) []int32 {
	lens := *x.lens.Load()
	for len(lens) > 0 && int(lens[0]) > n {
		lens = lens[1:]
	}
	return lens
}

// findEnd: the first one in the list wins.
func (x *index) findEnd(s *store, b []byte) (best uint32) {
	var tags [sifted]uint32
	for lens := x.upTo(len(b)); len(lens) > 0; lens = lens[min(sifted, len(lens)):] {
		t := x.table.Load()
		for maybe := t.sift(b, lens, true, &tags); maybe != 0; maybe &= maybe - 1 {
			i := bits.TrailingZeros8(maybe)
			id, _ := x.probe(s, t, tags[i], b[len(b)-int(lens[i]):])
			best = first(best, id)
		}
	}
	return best
}

// findBeginning: in a tree the longest one wins, else the first one.
func (x *index) findBeginning(s *store, b []byte) (best uint32) {
	var tags [sifted]uint32
	for lens := x.upTo(len(b)); len(lens) > 0; lens = lens[min(sifted, len(lens)):] {
		t := x.table.Load()
		for maybe := t.sift(b, lens, false, &tags); maybe != 0; maybe &= maybe - 1 {
			i := bits.TrailingZeros8(maybe)
			id, _ := x.probe(s, t, tags[i], b[:lens[i]])
			if best = first(best, id); best != 0 && !x.how.icase {
				return best
			}
		}
	}
	return best
}

func (x *index) findBetween(s *store, b []byte, isDelim *[256]bool) uint32 {
	best := uint32(0)
	lens := *x.lens.Load()
	for i := 0; i <= len(b); i++ {
		if i > 0 && !isDelim[b[i-1]] {
			continue
		}
		for _, n := range lens {
			end := i + int(n)
			if end > len(b) || end < len(b) && !isDelim[b[end]] {
				continue
			}
			best = first(best, x.at(s, b[i:end]))
		}
	}
	return best
}

func (x *index) findNumber(s *store, n int64) uint32 {
	var buf [8]byte
	best := x.at(s, number(buf[:0], n))
	for _, l := range *x.listed.Load() {
		if best != 0 && l.id > best {
			break
		}
		if r := l.what.(intRange); n >= r.min && n <= r.max && s.lives(l.id) {
			return l.id
		}
	}
	return best
}

func (x *index) findPart(s *store, b []byte) uint32 {
	for _, l := range *x.listed.Load() {
		if t, ok := s.key(l.id); ok && contains(b, text(t), x.how.icase) {
			return l.id
		}
	}
	return 0
}

func contains(b []byte, part string, icase bool) bool {
	if icase && part != "" {
		return foldIndex(b, part) >= 0
	}
	return bytes.Contains(b, unsafe.Slice(unsafe.StringData(part), len(part)))
}

// findMethod compares numbers; two methods without one compare as text.
func (x *index) findMethod(s *store, v *sample.Sample) uint32 {
	for _, l := range *x.listed.Load() {
		if l.what.(message.Method) != v.Method {
			continue
		}
		t, ok := s.key(l.id)
		if ok && (v.Method != message.MethodOther || string(t) == string(v.Data) || x.how.icase && foldEqual(t, v.Data)) {
			return l.id
		}
	}
	return 0
}

// findAddress: networks of the address's own family come first, the finest one
// wins; then those of the other family; then masks with holes, the first one.
func (x *index) findAddress(s *store, ip netip.Addr) uint32 {
	a4, has4, hi, lo := spread(ip)
	for family := range 2 {
		if v4 := ip.Is4() == (family == 0); v4 && !has4 {
			continue
		} else if id := x.findNet(s, v4, a4, hi, lo); id != 0 {
			return id
		}
	}
	for _, l := range *x.listed.Load() {
		if n := l.what.(ipNet); n.holds(a4, has4, hi, lo) && s.lives(l.id) {
			return l.id
		}
	}
	return 0
}

func (x *index) findNet(s *store, v4 bool, a4 uint32, hi, lo uint64) uint32 {
	if v4 {
		return x.findNet4(a4)
	}
	var buf [18]byte
	for _, l := range *x.lens.Load() {
		if l >= v4bits {
			continue
		}
		n := ipNet{bits: int(l)}
		mh, ml := mask6(n.bits)
		n.hi, n.lo = hi&mh, lo&ml
		if id := x.at(s, n.append(buf[:0])); id != 0 {
			return id
		}
	}
	return 0
}

// findNet4 needs no text: a slot holds the whole network.
func (x *index) findNet4(a4 uint32) uint32 {
	t := x.table.Load()
	for _, l := range *x.lens.Load() { // those of IPv4 come first
		if l < v4bits {
			break
		}
		length := int(l - v4bits)
		key := netKey(a4&uint32(^uint64(0)<<(32-length)), length)
		if id, _ := t.net(netTag(key), key); id != 0 {
			return id
		}
	}
	return 0
}
