package stick

// Walk calls f for each entry, held meanwhile, until f says no. Entries that come
// and go during the walk may be left out; no lock is held in f, and no other entry,
// so f may take its time.
func (t *Table) Walk(now uint32, f func(e Entry) bool) {
	t.Each(now, func(e Entry) bool {
		more := f(e)
		e.Release()
		return more
	})
}

// Clear removes the entries that match says yes to, but those that are held; match
// is called as by Walk.
func (t *Table) Clear(now uint32, match func(e Entry) bool) {
	t.Each(now, func(e Entry) bool {
		if !match(e) || !e.Remove() {
			e.Release()
		}
		return true
	})
}

// Each is Walk for an f that ends the hold.
func (t *Table) Each(now uint32, f func(e Entry) bool) {
	var ids []uint32
	for i := range t.Parts() {
		ids = t.Part(i, now, ids[:0])
		for _, id := range ids {
			if e, ok := t.Hold(id); ok && !f(e) {
				return
			}
		}
	}
}
