package acl

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"gohap/lbcore/config"
	"gohap/lbcore/sample"
)

// Refs are the pattern lists of one configuration: one for each file and one for
// the patterns of each line. They are collected while the configuration is read,
// by one goroutine; what is in a list may change at any time.
type Refs struct {
	// Files are where lists are read from; nil is the disk.
	Files config.Files

	list   []*Ref
	byName map[string]*Ref
	taken  map[int]bool
	serial atomic.Uint64
	warned sync.Map // of what FirstTime was asked
}

// NewRefs returns an empty collection.
func NewRefs() *Refs { return &Refs{byName: map[string]*Ref{}, taken: map[int]bool{}} }

// Ref is one list: its versions, and those who look into it. Readers go through
// the current version without a lock.
type Ref struct {
	ID    int    // -1 until Number
	Name  string // what commands call it, empty for the patterns of a line
	Table bool   // the file has two columns

	refs   *Refs
	file   string   // the name as written
	where  []string // who uses it
	acl    bool
	mapped bool
	uses   []*Use
	lines  []int32 // of the file, by entry, while the configuration is read

	cur atomic.Pointer[version]

	mu      sync.Mutex // of those who write, and of what follows
	now     uint32     // the current version's number
	newest  uint32     // the latest one that was given out
	pending map[uint32]*version
}

// Use is one way of looking into a list.
type Use struct {
	how
	Ref *Ref
	// Out is what values are to be: Str, SInt, Addr; Any where only keys count.
	Out sample.Type
	n   int
	// lines look into the list in this way.
	lines []*Line
}

// plain tells whether the use looks for keys as they are written.
func (u *Use) plain() bool { return u.matcher == MatchStr && !u.icase }

// Find returns the entry for a value of the matcher's type, and the version that
// it is in; 0 without one. Any goroutine may call it.
func (u *Use) find(s *sample.Sample) (*version, uint32) {
	v := u.Ref.cur.Load()
	return v, v.find(u.n, s)
}

func (r *Refs) add(f *Ref) *Ref {
	f.ID, f.refs = -1, r
	f.cur.Store(newVersion(nil))
	r.list = append(r.list, f)
	return f
}

// take reserves an identifier; it reports false when it is taken.
func (r *Refs) take(id int) bool {
	if r.taken[id] {
		return false
	}
	r.taken[id] = true
	return true
}

// FirstTime tells whether it is asked for the first time about something.
func (r *Refs) FirstTime(what string) bool {
	_, before := r.warned.LoadOrStore(what, true)
	return !before
}

// Number gives every list its identifier, in the order of the configuration, and
// sorts them by it.
func (r *Refs) Number() {
	next := 0
	for _, f := range r.list {
		f.lines = nil
		f.publish()
		if f.ID >= 0 {
			continue
		}
		for r.taken[next] {
			next++
		}
		f.ID = next
		next++
	}
	slices.SortStableFunc(r.list, func(a, b *Ref) int { return a.ID - b.ID })
}

// Lists yields the lists that ACLs use, or maps.
func (r *Refs) Lists(maps bool, yield func(*Ref)) {
	for _, f := range r.list {
		if f.Used(maps) {
			yield(f)
		}
	}
}

// Lookup returns a list by name, or by number behind '#'; nil without one.
func (r *Refs) Lookup(name string) *Ref {
	if number, byID := strings.CutPrefix(name, "#"); byID {
		id, err := strconv.Atoi(number)
		for _, f := range r.list {
			if err == nil && f.ID == id {
				return f
			}
		}
		return nil
	}
	return r.byName[called(name)]
}

// Used tells whether ACLs use the list, or maps.
func (f *Ref) Used(maps bool) bool { return maps && f.mapped || !maps && f.acl }

// use returns the way of looking into the list that h and out describe, made if
// there is none.
func (f *Ref) use(h how, out sample.Type) (*Use, error) {
	for _, u := range f.uses {
		if u.matcher == h.matcher && u.icase == h.icase && u.dotted == h.dotted && u.Out == out && len(h.names) == 0 && len(u.names) == 0 {
			return u, nil
		}
	}
	u := &Use{how: h, Ref: f, Out: out, n: len(f.uses)}
	v := f.cur.Load()
	for id := v.next(0); id != 0; id = v.next(id) {
		key, _ := v.key(id)
		val, _ := v.value(id)
		if err := u.check(text(key), text(val)); err != nil {
			return nil, fmt.Errorf("%w at line %d of file '%s'", err, f.lines[id-1], f.Name)
		}
	}
	f.uses = append(f.uses, u)
	v.attach(u)
	return u, nil
}

// check tells whether an entry is good for the use.
func (u *Use) check(key, val string) error {
	if err := u.how.check(key); err != nil {
		return err
	}
	return checkValue(u.Out, val)
}

func checkValue(out sample.Type, val string) error {
	ok := true
	switch out {
	case sample.SInt:
		_, ok = parseNumber(val, false)
	case sample.Addr:
		_, ok = parseAddress(val)
	}
	if !ok {
		return fmt.Errorf("unable to parse '%s'", val)
	}
	return nil
}

// parseAddress reads the address that is a map's value; a mask behind it counts
// for nothing.
func parseAddress(val string) (netip.Addr, bool) {
	host, mask, has := strings.Cut(val, "/")
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Zone() != "" {
		return ip, false
	}
	if has {
		_, err = parseNet(val)
	}
	_ = mask
	return ip, err == nil
}

// check tells whether every use takes an entry.
func (f *Ref) check(key, val string) error {
	for _, u := range f.uses {
		if err := u.check(key, val); err != nil {
			return err
		}
	}
	return nil
}

// Answers of changes, in the reference's words.
var (
	ErrVersion  = errors.New("Version number out of range.") //nolint:staticcheck // reference's text
	ErrFuture   = errors.New("version number in the future")
	errNotFound = errors.New("entry not found.")          //nolint:staticcheck // reference's text
	errNoMark   = errors.New("key or pattern not found.") //nolint:staticcheck // reference's text
)

// Current stands for the version that is looked into.
const Current = -1

// at returns a version by number, nil when it is not there; f.mu is held.
func (f *Ref) at(number int64) *version {
	if number == Current || uint32(number) == f.now {
		return f.cur.Load()
	}
	return f.pending[uint32(number)]
}

// Add appends an entry to a version, with a value or none. Any goroutine may call
// it. Reference: a version of the past takes entries too, which nobody finds.
func (f *Ref) Add(number int64, key, val string, hasVal bool) error {
	if err := f.check(key, val); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.written()
	if number != Current && int32(f.newest-uint32(number)) < 0 {
		return ErrFuture
	}
	f.put(f.open(number), key, val, hasVal)
	return nil
}

// open returns a version, made when nothing was added to it yet.
func (f *Ref) open(number int64) *version {
	v := f.at(number)
	if v == nil {
		v = newVersion(f.uses)
		f.pending[uint32(number)] = v
	}
	return v
}

func (f *Ref) put(v *version, key, val string, hasVal bool) {
	v.append(f.uses, f.refs.serial.Add(1), key, val, hasVal, false)
	f.renew(v)
}

// written ends a change of the list: who looks into it sees what is current now.
func (f *Ref) written() {
	f.publish()
	f.mu.Unlock()
}

// publish gives every line that looks into this list alone the current version's
// patterns, if they are few. Whoever changes the list calls it.
func (f *Ref) publish() {
	v := f.cur.Load()
	for _, u := range f.uses {
		p := v.views[u.n].short.Load()
		for _, l := range u.lines {
			if len(l.uses) == 1 {
				l.short.Store(p)
			}
		}
	}
}

// Set gives every entry with a key another value; it reports whether there was
// one. Any goroutine may call it.
func (f *Ref) Set(key, val string) error {
	f.mu.Lock()
	defer f.written()
	v := f.cur.Load()
	return f.set(v, v.withKey(key), val)
}

// SetAt is Set for the entry with a mark (Entry.Mark).
func (f *Ref) SetAt(mark uint64, val string) error {
	f.mu.Lock()
	defer f.written()
	v := f.cur.Load()
	ids := v.marked(mark)
	if ids == nil {
		return errNoMark
	}
	return f.set(v, ids, val)
}

func (f *Ref) set(v *version, ids []uint32, val string) error {
	if len(ids) == 0 {
		return errNotFound
	}
	for _, u := range f.uses {
		if err := checkValue(u.Out, val); err != nil {
			return err
		}
	}
	for _, id := range ids {
		v.set(id, val)
	}
	f.renew(v)
	return nil
}

// SetOrAdd is Set, or Add when no entry has the key; for rules.
func (f *Ref) SetOrAdd(key, val string) error {
	if err := f.check(key, val); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.written()
	v := f.cur.Load()
	if ids := v.withKey(key); len(ids) > 0 {
		return f.set(v, ids, val)
	}
	f.put(v, key, val, true)
	return nil
}

// AddOnce is Add unless an entry has the key; for rules.
func (f *Ref) AddOnce(key string) error {
	if err := f.check(key, ""); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.written()
	if v := f.cur.Load(); !v.has(key) {
		f.put(v, key, "", false)
	}
	return nil
}

// Delete ends every entry with a key; it reports whether there was one. Any
// goroutine may call it.
func (f *Ref) Delete(key string) bool {
	f.mu.Lock()
	defer f.written()
	v := f.cur.Load()
	return f.delete(v, v.withKey(key))
}

// DeleteAt is Delete for the entry with a mark.
func (f *Ref) DeleteAt(mark uint64) bool {
	f.mu.Lock()
	defer f.written()
	v := f.cur.Load()
	return f.delete(v, v.marked(mark))
}

func (f *Ref) delete(v *version, ids []uint32) bool {
	for _, id := range ids {
		v.delete(f.uses, id)
	}
	f.renew(v)
	return len(ids) > 0
}

// Prepare gives a new version's number out.
func (f *Ref) Prepare() uint32 {
	f.mu.Lock()
	defer f.written()
	f.newest++
	return f.newest
}

// Commit makes a version the current one and forgets those before it.
func (f *Ref) Commit(n uint32) error {
	f.mu.Lock()
	defer f.written()
	if int32(n-f.now) <= 0 || int32(f.newest-n) < 0 {
		return ErrVersion
	}
	v := f.open(int64(n))
	for old := range f.pending {
		if int32(n-old) >= 0 {
			delete(f.pending, old)
		}
	}
	f.cur.Store(v)
	f.now = n
	return nil
}

// Clear empties a version: the current one, or one by number.
func (f *Ref) Clear(number int64) {
	f.mu.Lock()
	defer f.written()
	if number != Current && uint32(number) != f.now {
		delete(f.pending, uint32(number))
		return
	}
	f.cur.Store(newVersion(f.uses))
}

// Versions returns the numbers of the current version and of the newest one, and
// how many patterns there are in all: an entry counts once for each way of looking
// at it.
func (f *Ref) Versions() (now, newest uint32, patterns int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	patterns = f.cur.Load().live.Load()
	for _, v := range f.pending {
		patterns += v.live.Load()
	}
	return f.now, f.newest, patterns * int64(len(f.uses))
}

// Values tells whether the entries have values.
func (f *Ref) Values() bool { return f.Table || f.mapped }

// Describe returns who uses the list, in the reference's words.
func (f *Ref) Describe() string {
	if f.Name == "" {
		return strings.Join(f.where, ", ")
	}
	return fmt.Sprintf("pattern loaded from file '%s' used %s", f.file, strings.Join(f.where, ", "))
}

// Entry is one entry as commands see it. The texts are not the caller's to keep
// beyond the call that yields them.
type Entry struct {
	Mark     uint64 // which one, never used again
	Key, Val string
	HasVal   bool
}

// Entries yields the entries of a version, in order, until yield returns false.
// Those that come or go meanwhile are seen or not. Any goroutine may call it.
func (f *Ref) Entries(number int64, yield func(Entry) bool) {
	f.mu.Lock()
	v := f.at(number)
	f.mu.Unlock()
	if v == nil {
		return
	}
	for id := v.next(0); id != 0; id = v.next(id) {
		e := v.at(id)
		key, ok := v.key(id)
		val, alive := v.value(id)
		if ok && alive && !yield(Entry{Mark: mark(e.serial), Key: text(key), Val: text(val), HasVal: val != nil}) {
			return
		}
	}
}

// Found is what one way of looking finds.
type Found struct {
	Matcher Matcher
	Icase   bool
	Out     sample.Type
	Match   bool
	Tree    bool // the reference would have it in a tree
	Entry   Entry
}

// Get looks a text up in every way, as commands do.
func (f *Ref) Get(value string, yield func(Found)) {
	v := f.cur.Load()
	for _, u := range f.uses {
		s := sample.Sample{Type: sample.Str, Data: []byte(value)}
		r := Found{Matcher: u.matcher, Icase: u.icase, Out: u.Out}
		if u.matcher == MatchBool {
			r.Match = true
		} else if id := v.findText(u, &s); id != 0 {
			key, ok := v.key(id)
			val, alive := v.value(id)
			r.Match = ok && alive
			r.Entry = Entry{Key: text(key), Val: text(val), HasVal: val != nil}
			r.Tree = u.treed(r.Entry.Key)
		}
		yield(r)
	}
}

// findText looks for a text as a command gives it, which must be of the matcher's
// form.
func (v *version) findText(u *Use, s *sample.Sample) uint32 {
	switch u.matcher {
	case MatchFound:
		return 0
	case MatchInt:
		n, ok := parseNumber(string(s.Data), false)
		if !ok {
			return 0
		}
		s.SetInt(n)
	case MatchIP:
		ip, err := netip.ParseAddr(string(s.Data))
		if err != nil {
			return 0
		}
		s.SetIP(ip)
	case MatchMeth:
		s.SetMethod(sample.ParseMethod(s.Data), s.Data)
	}
	return v.find(u.n, s)
}

func (u *Use) treed(key string) bool {
	if u.matcher == MatchIP {
		n, err := parseNet(key)
		return err == nil && n.bits >= 0
	}
	return u.inTree()
}

// mark makes a serial look like the reference's references.
func mark(serial uint64) uint64 { return 0x7f0000000000 + serial*0x70 }

func (v *version) marked(m uint64) []uint32 {
	if m < mark(0) || (m-mark(0))%0x70 != 0 {
		return nil
	}
	if id := v.bySerial((m - mark(0)) / 0x70); id != 0 {
		return []uint32{id}
	}
	return nil
}

// The bounds of what a version may have used up before it is made anew: numbers
// of entries and pieces of text, of which only few are alive.
const (
	mostNumbers = 1 << 26
	mostPieces  = 1 << 18
)

// renew copies a version that has used up most of its numbers.
func (f *Ref) renew(v *version) {
	if v.last.Load() < mostNumbers+8*uint32(v.live.Load()) && len(*v.store.texts.Load()) < mostPieces {
		return
	}
	fresh := newVersion(f.uses)
	f.copy(fresh, v)
	if f.cur.CompareAndSwap(v, fresh) {
		return
	}
	for n, p := range f.pending {
		if p == v {
			f.pending[n] = fresh
		}
	}
}

func (f *Ref) copy(to, from *version) {
	if n := int(from.live.Load()); n > shortList {
		to.lengthen(f.uses, n)
	}
	for id := from.next(0); id != 0; id = from.next(id) {
		key, _ := from.key(id)
		val, _ := from.value(id)
		to.append(f.uses, from.at(id).serial, text(key), text(val), val != nil, true)
	}
	if to.texts == nil {
		to.recompile(f.uses)
	}
}

// ValueType names the type of a value in the answers of commands.
func ValueType(out sample.Type, val string) string {
	if ip, ok := parseAddress(val); out == sample.Addr && ok {
		if ip.Is4() {
			return sample.IPv4.String()
		}
		return sample.IPv6.String()
	}
	return out.String()
}
