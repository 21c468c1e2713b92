//go:build invariants

package invariant

// Enabled tells whether assertions are compiled in.
const Enabled = true

// Check panics when ok is false.
func Check(ok bool, what string) {
	if !ok {
		panic("invariant broken: " + what)
	}
}

// Failed panics.
func Failed(what string) { panic("invariant broken: " + what) }
