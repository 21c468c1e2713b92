package resolvers

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// message packs an answer to a question; lines are the records of its answer section.
func message(t testing.TB, q question, change func(*dns.Msg), lines ...string) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(q.name), q.kind)
	m.Id, m.Response = q.id, true
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	if change != nil {
		change(m)
	}
	p, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	q := question{id: 7, name: "a.test", kind: typeA}
	srv := question{id: 7, name: "_w._tcp.test", kind: typeSRV}
	extra := func(lines ...string) func(*dns.Msg) {
		return func(m *dns.Msg) {
			for _, line := range lines {
				rr, err := dns.NewRR(line)
				if err != nil {
					t.Fatal(err)
				}
				m.Extra = append(m.Extra, rr)
			}
		}
	}
	code := func(n int) func(*dns.Msg) { return func(m *dns.Msg) { m.Rcode = n } }
	for _, c := range []struct {
		name   string
		q      question
		change func(*dns.Msg)
		lines  []string
		want   string
	}{
		{"one", q, nil, []string{"a.test. 30 A 1.2.3.4"}, "0 [1.2.3.4] [] 30"},
		{"several, one twice", q, nil, []string{"a.test. 30 A 1.2.3.4", "a.test. 20 A 1.2.3.5", "a.test. 30 A 1.2.3.4"}, "0 [1.2.3.4 1.2.3.5] [] 20"},
		{"another name's record", q, nil, []string{"b.test. 30 A 1.2.3.4"}, "5 [] [] 0"},
		{"another type's record", q, nil, []string{"a.test. 30 AAAA ::1"}, "5 [] [] 0"},
		{"mixed case", q, func(m *dns.Msg) { m.Question[0].Name = "A.tEst." }, []string{"A.TEST. 30 A 1.2.3.4"}, "0 [1.2.3.4] [] 30"},
		{"aliases", q, nil, []string{"a.test. 5 CNAME b.test.", "b.test. 30 CNAME c.test.", "c.test. 30 A 1.2.3.4"}, "0 [1.2.3.4] [] 5"},
		{"aliases in another order", q, nil, []string{"c.test. 30 A 1.2.3.4", "b.test. 30 CNAME C.test.", "a.test. 5 CNAME B.test."}, "0 [1.2.3.4] [] 5"},
		{"an alias to nothing", q, nil, []string{"a.test. 5 CNAME b.test."}, "6 [] [] 5"},
		{"an alias of itself", q, nil, []string{"a.test. 5 CNAME a.test."}, "6 [] [] 5"},
		{"a loop of aliases", q, nil, []string{"a.test. 5 CNAME b.test.", "b.test. 5 CNAME a.test.", "a.test. 30 A 1.2.3.4"}, "6 [] [] 5"},
		{"a record beside a chain", q, nil, []string{"a.test. 5 CNAME b.test.", "a.test. 30 A 6.6.6.6", "b.test. 30 A 1.2.3.4"}, "0 [1.2.3.4] [] 5"},
		{"no such name", q, code(dns.RcodeNameError), nil, "2 [] [] 0"},
		{"refused", q, code(dns.RcodeRefused), nil, "3 [] [] 0"},
		{"failed", q, code(dns.RcodeServerFailure), nil, "4 [] [] 0"},
		{"failed, without the question", q, func(m *dns.Msg) { m.Rcode, m.Question = dns.RcodeFormatError, nil }, nil, "4 [] [] 0"},
		{"truncated", q, func(m *dns.Msg) { m.Truncated = true }, []string{"a.test. 30 A 1.2.3.4"}, "7 [] [] 0"},
		{"another id", q, func(m *dns.Msg) { m.Id++ }, []string{"a.test. 30 A 1.2.3.4"}, "10 [] [] 0"},
		{"another question", q, func(m *dns.Msg) { m.Question[0].Name = "b.test." }, []string{"a.test. 30 A 1.2.3.4"}, "9 [] [] 0"},
		{"another type asked", q, func(m *dns.Msg) { m.Question[0].Qtype = typeAAAA }, []string{"a.test. 30 A 1.2.3.4"}, "9 [] [] 0"},
		{"no question", q, func(m *dns.Msg) { m.Question = nil }, []string{"a.test. 30 A 1.2.3.4"}, "9 [] [] 0"},
		{"a query", q, func(m *dns.Msg) { m.Response = false }, []string{"a.test. 30 A 1.2.3.4"}, "9 [] [] 0"},
		{"services", srv, nil, []string{"_w._tcp.test. 30 SRV 1 5 80 H.test.", "_w._tcp.test. 30 SRV 2 0 81 h.test."}, "0 [] [{h.test 80 5 1 []} {h.test 81 0 2 []}] 30"},
		{"services, and addresses", srv, extra("h.test. 9 A 1.2.3.4", "H.test. 30 AAAA ::1", "x.test. 3 A 6.6.6.6"), []string{"_w._tcp.test. 30 SRV 1 5 80 h.test.", "_w._tcp.test. 30 SRV 1 5 80 i.test."},
			"0 [] [{h.test 80 5 1 [1.2.3.4 ::1]} {i.test 80 5 1 []}] 9"},
		{"a service that is not there", srv, nil, []string{"_w._tcp.test. 30 SRV 0 0 0 ."}, "5 [] [] 0"},
		{"a time to live of zero", q, nil, []string{"a.test. 0 A 1.2.3.4"}, "0 [1.2.3.4] [] 1"},
	} {
		a, v := c.q.parse(message(t, c.q, c.change, c.lines...))
		if got := fmt.Sprintf("%d %v %v %d", v, a.addresses, a.services, a.ttl); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	for _, p := range []string{"", "short", "\x00\x07\x80\x00\x00\x01\xff\xff\x00\x00\x00\x00"} {
		if _, v := q.parse([]byte(p)); v != invalid {
			t.Errorf("%q: %d", p, v)
		}
	}
}

func TestCanonical(t *testing.T) {
	for name, want := range map[string]string{"A.Test.": "a.test", "_w._tcp.x": "_w._tcp.x", "": "", ".": "", "a..b": "", "a b": "", `a\.b`: "", "localhost": "localhost"} {
		if got, _ := canonical(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// Whatever comes: no panic, and what is valid has the records that were asked for.
func FuzzParse(f *testing.F) {
	q := question{id: 7, name: "a.test", kind: typeA}
	srv := question{id: 7, name: "_w._tcp.test", kind: typeSRV}
	f.Add(message(f, q, nil, "a.test. 5 CNAME b.test.", "b.test. 30 A 1.2.3.4"))
	f.Add(message(f, q, func(m *dns.Msg) { m.Truncated = true }, "a.test. 30 A 1.2.3.4"))
	f.Add(message(f, srv, func(m *dns.Msg) {
		m.Extra = append(m.Extra, &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}})
	}, "_w._tcp.test. 30 SRV 1 5 80 h.test."))
	f.Fuzz(func(t *testing.T, packet []byte) {
		for _, q := range []question{q, srv} {
			a, v := q.parse(packet)
			switch {
			case v != good && len(a.addresses)+len(a.services) > 0:
				t.Fatalf("%d with records", v)
			case v == good && (q.kind == typeA) != (len(a.addresses) > 0), v == good && (q.kind == typeSRV) != (len(a.services) > 0):
				t.Fatalf("%+v for %+v", a, q)
			case v == good && a.ttl == 0:
				t.Fatal("it lives for no time")
			}
			for _, ip := range a.addresses {
				if !ip.Is4() {
					t.Fatalf("an address of %v", ip)
				}
			}
		}
	})
}
