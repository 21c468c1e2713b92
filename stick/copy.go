package stick

import (
	"reflect"
	"slices"
)

// Same tells whether two tables are declared alike, so that one may take the
// other's place with all that it holds.
func (t *Table) Same(o *Table) bool {
	a, b := t.Config, o.Config
	a.Store, b.Store = sorted(a.Store), sorted(b.Store)
	return reflect.DeepEqual(a, b)
}

// Fits tells whether t can hold the entries of o: its keys and data are the same,
// how many there are and how long they live may differ.
func (t *Table) Fits(o *Table) bool {
	a, b := t.Config, o.Config
	return a.Key == b.Key && a.KeyLen == b.KeyLen && a.BytesFactor == b.BytesFactor && slices.Equal(sorted(a.Store), sorted(b.Store))
}

// sorted returns what is stored in the order of its numbers.
func sorted(list []Stored) []Stored {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Stored) int { return int(a.Data) - int(b.Data) })
	return list
}

// Fill takes over the entries of a table that Fits, with the time that they have
// left, as far as there is room.
func (t *Table) Fill(from *Table, now uint32) {
	from.Walk(now, func(e Entry) bool {
		mine, made, ok := t.Create(e.Key(), now)
		if !ok {
			return !t.NoPurge
		}
		if made {
			mine.copy(e, now)
			left := e.Left(now)
			if from.Expire == 0 {
				left = t.Expire
			}
			mine.TouchFor(now, left)
		}
		mine.Release()
		return true
	})
}

// copy takes over the data of an entry of another table.
func (e Entry) copy(from Entry, now uint32) {
	for d := range DataKinds {
		for i := range e.t.Elements(d) {
			switch d.Form() {
			case Rate:
				age, cur, prev := from.RateParts(d, i, now)
				e.SetRateParts(d, i, now, age, cur, prev)
			case Dict:
				e.SetText(d, from.Text(d))
			default:
				e.Set(d, i, from.Get(d, i))
			}
		}
	}
}
