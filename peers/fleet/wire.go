package fleet

import (
	"encoding/binary"
	"errors"
	"fmt"

	"gohap/peers"
	"gohap/stick"
)

// Messages are framed as those of the peers protocol. All are of one class.
const class = 20

// Types of messages. Numbers are the protocol's varints unless said otherwise.
const (
	// msgTable: the sender's number of a table, key type, key length, how long
	// entries live, name, and its fields: kind, element, period each.
	msgTable = 0x80
	// msgSource: table, a number for a process in this session, node and epoch (8
	// bytes each), the node's name.
	msgSource = 0x81
	// msgVector: table, flags, and for each process: number, all changes up to which
	// one are there, flags, how many signs of life of it are known.
	msgVector = 0x82
	// msgChange: table, process, flags, birth, seq - birth, time left (ms), key, then
	// values and items as appendValues says.
	msgChange = 0x83
	// msgMark: table, process, all changes up to which one were told, flags.
	msgMark = 0x84
	// msgSubscribe: table, the receiver's number of a process, changes behind which
	// one are wanted, now and as they come.
	msgSubscribe = 0x85
	// msgLeaving: the sender's process ends; a connection to its node is to be
	// made to the next one.
	msgLeaving = 0x06
)

// Flags of messages.
const (
	changeBaseline = 1
	changeGone     = 2
	changeItems    = 4
	changeCleared  = 8 // counters come with what was cleared of them

	vectorInexact = 1 // of the table: some of it went or found no room

	processSelf  = 1 // the sender
	processEnded = 2
	processDead  = 4 // to the sender

	markInexact = 1
	markAnswer  = 2 // a vector is wanted soon
)

// The first line of a hello, and of the classic protocol's.
const (
	helloLine    = "GohapFleet 1"
	classicHello = "HAProxyS "
)

func appendText(dst []byte, s string) []byte {
	dst = peers.AppendVarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// reader takes a payload apart; after a failure it stays failed.
type reader struct{ peers.Reader }

func (r *reader) u64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// longestText bounds names and servers' keys, bytes.
const longestText = 1024

func (r *reader) text() string {
	n := r.Number()
	if n > longestText {
		r.Bad = true
		return ""
	}
	return string(r.Bytes(n))
}

// appendTable appends the payload of a msgTable.
func (t *Table) appendTable(dst []byte, number uint64, name string) []byte {
	c := &t.Stick.Config
	for _, v := range []uint64{number, uint64(c.Key), uint64(c.KeyLen), uint64(c.Expire)} {
		dst = peers.AppendVarint(dst, v)
	}
	dst = appendText(dst, name)
	for i := range t.fields {
		f := &t.fields[i]
		dst = append(dst, byte(f.data), byte(f.i))
		dst = peers.AppendVarint(dst, uint64(t.Stick.Period(f.data)))
	}
	return dst
}

// layout is a table as another process has it: its fields in its order.
type layout struct {
	key    stick.KeyType
	keyLen int
	stays  bool     // its entries do not expire
	fields []*field // ours, of which others stand in their place; their share is right
}

// maxFields bounds what a table may have: arrays of 100 elements each, and the others.
const maxFields = 400

// readTable reads a msgTable behind its number. t returns our table of the name, nil
// without one; then the layout is nil as well.
func readTable(r *reader, of func(name string) *Table) (*layout, *Table, error) {
	l := &layout{key: stick.KeyType(r.Number()), keyLen: int(r.Number())}
	l.stays = r.Number() == 0
	t := of(r.text())
	if t != nil && (t.Stick.Config.Key != l.key || t.Stick.Config.KeyLen != l.keyLen) {
		t = nil
	}
	for len(r.B) > 0 && !r.Bad {
		b := r.Bytes(2)
		period := uint32(r.Number())
		if r.Bad {
			break
		}
		d := stick.Data(b[0])
		if d >= stick.DataKinds || d.Sharing() == stick.ShareNot || len(l.fields) >= maxFields {
			return nil, nil, fmt.Errorf("table with a datum of kind %d", b[0])
		}
		if t != nil {
			l.fields = append(l.fields, t.fieldOf(d, int(b[1]), period))
		}
	}
	if r.Bad {
		return nil, nil, errors.New("a table's definition is cut short")
	}
	if t == nil {
		return nil, nil, nil
	}
	return l, t, nil
}

// fieldOf returns the field of a datum, or one without a place.
func (t *Table) fieldOf(d stick.Data, i int, period uint32) *field {
	for k := range t.fields {
		if f := &t.fields[k]; f.data == d && f.i == i && t.Stick.Period(d) == period {
			return f
		}
	}
	return &field{data: d, i: i, share: d.Sharing(), at: -1}
}

// appendChange appends the payload of a msgChange about a record of an entry. number
// returns the session's number of a source.
func (t *Table) appendChange(dst []byte, table uint64, e stick.Entry, r []uint64, number func(src uint32) uint64, now uint32) []byte {
	flags := byte(0)
	if kind(r) == kindBaseline {
		flags |= changeBaseline
	}
	if gone(r) {
		flags |= changeGone
	}
	if low(r[rItems]) != 0 {
		flags |= changeItems
	}
	if t.anyCleared(r) {
		flags |= changeCleared
	}
	dst = peers.AppendVarint(dst, table)
	dst = peers.AppendVarint(dst, number(low(r[rMeta])))
	dst = append(dst, flags)
	dst = peers.AppendVarint(dst, r[rBirth])
	dst = peers.AppendVarint(dst, r[rSeq]-r[rBirth])
	dst = peers.AppendVarint(dst, uint64(e.Left(now)))
	key := e.Key()
	if t.Stick.Config.Key == stick.KeyString {
		dst = peers.AppendVarint(dst, uint64(len(key)))
	}
	dst = append(dst, key...)
	if kind(r) == kindContribution {
		dst = t.appendValues(dst, r, false, flags&changeCleared != 0, now)
	}
	if flags&changeItems == 0 {
		return dst
	}
	n := uint64(0)
	for i := low(r[rItems]); i != 0; i = high(t.rec(i)[rEntry]) {
		n++
	}
	dst = peers.AppendVarint(dst, n)
	for i := low(r[rItems]); i != 0; i = high(t.rec(i)[rEntry]) {
		item := t.rec(i)
		dst = peers.AppendVarint(dst, number(low(item[rMeta])))
		dst = peers.AppendVarint(dst, item[rBirth])
		dst = peers.AppendVarint(dst, item[rSeq])
		dst = t.appendValues(dst, item, true, true, now)
	}
	return dst
}

func (t *Table) anyCleared(r []uint64) bool {
	for i := range t.fields {
		if f := &t.fields[i]; f.share == stick.ShareSum && r[f.at+1] != 0 {
			return true
		}
	}
	return false
}

// appendValues appends a bit for each field, that is not zero, and those fields. A
// counter is its number and, if cleared says so, how much of it was cleared; a rate
// how old its period is (ms), the events in it and in the one before; a value with a
// last writer its Lamport number, up to which one it was cleared, and itself, a
// server's key as text. Of an item's field it is
// how much its process had cleared of it when it took it over, 0 in a baseline, and up
// to what it is named.
func (t *Table) appendValues(dst []byte, r []uint64, item, cleared bool, now uint32) []byte {
	var rate [2]uint64
	bits := len(dst)
	dst = append(dst, make([]byte, (len(t.fields)+7)/8)...)
	for i := range t.fields {
		f := &t.fields[i]
		v := r[f.at:]
		some := v[0] != 0 || fieldWords[f.share] > 1 && v[1] != 0
		var age uint32
		if f.share == stick.ShareRate && !item && some {
			// A period that is over is told as what it is by now.
			var cur, prev uint32
			cur, prev, age, some = rateAt(v[0], v[1], now, t.Stick.Period(f.data))
			rate = [2]uint64{uint64(cur), uint64(prev)}
			v = rate[:]
		}
		if !some {
			continue
		}
		dst[bits+i/8] |= 1 << (i % 8)
		switch {
		case item && f.share == stick.ShareRate:
			dst = peers.AppendVarint(dst, v[1])
		case item:
			dst = peers.AppendVarint(dst, v[0])
			dst = peers.AppendVarint(dst, v[1])
		case f.share == stick.ShareSum:
			dst = peers.AppendVarint(dst, v[0])
			if cleared {
				dst = peers.AppendVarint(dst, v[1])
			}
		case f.share == stick.ShareNow:
			dst = peers.AppendVarint(dst, v[0])
		case f.share == stick.ShareRate:
			dst = peers.AppendVarint(dst, uint64(age))
			dst = peers.AppendVarint(dst, v[0])
			dst = peers.AppendVarint(dst, v[1])
		case f.data.Form() == stick.Dict:
			dst = peers.AppendVarint(dst, v[0])
			dst = peers.AppendVarint(dst, v[1])
			dst = appendText(dst, t.Stick.Text(uint32(v[2])))
		default:
			for _, n := range v[:3] {
				dst = peers.AppendVarint(dst, n)
			}
		}
	}
	return dst
}

// mostItems bounds the contributions that one change names.
const mostItems = 1000

// readChange reads a msgChange behind its table into c. source returns our number of
// a session's source; ok is false for one that was not defined.
func (t *Table) readChange(r *reader, l *layout, source func(n uint64) (src uint32, ok bool), c *change, now uint32) error {
	src, ok := source(r.Number())
	flags := r.Bytes(1)
	c.birth = r.Number()
	c.seq = c.birth + r.Number()
	if c.left = uint32(min(r.Number(), uint64(t.Stick.Expire))); l.stays {
		c.left = t.Stick.Expire
	}
	n := uint64(l.keyLen)
	if l.key == stick.KeyString {
		n = r.Number()
	}
	c.key = r.Bytes(n)
	if r.Bad || n > uint64(l.keyLen) {
		return errors.New("a change is cut short")
	}
	if !ok || c.seq < c.birth || c.birth == 0 {
		return errors.New("a change of no process")
	}
	c.src, c.kind, c.gone = src, kindContribution, flags[0]&changeGone != 0
	if flags[0]&changeBaseline != 0 {
		c.kind = kindBaseline
	}
	c.values = zeros(c.values, t.words-rValues)
	if c.kind == kindContribution {
		t.readValues(r, l, c.values, false, flags[0]&changeCleared != 0, now)
	}
	c.items = c.items[:0]
	if flags[0]&changeItems != 0 {
		if n = r.Number(); n > mostItems {
			return errors.New("a change with too many items")
		}
		for range n {
			if r.Bad {
				break
			}
			if len(c.items) < cap(c.items) {
				c.items = c.items[:len(c.items)+1]
			} else {
				c.items = append(c.items, itemChange{})
			}
			it := &c.items[len(c.items)-1]
			if it.src, ok = source(r.Number()); !ok {
				return errors.New("an item of no process")
			}
			it.birth, it.seq = r.Number(), r.Number()
			it.values = zeros(it.values, t.words-rValues)
			t.readValues(r, l, it.values, true, true, now)
		}
	}
	if r.Bad {
		return errors.New("a change's values are cut short")
	}
	return nil
}

// zeros returns n zeros in b's place.
func zeros(b []uint64, n int) []uint64 {
	if cap(b) < n {
		return make([]uint64, n)
	}
	b = b[:n]
	clear(b)
	return b
}

// readValues is the other way round.
func (t *Table) readValues(r *reader, l *layout, values []uint64, item, cleared bool, now uint32) {
	bits := r.Bytes(uint64(len(l.fields)+7) / 8)
	if r.Bad {
		return
	}
	for i, f := range l.fields {
		if bits[i/8]&(1<<(i%8)) == 0 {
			continue
		}
		var v [3]uint64
		switch {
		case item && f.share == stick.ShareRate:
			v[1] = r.Number()
		case item:
			v[0], v[1] = r.Number(), r.Number()
		case f.share == stick.ShareSum:
			v[0] = r.Number()
			if cleared {
				v[1] = r.Number()
			}
		case f.share == stick.ShareNow:
			v[0] = r.Number()
		case f.share == stick.ShareRate:
			age, cur, prev := r.Number(), r.Number(), r.Number()
			v[0], v[1] = uint64(now-uint32(age))<<32|uint64(uint32(cur)), uint64(uint32(prev))
		case f.data.Form() == stick.Dict:
			v[0], v[1] = r.Number(), r.Number()
			if text := r.text(); f.at >= 0 {
				v[2] = uint64(t.Stick.Number(text))
			}
		default:
			v[0], v[1], v[2] = r.Number(), r.Number(), r.Number()
		}
		if f.at >= 0 {
			copy(values[f.at-rValues:], v[:fieldWords[f.share]])
		}
	}
}
