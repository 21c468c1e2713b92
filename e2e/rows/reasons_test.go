package rows

import (
	"testing"

	"gohap/e2e/oracle"
)

// reasons are the rows that no test here proves: what is not the program's, and
// what gohap refuses by name so far, which a row's test looks for.
var reasons = map[string]string{
	"B8":  "packaging: the log server rotates, the program has nothing to reopen",
	"B17": "documentation: docs/keywords.md has the same words",
	"C10": "a note on the design of another program",
	"E3":  "an option of the log server alone",
	"E4":  "configuration of the log server alone",
	"K43": "name servers: see e2e/vtc, resolvers_section and resolvers_servers",
	"M10": "documentation of others",
	"M12": "documentation of others",
	"M13": "not about the program",
}

// TestNotThereYet: what is not there is refused by name, not taken and ignored.
func TestNotThereYet(t *testing.T) {
	for _, lines := range []string{
		"cache c\n    total-max-size 4\n",
	} {
		r := row{id: lines, run: func(s *subject) {
			code, said := s.check(defaults + one + lines)
			s.same(code, 1)
			s.has(said, "known to HAProxy, not implemented by gohap")
		}}
		on(t, "gohap", oracle.Gohap, r)
	}
}
