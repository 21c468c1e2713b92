package check

import "testing"

// The numbers that the reference wrote for results of each kind.
func TestNumbers(t *testing.T) {
	for status, want := range map[string]int{"": 1, "INI": 1, HANA: 4, SOCKERR: 5, L4OK: 6, L4TOUT: 7, L4CON: 8,
		L6TOUT: 10, L6RSP: 11, L7TOUT: 12, L7RSP: 13, L7OK: 15, L7OKC: 16, L7STS: 17, PROCERR: 18, PROCTOUT: 19, PROCOK: 20} {
		if n := Number(status); n != want {
			t.Errorf("%s: %d, not %d", status, n, want)
		}
	}
	for n := range Statuses {
		if s, ok := StatusOf(n); !ok || Number(s) != n {
			t.Errorf("%d is %q", n, s)
		}
	}
	if _, ok := StatusOf(Statuses); ok {
		t.Error("one too many")
	}
}
