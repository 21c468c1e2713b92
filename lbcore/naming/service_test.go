package naming

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/resolvers"
)

const label = "_w._tcp.test"

// template is n servers of a service.
func template(n int, r proxy.Resolving) []proxy.Resolving {
	r.Service = label
	all := make([]proxy.Resolving, n)
	for i := range all {
		all[i] = r
	}
	return all
}

// service returns the backend's service, which Start made.
func (w *world) service() *service {
	v := &service{names: w.Names}
	for _, s := range w.p.Set().All {
		v.slots = append(v.slots, &slot{member: w.members[s], record: restored(s)})
	}
	return v
}

// record reads "target:port[*weight][^priority][@address]".
func record(text string) (r resolvers.Service) {
	text, at, some := strings.Cut(text, "@")
	if some {
		r.Addresses = []netip.Addr{netip.MustParseAddr(at)}
	}
	if head, n, ok := strings.Cut(text, "^"); ok {
		fmt.Sscan(n, &r.Priority)
		text = head
	}
	if head, n, ok := strings.Cut(text, "*"); ok {
		fmt.Sscan(n, &r.Weight)
		text = head
	} else {
		r.Weight = 1
	}
	target, port, _ := strings.Cut(text, ":")
	fmt.Sscan(port, &r.Port)
	r.Target = target
	return r
}

func (v *service) says(list string) {
	news := resolvers.News{}
	for text := range strings.FieldsSeq(list) {
		news.Services = append(news.Services, record(text))
	}
	v.told(&resolvers.Event{News: &news})
}

// Records come, change their ports and weights, and go; the lines are the reference's.
func TestRecords(t *testing.T) {
	w := newWorld(t, label+":0", template(3, proxy.Resolving{})...)
	v := w.service()
	v.says("h1:81*0@1.1.1.1 h2:82*257@2.2.2.2")
	w.want(t, "1.1.1.1:81*0 2.2.2.2:82*2 -")
	w.said(t, "be/s1: IP changed from '(none)' to '1.1.1.1', port changed from '0' to '81' by 'DNS additional record'.",
		"be/s1 changed its FQDN from (null) to h1 by 'SRV record'",
		"Server be/s1 ('h1') is UP/READY (resolves again).", "Server be/s1 administratively READY thanks to valid DNS answer.",
		"be/s2: IP changed from '(none)' to '2.2.2.2', port changed from '0' to '82' by 'DNS additional record'.",
		"be/s2 changed its FQDN from (null) to h2 by 'SRV record'",
		"Server be/s2 ('h2') is UP/READY (resolves again).", "Server be/s2 administratively READY thanks to valid DNS answer.")
	v.says("h2:82*65535@2.2.2.2 h1:91*0@1.1.1.1 h3:83@3.3.3.3")
	w.want(t, "1.1.1.1:91*0 2.2.2.2:82*256 3.3.3.3:83")
	w.lines = nil
	v.says("h3:83@3.3.3.3")
	w.want(t, "-*0 -*256 3.3.3.3:83")
	if text := strings.Join(w.lines, "\n"); strings.Count(text, "(entry removed from SRV record)") != 2 {
		t.Error(text)
	}
	v.told(&resolvers.Event{News: &resolvers.News{Status: resolvers.NX}})
	w.want(t, "-*0 -*256 -")
	for _, s := range w.p.Set().All {
		if s.Host() != "" {
			t.Errorf("%s is still named %s", s.Name, s.Host())
		}
	}
	v.says("h9:99*512@9.9.9.9")
	w.want(t, "9.9.9.9:99*2 -*256 -")
}

// Targets without additional records are asked for, once a name, and have their ports
// at once.
func TestRecordsWithoutAddresses(t *testing.T) {
	w := newWorld(t, label+":0", template(3, proxy.Resolving{})...)
	v := w.service()
	v.says("h1:81 h1:82 h2:83")
	w.want(t, "- - -")
	if len(w.groups) != 2 {
		t.Fatalf("%d names are asked for", len(w.groups))
	}
	w.addresses("h1", "1.1.1.1")
	w.want(t, "1.1.1.1:81 1.1.1.1:82 -")
	w.addresses("h2", "2.2.2.2")
	w.want(t, "1.1.1.1:81 1.1.1.1:82 2.2.2.2:83")
	v.says("h1:91 h1:82 h2:83")
	w.want(t, "1.1.1.1:91 1.1.1.1:82 2.2.2.2:83")
	v.says("h2:83@2.2.2.9 h1:91 h1:82") // a known one stays unless its answer has another
	w.want(t, "1.1.1.1:91 1.1.1.1:82 2.2.2.9:83")
	if len(w.groups) != 1 {
		t.Errorf("%d names are asked for", len(w.groups))
	}
	w.says("h1", resolvers.News{Status: resolvers.Timeout})
	w.want(t, "- - 2.2.2.9:83")
}

// The lowest priority serves, the others are backups until it goes; ignore-weight leaves
// weights alone.
func TestPriorities(t *testing.T) {
	w := newWorld(t, label+":0", template(4, proxy.Resolving{ByPriority: true, IgnoreWeight: true})...)
	v := w.service()
	v.says("h1:81*99^20@1.1.1.1 h2:82*99^10@2.2.2.2 h3:83*99^10@3.3.3.3")
	w.want(t, "2.2.2.2:82 3.3.3.3:83 1.1.1.1:81+backup -")
	v.says("h1:81^20@1.1.1.1 h4:84^30@4.4.4.4")
	w.want(t, "4.4.4.4:84+backup - 1.1.1.1:81 -")
	v.says("h4:84^30@4.4.4.4")
	w.want(t, "4.4.4.4:84 - - -")
	v.says("h4:84^30@4.4.4.4 h5:85^1@5.5.5.5 h6:86^1@6.6.6.6 h7:87^2@7.7.7.7 h8:88^2@8.8.8.8")
	w.want(t, "5.5.5.5:85 6.6.6.6:86 7.7.7.7:87+backup 8.8.8.8:88+backup")
	v.told(&resolvers.Event{News: &resolvers.News{Status: resolvers.Timeout}})
	w.want(t, "- - - -")
}

// Servers that a state file gave their records keep their places.
func TestRestoredRecords(t *testing.T) {
	w := newWorld(t, label+":0", template(3, proxy.Resolving{})...)
	third := w.p.Server("s3")
	third.SetHost("h1")
	third.Move(&proxy.Address{To: loop.IPSockaddr(netip.MustParseAddrPort("1.1.1.1:81")), Text: "1.1.1.1:81"})
	third.SetAdmin(0, proxy.ResolutionMaint, 0)
	v := w.service()
	v.says("h2:82@2.2.2.2 h1:81@1.1.1.1")
	w.want(t, "2.2.2.2:82 - 1.1.1.1:81")
}

// Whatever answers follow each other: a record that stays keeps its server, every freed
// one is filled while there are records, ports and weights are those of the records, and
// backups are those above the lowest priority.
func TestRecordsAlways(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 11))
		how := proxy.Resolving{ByPriority: r.IntN(2) == 0, IgnoreWeight: r.IntN(2) == 0}
		w := newWorld(t, label+":0", template(1+r.IntN(6), how)...)
		v := w.service()
		for step := range 12 {
			before := map[*proxy.Server]string{}
			for _, s := range w.p.Set().All {
				before[s] = fmt.Sprintf("%s:%d", s.Host(), s.Address().To.IP.Port())
			}
			records := map[string]resolvers.Service{}
			var list []resolvers.Service
			for _, n := range r.Perm(9)[:r.IntN(10)] {
				rec := record(fmt.Sprintf("h%d:%d*%d^%d@10.0.0.%d", n, 80+n%4, r.IntN(65536), r.IntN(3), n))
				list = append(list, rec)
				records[fmt.Sprintf("%s:%d", rec.Target, rec.Port)] = rec
			}
			if r.IntN(8) == 0 {
				v.told(&resolvers.Event{News: &resolvers.News{Status: resolvers.Refused}})
				list, records = nil, nil
			} else {
				v.told(&resolvers.Event{News: &resolvers.News{Services: list}})
			}
			if wrong := w.wrongRecords(records, before, how); wrong != "" {
				t.Fatalf("seed %d, step %d: %s\n%+v\n%s", seed, step, wrong, list, w.state())
			}
		}
	}
}

// wrongRecords tells what does not hold after an answer.
func (w *world) wrongRecords(records map[string]resolvers.Service, before map[*proxy.Server]string, how proxy.Resolving) string {
	if strings.Contains(w.state(), "!") {
		return "no address, but no maintenance, or checks elsewhere"
	}
	lowest := 1 << 20
	for _, s := range w.p.Set().All {
		if s.Address().Addr().IsValid() {
			lowest = min(lowest, int(records[fmt.Sprintf("%s:%d", s.Host(), s.Address().To.IP.Port())].Priority))
		}
	}
	have, seen := 0, map[string]bool{}
	for _, s := range w.p.Set().All {
		if !s.Address().Addr().IsValid() {
			if _, stays := records[before[s]]; stays && !how.ByPriority {
				return fmt.Sprintf("%s lost %s, which is in the answer", s.Name, before[s])
			}
			continue
		}
		have++
		name := fmt.Sprintf("%s:%d", s.Host(), s.Address().To.IP.Port())
		rec, in := records[name]
		switch old := before[s]; {
		case !in || seen[name]:
			return fmt.Sprintf("%s has %s, in the answer %v, had by another %v", s.Name, name, in, seen[name])
		case old != name && !how.ByPriority:
			if _, stays := records[old]; stays {
				return fmt.Sprintf("%s had %s and has %s", s.Name, old, name)
			}
		}
		seen[name] = true
		if n := s.UserWeight(); how.IgnoreWeight && n != 1 || !how.IgnoreWeight && n != resolvers.ScaleWeight(rec.Weight) {
			return fmt.Sprintf("%s has weight %d of %d", s.Name, n, rec.Weight)
		}
		if s.IsBackup() != (how.ByPriority && int(rec.Priority) > lowest) {
			return fmt.Sprintf("%s of priority %d is a backup: %v", s.Name, rec.Priority, s.IsBackup())
		}
	}
	if all := len(w.p.Set().All); have != min(all, len(records)) {
		return fmt.Sprintf("%d of %d have one of %d records", have, all, len(records))
	}
	if how.ByPriority {
		for _, rec := range records {
			if !seen[fmt.Sprintf("%s:%d", rec.Target, rec.Port)] && int(rec.Priority) < lowest {
				return "a record of a lower priority has no server"
			}
		}
	}
	return ""
}

// 500 records are served after one answer, of one target and without additional records
// as well.
func TestManyRecords(t *testing.T) {
	w := newWorld(t, label+":0", template(500, proxy.Resolving{})...)
	v := w.service()
	var one, other strings.Builder
	for i := range 500 {
		fmt.Fprintf(&one, "h1:%d ", 1000+i)
		fmt.Fprintf(&other, "h%d:80@10.9.%d.%d ", i, i/250, i%250)
	}
	v.says("h1:999") // its address is known before the others come
	w.addresses("h1", "1.1.1.1")
	for _, list := range []string{one.String(), other.String(), one.String()} {
		w.lines = nil
		begun := clock.Mono()
		v.says(list)
		took := time.Duration(clock.Mono() - begun)
		w.addresses("h1", "1.1.1.1")
		if n := strings.Count(w.state(), ":"); n != 500 || took > 2*time.Second {
			t.Fatalf("%d servers in %v\n%s", n, took, w.state())
		}
		if n := strings.Count(strings.Join(w.lines, "\n"), " by 'SRV record'"); n < 499 || n > 500 {
			t.Errorf("%d names were given", n)
		}
	}
}
