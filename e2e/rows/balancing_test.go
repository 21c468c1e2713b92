package rows

import (
	"fmt"
	"strings"
)

// balancing are the rows C.
var balancing = []row{
	{"C1", "roundrobin: weights, changed while it runs", func(s *subject) {
		s.pair("    balance roundrobin\n    default-server weight 100\n")
		s.same(s.shares(40), "20:20")
		s.same(s.cli("set server l/s1 weight 50%"), "\n")
		s.matches(s.shares(60), "^(19|20|21):(39|40|41)$")
	}},
	{"C2", "static-rr: weights cannot be changed", func(s *subject) {
		s.pair("    balance static-rr\n    default-server weight 10\n")
		s.same(s.shares(40), "20:20")
		s.has(s.cli("set weight l/s1 50%"), "Backend is using a static LB algorithm")
	}},
	{"C3", "leastconn", leastConnections},
	{"C4", "first: fills the lowest id up to its maxconn", func(s *subject) {
		one, two := s.pair("    balance first\n    default-server maxconn 1\n")
		free := one.holds()
		defer free()
		c := s.dial("l")
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
		s.await("the first server", func() bool { return len(one.seen()) == 1 })
		s.same(s.get("l", "/").header("x-server"), "s2")
		free()
		s.same(readReply(c).header("x-server"), "s1")
		s.oneServer(func(int) reply {
			s.becomes("l/s1", "scur", "0") // the one before is over for the program too
			return s.get("l", "/")
		})
		s.same(len(two.seen()), 1)
	}},
	{"C5", "source, consistent", func(s *subject) {
		s.pair("    balance source\n    hash-type consistent\n    bind {bind:p} accept-proxy\n")
		s.fewMove(func(i int) string {
			c := s.dial("p")
			defer c.Close()
			fmt.Fprintf(c, "PROXY TCP4 10.0.%d.%d 127.0.0.1 1000 80\r\n", i/200, i%200)
			return s.exchange(c, "GET / HTTP/1.1", []string{"host: x"}, "").header("x-server")
		})
	}},
	{"C6", "uri, len", func(s *subject) {
		s.pair("    balance uri len 8\n")
		s.oneServer(func(i int) reply { return s.get("l", fmt.Sprint("/same/uri/", i)) })
		s.bothServers(func(i int) reply { return s.get("l", fmt.Sprintf("/%d/x", i*7919)) })
	}},
	{"C7", "hdr(name)", headerHash},
	{"C8", "weights", func(s *subject) {
		s.server("s1")
		s.server("s2")
		s.start("\nlisten l\n    bind {bind:l}\n    server s1 {s1} weight 3\n    server s2 {s2}\n")
		s.same(s.stat("l/s2", "weight"), "1")
		s.same(s.shares(40), "30:10")
		code, said := s.check(defaults + "\nbackend b\n    server s1 127.0.0.1:1 weight 257\n")
		s.same(code, 1)
		s.has(said, "weight")
		s.cli("set weight l/s1 0")
		s.same(s.shares(10), "0:10")
	}},
	{"C9", "a consistent hash moves few keys when a server leaves", func(s *subject) {
		s.pair("    balance hdr(x-key)\n    hash-type consistent\n")
		s.fewMove(func(i int) string { return s.get("l", "/", fmt.Sprint("x-key: ", i*7919)).header("x-server") })
	}},
}

// shares asks n times and returns how many went to s1 and to s2.
func (s *subject) shares(n int) string {
	s.Helper()
	var got strings.Builder
	for range n {
		got.WriteString(s.get("l", "/").header("x-server"))
	}
	return fmt.Sprintf("%d:%d", strings.Count(got.String(), "s1"), strings.Count(got.String(), "s2"))
}

// fewMove takes s2 out of service: the keys of s1 stay, once s2 is back all are
// where they were.
func (s *subject) fewMove(server func(i int) string) {
	s.Helper()
	const n = 60
	var before [n]string
	for i := range n {
		before[i] = server(i)
	}
	if all := strings.Join(before[:], ""); !strings.Contains(all, "s1") || !strings.Contains(all, "s2") {
		s.Fatalf("one server has all keys: %s", all)
	}
	s.cli("disable server l/s2")
	for i := range n {
		if got := server(i); got != "s1" {
			s.Errorf("key %d is at %q while s2 is down", i, got)
		}
	}
	s.cli("enable server l/s2")
	for i := range n {
		if got := server(i); got != before[i] {
			s.Errorf("key %d was at %s, is at %s", i, before[i], got)
		}
	}
}
