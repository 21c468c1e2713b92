package resolvers

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func addrs(text string) (all []netip.Addr) {
	for w := range strings.FieldsSeq(text) {
		if w == "-" {
			all = append(all, netip.Addr{})
			continue
		}
		all = append(all, netip.MustParseAddr(w))
	}
	return all
}

func shown(all []netip.Addr) string {
	var words []string
	for _, a := range all {
		if !a.IsValid() {
			words = append(words, "-")
			continue
		}
		words = append(words, a.String())
	}
	return strings.Join(words, " ")
}

func TestAssign(t *testing.T) {
	net := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name, now, answer, want string
		dup                     bool
		nets                    []netip.Prefix
	}{
		{name: "the first answer", now: "- - -", answer: "1.1.1.1 2.2.2.2", want: "1.1.1.1 2.2.2.2 -"},
		{name: "survivors stay where they are", now: "1.1.1.1 2.2.2.2 3.3.3.3", answer: "3.3.3.3 1.1.1.1 4.4.4.4", want: "1.1.1.1 4.4.4.4 3.3.3.3"},
		{name: "a flapping order moves nobody", now: "1.1.1.1 2.2.2.2", answer: "2.2.2.2 1.1.1.1", want: "1.1.1.1 2.2.2.2"},
		{name: "all of them are replaced", now: "1.1.1.1 2.2.2.2 3.3.3.3", answer: "4.4.4.4 5.5.5.5 6.6.6.6", want: "4.4.4.4 5.5.5.5 6.6.6.6"},
		{name: "less than before", now: "1.1.1.1 2.2.2.2", answer: "2.2.2.2", want: "- 2.2.2.2"},
		{name: "nothing", now: "1.1.1.1 -", answer: "", want: "- -"},
		{name: "one twice in the answer", now: "- -", answer: "1.1.1.1 1.1.1.1", want: "1.1.1.1 -"},
		{name: "one that two have", now: "1.1.1.1 1.1.1.1", answer: "1.1.1.1", want: "1.1.1.1 -"},
		{name: "duplicates allowed", now: "- - -", answer: "1.1.1.1 2.2.2.2", dup: true, want: "1.1.1.1 2.2.2.2 1.1.1.1"},
		{name: "duplicates stay", now: "1.1.1.1 1.1.1.1", answer: "1.1.1.1 2.2.2.2", dup: true, want: "1.1.1.1 1.1.1.1"},
		{name: "of the network", now: "-", answer: "1.1.1.1 10.0.0.1", nets: net, want: "10.0.0.1"},
		{name: "another where the network has none", now: "- -", answer: "1.1.1.1 10.0.0.1", nets: net, want: "10.0.0.1 1.1.1.1"},
		{name: "the network rather than what one has", now: "1.1.1.1 -", answer: "1.1.1.1 10.0.0.1", nets: net, want: "10.0.0.1 1.1.1.1"},
		{name: "more than slots", now: "-", answer: "1.1.1.1 2.2.2.2", want: "1.1.1.1"},
	} {
		var slots []Slot
		for _, a := range addrs(c.now) {
			slots = append(slots, Slot{Now: a, AllowDup: c.dup, Nets: c.nets})
		}
		if got := shown(Assign(slots, addrs(c.answer))); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// 500 slots are given new addresses in one call each, whatever becomes of them: every
// freed slot is filled while there are addresses, none has one that another has.
func TestAssignMany(t *testing.T) {
	ip := func(n int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", n/250, n%250+1)) }
	slots := make([]Slot, 500)
	for round := range 4 {
		var answer []netip.Addr
		for i := range 500 {
			answer = append(answer, ip(round*333+i)) // a third survives
		}
		slices.Reverse(answer)
		given := Assign(slots, answer)
		seen := map[netip.Addr]bool{}
		for i, a := range given {
			if !a.IsValid() || seen[a] {
				t.Fatalf("round %d: slot %d has %v, seen %v", round, i, a, seen[a])
			}
			if slots[i].Now.IsValid() && slices.Contains(answer, slots[i].Now) && a != slots[i].Now {
				t.Fatalf("round %d: slot %d had %v, has %v", round, i, slots[i].Now, a)
			}
			seen[a] = true
			slots[i].Now = a
		}
	}
}

func TestAssignServices(t *testing.T) {
	rec := func(text string) (s Service) {
		if _, err := fmt.Sscanf(text, "%d %d %s", &s.Priority, &s.Port, &s.Target); err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct {
		name       string
		now        []string // "" for none
		answer     []string
		byPriority bool
		want       string
	}{
		{name: "the first answer", now: []string{"", "", ""}, answer: []string{"1 80 a", "1 81 b"}, want: "a:80 b:81 -"},
		{name: "survivors stay", now: []string{"1 80 a", "1 81 b"}, answer: []string{"1 81 b", "1 82 c"}, want: "c:82 b:81"},
		{name: "another port is another record", now: []string{"1 80 a", ""}, answer: []string{"1 90 a"}, want: "a:90 -"},
		{name: "all of them are replaced", now: []string{"1 80 a", "1 81 b"}, answer: []string{"1 80 c", "1 81 d"}, want: "c:80 d:81"},
		{name: "one target, two ports", now: []string{"", ""}, answer: []string{"1 80 a", "1 81 a"}, want: "a:80 a:81"},
		{name: "more than slots", now: []string{"", ""}, answer: []string{"2 80 a", "1 80 b", "1 80 c"}, want: "a:80 b:80"},
		{name: "more than slots, by priority", now: []string{"", ""}, answer: []string{"2 80 a", "1 80 b", "1 80 c"}, byPriority: true, want: "b:80 c:80"},
		{name: "a lower priority comes", now: []string{"2 80 a", "1 80 b"}, answer: []string{"2 80 a", "1 80 b", "1 80 c"}, byPriority: true, want: "c:80 b:80"},
	} {
		var now []*Service
		for _, s := range c.now {
			if s == "" {
				now = append(now, nil)
				continue
			}
			r := rec(s)
			now = append(now, &r)
		}
		var answer []Service
		for _, s := range c.answer {
			answer = append(answer, rec(s))
		}
		var got []string
		for _, s := range AssignServices(now, answer, c.byPriority) {
			if s == nil {
				got = append(got, "-")
				continue
			}
			got = append(got, fmt.Sprintf("%s:%d", s.Target, s.Port))
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// The weights that the reference was seen to give.
func TestScaleWeight(t *testing.T) {
	for w, want := range map[uint16]int{0: 0, 1: 1, 5: 1, 10: 1, 256: 1, 257: 2, 512: 2, 65535: 256} {
		if got := ScaleWeight(w); got != want {
			t.Errorf("%d is %d, want %d", w, got, want)
		}
	}
}

func TestParseResolvConf(t *testing.T) {
	all, wrong := ParseResolvConf("# x\nnameserver 10.0.0.1\nsearch a\nnameserver ::1\nnameserver\nnameserver nope\n")
	if len(all) != 2 || wrong != 1 || all[0].Addr.String() != "10.0.0.1:53" || all[1].Name != "::1" {
		t.Errorf("%v, %d wrong", all, wrong)
	}
}
