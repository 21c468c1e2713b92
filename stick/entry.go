package stick

import "sync/atomic"

// Entry is a hold on an entry of a table: while it lasts the entry neither expires
// nor makes room. Release ends it; the zero value holds nothing.
type Entry struct {
	t  *Table
	id uint32
}

// Table returns the entry's table, nil for the zero value.
func (e Entry) Table() *Table { return e.t }

// Valid tells whether e holds an entry.
func (e Entry) Valid() bool { return e.t != nil }

// ID is a number that tells the entry from others of the table while it is held.
func (e Entry) ID() uint32 { return e.id }

// Hold takes another hold on the entry.
func (e Entry) Hold() Entry {
	atomic.AddUint32(e.t.mem.word(e.id, wRef), 1)
	return e
}

// Release ends the hold.
func (e Entry) Release() {
	if e.t != nil {
		atomic.AddUint32(e.t.mem.word(e.id, wRef), ^uint32(0))
	}
}

// Holds returns how many there are.
func (e Entry) Holds() int { return int(atomic.LoadUint32(e.t.mem.word(e.id, wRef))) }

// Key returns the key, to be read while the entry is held: of integers and
// addresses their bytes in network order.
func (e Entry) Key() []byte { return e.t.keyOf(e.id) }

// Touch lets the entry live for the table's expiry from now on, and tells peers of
// it.
func (e Entry) Touch(now uint32) {
	atomic.StoreUint32(e.t.mem.word(e.id, wExpire), e.t.expiry(now))
	e.Changed()
}

// TouchFor is Touch for left ms, at most the table's expiry.
func (e Entry) TouchFor(now, left uint32) {
	e.TouchLearned(now, left)
	e.Changed()
}

// TouchLearned is TouchFor for what a peer told: it is not told to peers again.
func (e Entry) TouchLearned(now, left uint32) {
	if e.t.Expire == 0 || left >= e.t.Expire {
		atomic.StoreUint32(e.t.mem.word(e.id, wExpire), e.t.expiry(now))
		return
	}
	atomic.StoreUint32(e.t.mem.word(e.id, wExpire), now+left)
	e.t.sooner(e.id, now+left)
}

// Left returns the ms until the entry expires, 0 where it does not or should have.
func (e Entry) Left(now uint32) uint32 {
	if e.t.Expire == 0 {
		return 0
	}
	return uint32(max(0, int32(atomic.LoadUint32(e.t.mem.word(e.id, wExpire))-now)))
}

// Has tells whether the table stores d, and an element i of it.
func (t *Table) Has(d Data, i int) bool { return t.at[d] != 0 && i < int(t.n[d]) }

// Elements returns how many d has, 0 where it is not stored.
func (t *Table) Elements(d Data) int {
	if t.at[d] == 0 {
		return 0
	}
	return int(t.n[d])
}

// Period returns that of a rate, ms.
func (t *Table) Period(d Data) uint32 { return t.period[d] }

// Add adds to a counter and returns what it is then; nothing happens where d or
// its element i is not stored, which is 0. Numbers of 32 bits wrap.
func (e Entry) Add(d Data, i int, by uint64) uint64 {
	if !e.t.Has(d, i) {
		return 0
	}
	if d.Form() == Wide {
		return atomic.AddUint64(e.t.mem.wide(e.id, int(e.t.at[d])), by) + e.othersWide(d)
	}
	return uint64(atomic.AddUint32(e.t.mem.word(e.id, int(e.t.at[d])+i), uint32(by)) + e.othersOf(d, i))
}

// AddBytes counts bytes, in a counter and in a rate. A rate of bytes counts units
// (Table.Unit), begun ones included.
func (e Entry) AddBytes(count, rate Data, n uint64, now uint32) {
	e.Add(count, 0, n)
	unit := uint64(e.t.Unit(rate))
	e.AddRate(rate, 0, uint32((n+unit-1)/unit), now)
}

// Unit is how many bytes each event of a rate of bytes stands for, 1 for others.
func (t *Table) Unit(d Data) uint32 {
	if d == BytesInRate || d == BytesOutRate {
		return t.BytesFactor
	}
	return 1
}

// Sub takes one from a counter, not below zero.
func (e Entry) Sub(d Data, i int) {
	if !e.t.Has(d, i) {
		return
	}
	w := e.t.mem.word(e.id, int(e.t.at[d])+i)
	for {
		n := atomic.LoadUint32(w)
		if n == 0 || atomic.CompareAndSwapUint32(w, n, n-1) {
			return
		}
	}
}

// Set stores a number; of a server key the number of its text in the dictionary.
func (e Entry) Set(d Data, i int, n uint64) {
	if !e.t.Has(d, i) {
		return
	}
	if d.Form() == Wide {
		atomic.StoreUint64(e.t.mem.wide(e.id, int(e.t.at[d])), n)
		return
	}
	atomic.StoreUint32(e.t.mem.word(e.id, int(e.t.at[d])+i), uint32(n))
}

// Take makes a number of 32 bits zero, in a fleet table for all nodes, and returns
// what it was.
func (e Entry) Take(d Data, i int) uint32 {
	if !e.t.Has(d, i) {
		return 0
	}
	if f := e.t.fleet; f != nil && e.t.others[d] != 0 {
		return uint32(f.Reset(e, d, i))
	}
	return atomic.SwapUint32(e.t.mem.word(e.id, int(e.t.at[d])+i), 0)
}

// Get returns a number, of a server id with its sign in the lowest 32 bits; 0
// where it is not stored. Of a rate use Rate.
func (e Entry) Get(d Data, i int) uint64 {
	if !e.t.Has(d, i) {
		return 0
	}
	if d.Form() == Wide {
		return atomic.LoadUint64(e.t.mem.wide(e.id, int(e.t.at[d]))) + e.othersWide(d)
	}
	return uint64(atomic.LoadUint32(e.t.mem.word(e.id, int(e.t.at[d])+i)) + e.othersOf(d, i))
}

// Value returns a datum as it is shown and compared: of a rate how many came within
// the last period, in bytes where those are counted; 0 of a server key and where it
// is not stored.
func (e Entry) Value(d Data, i int, now uint32) int64 {
	switch d.Form() {
	case Rate:
		return int64(e.Rate(d, i, now)) * int64(e.t.Unit(d))
	case Sint:
		return int64(int32(e.Get(d, i)))
	case Dict:
		return 0
	}
	return int64(e.Get(d, i))
}

// Text returns the server key of the entry, "" without one.
func (e Entry) Text(d Data) string {
	if !e.t.Has(d, 0) || d.Form() != Dict {
		return ""
	}
	return e.t.dict.text(uint32(e.Get(d, 0)))
}

// SetText stores a server key.
func (e Entry) SetText(d Data, text string) {
	if e.t.Has(d, 0) && d.Form() == Dict {
		e.Set(d, 0, uint64(e.t.dict.id(text)))
	}
}

// rate returns the words of a rate.
func (e Entry) rate(d Data, i int) (began, cur, prev *uint32) {
	w := int(e.t.at[d]) + i*rateWords
	return e.t.mem.word(e.id, w), e.t.mem.word(e.id, w+1), e.t.mem.word(e.id, w+2)
}

// A period's beginning has its lowest bit set while another goroutine begins the
// next one: times are kept to 2 ms.
const turning = 1

// AddRate counts events of now. Nothing happens where it is not stored.
func (e Entry) AddRate(d Data, i int, by, now uint32) {
	if !e.t.Has(d, i) {
		return
	}
	began, cur, prev := e.rate(d, i)
	for {
		b := atomic.LoadUint32(began)
		if b&turning != 0 {
			continue // some stores of another goroutine
		}
		age := int32(now - b)
		if age < int32(e.t.period[d]) { // a reading of before it counts too
			atomic.AddUint32(cur, by)
			return
		}
		if !atomic.CompareAndSwapUint32(began, b, b|turning) {
			continue
		}
		n := atomic.SwapUint32(cur, by)
		b += e.t.period[d] &^ turning
		if uint32(age) >= 2*e.t.period[d] { // nothing came for a whole period
			n, b = 0, now&^turning
		}
		atomic.StoreUint32(prev, n)
		atomic.StoreUint32(began, b)
		return
	}
}

// Rate returns how many events came within the last period, as the reference
// reckons it: those of the present one and of the one before as far as it counts.
func (e Entry) Rate(d Data, i int, now uint32) uint32 {
	if !e.t.Has(d, i) {
		return 0
	}
	if e.t.others[d] != 0 {
		return e.ownRate(d, i, now) + e.othersRate(d, i, now)
	}
	return e.ownRate(d, i, now)
}

// ownRate is Rate for what was counted here.
func (e Entry) ownRate(d Data, i int, now uint32) uint32 {
	age, cur, prev := e.RateParts(d, i, now)
	period := e.t.period[d]
	if age >= period { // cur is the last one's
		age, cur, prev = age-period, 0, cur
		if age >= period {
			return 0
		}
	}
	return cur + uint32(uint64(prev)*uint64(period-age)/uint64(period))
}

// RateParts returns the ms since the present period began, how many events came in
// it and in the one before; all 0 after more than two periods and where it is not
// stored.
func (e Entry) RateParts(d Data, i int, now uint32) (age, cur, prev uint32) {
	if !e.t.Has(d, i) {
		return 0, 0, 0
	}
	began, c, p := e.rate(d, i)
	for {
		b := atomic.LoadUint32(began)
		cur, prev = atomic.LoadUint32(c), atomic.LoadUint32(p)
		if b&turning == 0 && atomic.LoadUint32(began) == b {
			age = uint32(max(0, int32(now-b)))
			if age >= 2*e.t.period[d] {
				return 0, 0, 0
			}
			return age, cur, prev
		}
	}
}

// SetRateParts stores what RateParts returns, of another process.
func (e Entry) SetRateParts(d Data, i int, now, age, cur, prev uint32) {
	if !e.t.Has(d, i) {
		return
	}
	began, c, p := e.rate(d, i)
	for {
		b := atomic.LoadUint32(began)
		if b&turning == 0 && atomic.CompareAndSwapUint32(began, b, b|turning) {
			break
		}
	}
	if age >= 2*e.t.period[d] {
		age, cur, prev = 0, 0, 0
	}
	atomic.StoreUint32(c, cur)
	atomic.StoreUint32(p, prev)
	atomic.StoreUint32(began, (now-age)&^turning)
}
