package resolvers

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// play is a name server on loopback whose answers a test scripts.
type play struct {
	addr   netip.AddrPort
	mu     sync.Mutex
	answer func(q dns.Question, tcp bool, m *dns.Msg) bool // false: none is sent
	asked  []string
}

func newPlay(t *testing.T, answer func(q dns.Question, tcp bool, m *dns.Msg) bool) *play {
	t.Helper()
	p := &play{answer: answer}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = netip.MustParseAddrPort(l.Addr().String())
	u, err := net.ListenPacket("udp", p.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{Listener: l, Handler: p}, {PacketConn: u, Handler: p}} {
		go s.ActivateAndServe()
		t.Cleanup(func() { s.Shutdown() })
	}
	return p
}

func (p *play) script(answer func(q dns.Question, tcp bool, m *dns.Msg) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *play) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.asked, " ")
}

// ServeDNS implements dns.Handler.
func (p *play) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	q := r.Question[0]
	m := new(dns.Msg).SetReply(r)
	p.mu.Lock()
	p.asked = append(p.asked, fmt.Sprintf("%s%s", map[bool]string{true: "tcp:"}[tcp], dns.TypeToString[q.Qtype]))
	answer := p.answer
	p.mu.Unlock()
	if answer(q, tcp, m) {
		_ = w.WriteMsg(m)
	}
}

// records answers with lines of the type that was asked for.
func records(lines ...string) func(dns.Question, bool, *dns.Msg) bool {
	return func(q dns.Question, _ bool, m *dns.Msg) bool {
		for _, line := range lines {
			if rr, err := dns.NewRR(line); err != nil {
				panic(err)
			} else if rr.Header().Rrtype == q.Qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
		return true
	}
}

func rcode(n int) func(dns.Question, bool, *dns.Msg) bool {
	return func(_ dns.Question, _ bool, m *dns.Msg) bool { m.Rcode = n; return true }
}

func mute(dns.Question, bool, *dns.Msg) bool { return false }

// asking makes a section with servers and short times.
func asking(t *testing.T, servers ...*play) *Section {
	s := New("r")
	s.Resolve, s.Retry, s.Retries = 20*time.Millisecond, 200*time.Millisecond, 2
	for i, p := range servers {
		s.Add(&Nameserver{Name: fmt.Sprintf("n%d", i+1), Addr: p.addr})
	}
	t.Cleanup(s.Stop)
	return s
}

// heard is what a watch was told.
type heard chan string

func (h heard) tell(e *Event) {
	text := fmt.Sprint(e.Addresses)
	switch {
	case e.Status != Valid:
		text = fmt.Sprintf("status %d", e.Status)
	case e.Services != nil:
		text = fmt.Sprint(e.Services)
	}
	h <- text + " by " + e.Origin()
}

func (h heard) want(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-h:
		if got != want {
			t.Fatalf("told %s, want %s", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("not told %s", want)
	}
}

func watch(t *testing.T, s *Section, name string, k Kind) (heard, *Watch) {
	t.Helper()
	h := make(heard, 100)
	w, err := s.Watch(name, k, h.tell)
	if err != nil {
		t.Fatal(err)
	}
	return h, w
}

func TestWatchChanges(t *testing.T) {
	p := newPlay(t, records("a.test. 30 A 1.2.3.4", "a.test. 30 A 1.2.3.5"))
	s := asking(t, p)
	s.Hold[NX] = 0
	h, _ := watch(t, s, "A.test.", PreferIPv4)
	s.Start()
	h.want(t, "[1.2.3.4 1.2.3.5] by r/n1")
	p.script(records("a.test. 30 A 1.2.3.5", "a.test. 30 A 1.2.3.4")) // the order alone is no news
	again, w := watch(t, s, "a.test", PreferIPv4)
	again.want(t, "[1.2.3.4 1.2.3.5] by DNS cache")
	w.Stop()
	p.script(records("a.test. 30 A 1.2.3.6"))
	h.want(t, "[1.2.3.6] by r/n1")
	p.script(rcode(dns.RcodeNameError))
	h.want(t, "status 1 by DNS cache")
	p.script(records("a.test. 30 A 1.2.3.6"))
	h.want(t, "[1.2.3.6] by r/n1")
	if n := s.Servers[0].Update.Load(); n != 3 {
		t.Errorf("%d updates", n)
	}
}

// The other family is asked where the first has nothing, and errors are told once all
// tries are used up.
func TestFamilies(t *testing.T) {
	p := newPlay(t, records("a.test. 30 A 1.2.3.4"))
	s := asking(t, p)
	s.Resolve = time.Hour
	h, _ := watch(t, s, "a.test", PreferIPv6)
	s.Start()
	h.want(t, "[1.2.3.4] by r/n1")
	if got := p.log(); got != "AAAA A" {
		t.Errorf("asked for %s", got)
	}
	only := asking(t, p)
	only.Resolve = time.Hour
	only.Hold[Other] = 0
	only.Families = func() Families { return Families{IPv6: true} }
	h, _ = watch(t, only, "a.test", PreferIPv4)
	only.Start()
	h.want(t, "status 4 by DNS cache")
	if got := p.log(); got != "AAAA A AAAA AAAA" {
		t.Errorf("asked for %s", got)
	}
}

// What does not fit, or says so, is asked for over TCP at once.
func TestTruncated(t *testing.T) {
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("a.test. 30 A 10.0.0.%d", i))
	}
	for name, cut := range map[string]func(*dns.Msg){
		"flagged": func(m *dns.Msg) { m.Truncated, m.Answer = true, m.Answer[:1] },
		"large":   func(*dns.Msg) {},
	} {
		p := newPlay(t, func(q dns.Question, tcp bool, m *dns.Msg) bool {
			records(lines...)(q, tcp, m)
			if !tcp {
				cut(m)
			}
			return true
		})
		s := asking(t, p)
		s.Resolve = time.Hour
		h := make(heard, 1)
		if _, err := s.Watch("a.test", PreferIPv4, func(e *Event) { h <- fmt.Sprint(len(e.Addresses)) }); err != nil {
			t.Fatal(err)
		}
		s.Start()
		h.want(t, "100")
		if got := p.log(); got != "A tcp:A" {
			t.Errorf("%s: asked %s", name, got)
		}
		n := s.Servers[0]
		if n.Truncated.Load()+n.TooBig.Load() != 1 || n.Valid.Load() != 1 || n.Sent.Load() != 2 {
			t.Errorf("%s: truncated %d, too big %d, valid %d, sent %d", name, n.Truncated.Load(), n.TooBig.Load(), n.Valid.Load(), n.Sent.Load())
		}
	}
}

// A forged answer in front of the right one does no harm.
func TestForged(t *testing.T) {
	for name, forge := range map[string]func(*dns.Msg){
		"id":       func(m *dns.Msg) { m.Id++ },
		"question": func(m *dns.Msg) { m.Question[0].Name = "b.test." },
		"query":    func(m *dns.Msg) { m.Response = false },
	} {
		p := newPlay(t, nil)
		p.script(func(q dns.Question, _ bool, m *dns.Msg) bool { return records("a.test. 30 A 1.2.3.4")(q, false, m) })
		forged := &forger{p, forge}
		u, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		d := &dns.Server{PacketConn: u, Handler: forged}
		go d.ActivateAndServe()
		t.Cleanup(func() { d.Shutdown() })
		s := asking(t)
		s.Resolve = time.Hour
		s.Add(&Nameserver{Name: "n1", Addr: netip.MustParseAddrPort(u.LocalAddr().String())})
		h, _ := watch(t, s, "a.test", PreferIPv4)
		s.Start()
		h.want(t, "[1.2.3.4] by r/n1")
		if n := s.Servers[0]; n.Invalid.Load()+n.Outdated.Load() != 1 {
			t.Errorf("%s: invalid %d, outdated %d", name, n.Invalid.Load(), n.Outdated.Load())
		}
	}
}

// forger sends a forged answer first.
type forger struct {
	*play
	forge func(*dns.Msg)
}

// ServeDNS implements dns.Handler.
func (f *forger) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	m := new(dns.Msg).SetReply(r)
	records("a.test. 30 A 6.6.6.6")(r.Question[0], false, m)
	f.forge(m)
	_ = w.WriteMsg(m)
	f.play.ServeDNS(w, r)
}

// The first valid answer is taken, whatever faster servers say.
func TestFirstValid(t *testing.T) {
	refusing, dumb := newPlay(t, rcode(dns.RcodeRefused)), newPlay(t, mute)
	right := newPlay(t, records("a.test. 30 A 1.2.3.4"))
	s := asking(t, refusing, dumb, right)
	s.Resolve = time.Hour
	h, _ := watch(t, s, "a.test", PreferIPv4)
	s.Start()
	h.want(t, "[1.2.3.4] by r/n3")
}

// Without any valid answer the error counts that came, not the silence.
func TestErrors(t *testing.T) {
	for want, answers := range map[string][]func(dns.Question, bool, *dns.Msg) bool{
		"status 1": {mute, rcode(dns.RcodeNameError)},
		"status 2": {rcode(dns.RcodeRefused)},
		"status 3": {mute, mute},
		"status 4": {rcode(dns.RcodeServerFailure), mute},
	} {
		var servers []*play
		for _, a := range answers {
			servers = append(servers, newPlay(t, a))
		}
		s := asking(t, servers...)
		s.Retry, s.Resolve = 30*time.Millisecond, time.Hour
		s.Hold = [statuses]time.Duration{}
		h, _ := watch(t, s, "a.test", PreferIPv4)
		s.Start()
		h.want(t, want+" by DNS cache")
	}
}

// Errors are passed over while the last valid answer is not older than hold says; a
// silence with hold stale longer than that.
func TestHold(t *testing.T) {
	var now atomicTime
	p := newPlay(t, records("a.test. 30 A 1.2.3.4"))
	s := asking(t, p)
	s.now, s.Retry = now.read, 10*time.Millisecond
	s.Hold[Refused], s.Hold[Timeout], s.Stale = time.Minute, time.Second, time.Hour
	h, _ := watch(t, s, "a.test", PreferIPv4)
	s.Start()
	h.want(t, "[1.2.3.4] by r/n1")
	p.script(rcode(dns.RcodeRefused))
	asked := func() uint64 { return s.Servers[0].Refused.Load() + s.Servers[0].Timeout.Load() }
	passes := func(n uint64) {
		for from := asked(); asked() < from+n; <-time.After(time.Millisecond) {
		}
	}
	passes(6)
	quiet := func() {
		t.Helper()
		select {
		case got := <-h:
			t.Fatalf("told %s", got)
		default:
		}
	}
	quiet()
	p.script(mute)
	passes(6)
	now.set(int64(59 * time.Minute))
	passes(6)
	quiet()
	p.script(rcode(dns.RcodeRefused))
	h.want(t, "status 2 by DNS cache")
	p.script(records("a.test. 30 A 1.2.3.4"))
	h.want(t, "[1.2.3.4] by r/n1")
	p.script(mute)
	now.set(int64(3 * time.Hour))
	h.want(t, "status 3 by DNS cache")
}

type atomicTime struct {
	mu sync.Mutex
	ns int64
}

func (a *atomicTime) read() int64 { a.mu.Lock(); defer a.mu.Unlock(); return a.ns }
func (a *atomicTime) set(n int64) { a.mu.Lock(); defer a.mu.Unlock(); a.ns = n }

// A record that answers have no more stays until it is obsolete.
func TestObsolete(t *testing.T) {
	var now atomicTime
	p := newPlay(t, records("a.test. 30 A 1.2.3.4", "a.test. 30 A 1.2.3.5"))
	s := asking(t, p)
	s.now, s.Obsolete = now.read, time.Minute
	h, _ := watch(t, s, "a.test", PreferIPv4)
	s.Start()
	h.want(t, "[1.2.3.4 1.2.3.5] by r/n1")
	p.script(records("a.test. 30 A 1.2.3.5", "a.test. 30 A 1.2.3.6"))
	h.want(t, "[1.2.3.4 1.2.3.5 1.2.3.6] by r/n1")
	now.set(int64(time.Minute) + 1)
	h.want(t, "[1.2.3.5 1.2.3.6] by r/n1")
}

// With hold ttl a name is asked for again when its records have lived long enough.
func TestTTL(t *testing.T) {
	s := New("r")
	s.Resolve, s.Floor, s.Ceiling = time.Hour, 5*time.Second, time.Minute
	r := &resolution{section: s}
	for ttl, want := range map[uint32]time.Duration{1: 5 * time.Second, 30: 30 * time.Second, 3600: time.Minute} {
		if got := r.due(reply{answer: answer{ttl: ttl}}); got != want {
			t.Errorf("of %d: %v, want %v", ttl, got, want)
		}
	}
	if got := r.due(reply{verdict: nx}); got != time.Hour {
		t.Errorf("of an error: %v", got)
	}
}

// Who has a watch asks again when it wants to.
func TestNow(t *testing.T) {
	p := newPlay(t, records("a.test. 30 A 1.2.3.4"))
	s := asking(t, p)
	s.Resolve = time.Hour
	h, w := watch(t, s, "a.test", PreferIPv4)
	s.Start()
	h.want(t, "[1.2.3.4] by r/n1")
	p.script(records("a.test. 30 A 1.2.3.5"))
	w.Now()
	h.want(t, "[1.2.3.5] by r/n1")
}

// A server that is asked over TCP alone.
func TestTCP(t *testing.T) {
	p := newPlay(t, records("_w._tcp.test. 30 SRV 1 2 80 h.test."))
	s := asking(t)
	s.Resolve = time.Hour
	s.Add(&Nameserver{Name: "n1", Addr: p.addr, TCP: true, Most: 1})
	h, _ := watch(t, s, "_w._tcp.test", Services)
	s.Start()
	h.want(t, "[{h.test 80 2 1 []}] by r/n1")
	if got := p.log(); got != "tcp:SRV" {
		t.Errorf("asked %s", got)
	}
}

// Lookups of one name share a query, have each address in its turn, and are told when
// there is none.
func TestLookup(t *testing.T) {
	gate := make(chan struct{})
	p := newPlay(t, func(q dns.Question, tcp bool, m *dns.Msg) bool {
		<-gate
		return records("a.test. 30 A 1.2.3.4", "a.test. 30 A 1.2.3.5")(q, tcp, m)
	})
	s := asking(t, p)
	s.Retry = 10 * time.Second
	var now atomicTime
	s.now = now.read
	s.Start()
	got := make(chan netip.Addr, 2)
	for range 2 {
		if _, known := s.Lookup("a.test", PreferIPv4, func(a netip.Addr) { got <- a }); known {
			t.Fatal("known before it was asked for")
		}
	}
	close(gate)
	if a, b := <-got, <-got; a.String() != "1.2.3.4" || b.String() != "1.2.3.5" {
		t.Errorf("%v, %v", a, b)
	}
	if a, known := s.Lookup("A.test", PreferIPv4, nil); !known || a.String() != "1.2.3.4" {
		t.Errorf("%v, known %v", a, known)
	}
	if got := p.log(); got != "A" {
		t.Errorf("asked for %s", got)
	}
	now.set(int64(s.Hold[Valid]) + 1)
	p.script(rcode(dns.RcodeNameError))
	if _, known := s.Lookup("a.test", PreferIPv4, func(a netip.Addr) { got <- a }); known {
		t.Error("known although it is too old")
	}
	if a := <-got; a.IsValid() {
		t.Errorf("%v", a)
	}
	if a, known := s.Lookup("no name", PreferIPv4, nil); !known || a.IsValid() {
		t.Errorf("%v, known %v", a, known)
	}
}

// Names that requests brought are forgotten when there are too many.
func TestForget(t *testing.T) {
	s := New("r")
	for i := range mostFound + 5 {
		s.found[key{name: fmt.Sprint(i)}] = &found{valid: s.now()}
	}
	s.forget(key{name: "1"}, s.now())
	if n := len(s.found); n != mostFound || s.found[key{name: "1"}] == nil {
		t.Errorf("%d names, the new one %v", n, s.found[key{name: "1"}])
	}
}

// A name that does not exist is asked for once a try, and a try begins when the time
// for an answer is over: errors make no burst of queries.
func TestPace(t *testing.T) {
	p := newPlay(t, rcode(dns.RcodeNameError))
	s := asking(t, p)
	s.Retries, s.Retry, s.Resolve, s.Hold[NX] = 3, 50*time.Millisecond, time.Hour, 0
	h, _ := watch(t, s, "a.test", PreferIPv4)
	begun := s.now()
	s.Start()
	h.want(t, "status 1 by DNS cache")
	if took := time.Duration(s.now() - begun); took < 2*s.Retry {
		t.Errorf("three tries in %v", took)
	}
	if got := p.log(); got != "A AAAA A AAAA A AAAA" {
		t.Errorf("asked for %s", got)
	}
}

// However many watch a name, in whatever letters, it is asked for once.
func TestOneResolution(t *testing.T) {
	p := newPlay(t, records("a.test. 30 A 1.2.3.4"))
	s := asking(t, p)
	s.Resolve = time.Hour
	var all []heard
	for _, name := range []string{"a.test", "A.Test", "a.test.", "a.TEST."} {
		h, _ := watch(t, s, name, PreferIPv4)
		all = append(all, h)
	}
	s.Start()
	all[0].want(t, "[1.2.3.4] by r/n1")
	for _, h := range all[1:] {
		h.want(t, "[1.2.3.4] by DNS cache")
	}
	if got := p.log(); got != "A" {
		t.Errorf("asked for %s", got)
	}
}

// Those who watch a service are told of each valid answer, for operators may have
// changed what records say; of addresses only when they change.
func TestServicesToldAlways(t *testing.T) {
	p := newPlay(t, records("_w._tcp.test. 30 SRV 1 2 80 h.test.", "a.test. 30 A 1.2.3.4"))
	s := asking(t, p)
	h, _ := watch(t, s, "_w._tcp.test", Services)
	a, _ := watch(t, s, "a.test", PreferIPv4)
	s.Start()
	for range 3 {
		h.want(t, "[{h.test 80 2 1 []}] by r/n1")
	}
	a.want(t, "[1.2.3.4] by r/n1")
	select {
	case got := <-a:
		t.Errorf("told %s", got)
	default:
	}
}
