package fleet

import (
	"fmt"

	"gohap/stick"
)

// Contribution is what a process contributes to an entry, to be shown.
type Contribution struct {
	Node   string
	Source SourceID
	Self   bool
	Dead   bool
	Birth  uint64
	Seq    uint64
	Names  []string // contributions of earlier lives that are part of it: node/birth
	fields []field
	values []uint64
	seen   []uint64 // how much of each field is cleared
	now    uint32
	table  *stick.Table
}

// Value returns what it adds to a datum of the entry.
func (c *Contribution) Value(d stick.Data, i int) int64 {
	for k := range c.fields {
		f := &c.fields[k]
		if f.data != d || f.i != i {
			continue
		}
		v := c.values[f.at:]
		switch f.share {
		case stick.ShareSum:
			return int64(v[0] - min(v[0], c.seen[k]))
		case stick.ShareRate:
			period := c.table.Period(d)
			cur, prev, age, _ := rateAt(v[0], v[1], c.now, period)
			return (int64(cur) + int64(uint64(prev)*uint64(period-age)/uint64(period))) * int64(c.table.Unit(d))
		case stick.ShareNow:
			if c.Dead {
				return 0
			}
			return int64(v[0])
		default:
			if v[0] > c.seen[k] {
				return int64(v[2])
			}
		}
	}
	return 0
}

// Contributions returns who contributes what to the entry of a key, as far as it is
// published; none without one. Those are left out of which everything is cleared.
func (t *Table) Contributions(key []byte, now uint32) (list []Contribution) {
	e, ok := t.Stick.Get(key, now)
	if !ok {
		return nil
	}
	defer e.Release()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = now
	for n := e.Chain(); n != 0; {
		r := t.rec(n)
		n = high(r[rEntry])
		if kind(r) != kindContribution || t.void(e, r, true) {
			continue
		}
		s := &t.sources[low(r[rMeta])]
		c := Contribution{Node: s.name, Source: s.id, Self: low(r[rMeta]) == self, Dead: s.masked, Birth: r[rBirth], Seq: r[rSeq],
			fields: t.fields, values: append([]uint64(nil), r...), now: now, table: t.Stick}
		for i := range t.fields {
			seen := uint64(0)
			if f := &t.fields[i]; f.share == stick.ShareSum || f.share == stick.ShareLast {
				seen = t.clearedOf(e, r, f)
			}
			c.seen = append(c.seen, seen)
		}
		for i := low(r[rItems]); i != 0; i = high(t.rec(i)[rEntry]) {
			item := t.rec(i)
			o := &t.sources[low(item[rMeta])]
			c.Names = append(c.Names, fmt.Sprintf("%s/%x/%d", o.name, o.id.Epoch, item[rBirth]))
		}
		list = append(list, c)
	}
	return list
}

// TableView is the state of a table, to be shown.
type TableView struct {
	Refused, Evicted int64  // keys that found no room; entries that made room
	Partial          bool   // it learned of a table that lacks some
	TooLong          int64  // contributions that no message takes
	Changes          uint64 // that this process published
	Records          int    // contributions that are kept
	Bytes            int    // memory of them
	Sources          []SourceView
}

// SourceView is a process that contributes to a table.
type SourceView struct {
	Node    string
	ID      SourceID
	Self    bool
	Direct  bool // it has a session here itself
	Dead    bool
	Ended   bool
	Have    uint64 // all changes up to this one are here
	Records int
	Bytes   uint64 // that came of it
	Heard   uint32 // ms since it was last known to live
}

// View returns what there is to show of a table.
func (t *Table) View(now uint32) (v TableView) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = now
	t.sweep()
	v = TableView{Refused: t.refused, Evicted: t.Stick.Evicted.Load(), Partial: t.partial, TooLong: t.late, Changes: t.sources[self].have,
		Records: t.used, Bytes: len(t.pieces) * perPiece * t.words * 8}
	for i := range t.sources {
		if s := &t.sources[i]; !s.forgotten {
			v.Sources = append(v.Sources, SourceView{Node: s.name, ID: s.id, Self: i == self, Direct: s.direct > 0, Dead: s.masked, Ended: s.ended,
				Have: s.have, Records: s.count, Bytes: s.bytes, Heard: s.ago(uint32(i), now)})
		}
	}
	return v
}

// ago returns how many ms ago a source was last known to live.
func (s *source) ago(src, now uint32) uint32 {
	if src == self {
		return 0
	}
	return uint32(max(0, int32(now-s.heard)))
}

// Inexact tells why sums may lack something, "" where they do not.
func (v *TableView) Inexact() string {
	switch {
	case v.Evicted > 0:
		return fmt.Sprintf("%d entries made room for others", v.Evicted)
	case v.Refused > 0:
		return fmt.Sprintf("%d keys of other nodes found no room", v.Refused)
	case v.TooLong > 0:
		return fmt.Sprintf("%d contributions are too long for a message", v.TooLong)
	case v.Partial:
		return "what others no longer tell themselves came from a node that lacks some"
	}
	return ""
}

// PeerView is the state of a node of the section.
type PeerView struct {
	*Peer
	Local   bool
	Status  string // "established", "connecting", "waiting" or "local"
	Last    string // why the last session ended
	Inbound bool
	Heard   uint32 // ms since the session's last message
	Lags    []Lag  // by table, of an established session
}

// Lag is how far a node is with a table.
type Lag struct {
	Table   string
	Known   bool   // it has the table
	Changes uint64 // of this process
	Behind  uint64 // those that it does not say to have
	Inexact bool   // it says that it lacks some
}

// View returns what there is to show of the section's nodes.
func (s *Section) View(now uint32) (list []PeerView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.Peers {
		v := PeerView{Peer: p, Local: p.local, Last: p.last, Status: "waiting"}
		switch x := p.session; {
		case p.local:
			v.Status = "local"
		case x != nil && x.phase == phaseRunning:
			v.Status, v.Inbound, v.Heard = "established", x.inbound, uint32(max(0, int32(now-x.heard)))
			for i, sh := range x.tables {
				changes := sh.t.changes()
				v.Lags = append(v.Lags, Lag{s.Names[i], sh.layout != nil, changes, changes - min(changes, sh.have[self]), sh.inexact})
			}
		case x != nil:
			v.Status = "connecting"
		}
		list = append(list, v)
	}
	return list
}
