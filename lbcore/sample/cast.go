package sample

// castFunc turns s from one type into another in place; false means that this
// value has no such form.
type castFunc func(c *Context, s *Sample) bool
