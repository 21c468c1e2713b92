//go:build !invariants

package invariant

// Enabled tells whether assertions are compiled in.
const Enabled = false

// Check does nothing without the invariants tag.
func Check(bool, string) {}

// Failed does nothing without the invariants tag.
func Failed(string) {}
