package stick

// Find returns where entries of the table have a datum: by itself, or as the element
// of the array that takes its place (gpc0 and gpc1 of gpc, gpt0 of gpt). i is the
// element of an array, 0 for others; ok is false for what is not stored.
func (t *Table) Find(d Data, i int) (at Data, element int, ok bool) {
	if i >= 0 && t.Has(d, i) {
		return d, i, true
	}
	switch d {
	case GPC0, GPC1:
		at = GPC
	case GPC0Rate, GPC1Rate:
		at = GPCRate
	case GPT0:
		at = GPT
	default:
		return d, i, false
	}
	if d == GPC1 || d == GPC1Rate {
		element = 1
	}
	return at, element, t.Has(at, element)
}

// Increment adds to a counter and to its rate, as far as they are stored, and lets the
// entry live on. It returns what the counter is then, or the rate where only that is
// stored; 0 where neither is.
func (e Entry) Increment(count, rate Data, i int, by uint64, now uint32) (v uint64) {
	r, ri, rated := e.t.Find(rate, i)
	if rated {
		e.AddRate(r, ri, uint32(by), now)
	}
	c, ci, counted := e.t.Find(count, i)
	switch {
	case counted:
		v = e.Add(c, ci, by)
	case rated:
		v = uint64(e.Rate(r, ri, now))
	}
	if counted || rated {
		e.Touch(now)
	}
	return v
}
