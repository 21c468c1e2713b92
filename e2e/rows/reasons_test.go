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
	"D58": "stick tables are refused by name: see TestNotThereYet",
	"D59": "stick tables are refused by name: see TestNotThereYet",
	"K3":  "stick tables are refused by name: see TestNotThereYet",
	"K13": "stick tables are refused by name: see TestNotThereYet",
	"K14": "stick tables are refused by name: see TestNotThereYet",
	"K18": "stick tables are refused by name: see TestNotThereYet",
	"K43": "name servers are refused by name: see TestNotThereYet",
	"M10": "documentation of others",
	"M12": "documentation of others",
	"M13": "not about the program",
}

// TestNotThereYet: what the rows of stick tables and name servers need is refused
// by name, not taken and ignored.
func TestNotThereYet(t *testing.T) {
	for _, lines := range []string{
		"backend b\n    stick on src\n",
		"resolvers r\n    nameserver a 127.0.0.1:53\n",
	} {
		r := row{id: lines, run: func(s *subject) {
			code, said := s.check(defaults + one + lines)
			s.same(code, 1)
			s.has(said, "known to HAProxy, not implemented by gohap")
		}}
		on(t, "gohap", oracle.Gohap, r)
	}
}
