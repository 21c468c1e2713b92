package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

type server struct {
	zone string
	nth  atomic.Int64 // queries so far
	mu   sync.Mutex
	log  *os.File
}

func main() {
	listen := flag.String("listen", "127.0.0.1:5353", "where to answer, over UDP and TCP")
	zone := flag.String("zone", "", "the file of records and deeds")
	log := flag.String("log", "", "where queries are written")
	flag.Parse()
	if err := run(*listen, *zone, *log); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(listen, zone, log string) error {
	s := &server{zone: zone}
	if log != "" {
		f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		s.log = f
	}
	ended := make(chan error, 2)
	for _, network := range []string{"udp", "tcp"} {
		d := &dns.Server{Addr: listen, Net: network, Handler: s}
		go func() { ended <- d.ListenAndServe() }()
	}
	return <-ended
}

// ServeDNS implements dns.Handler.
func (s *server) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	if len(query.Question) != 1 {
		return
	}
	q := query.Question[0]
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	s.note(q, tcp)
	z, err := readZone(s.zone)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	if z.does(q, "slow") {
		time.Sleep(300 * time.Millisecond)
	}
	switch {
	case z.does(q, "silent"):
		return
	case z.does(q, "garbage"):
		_, _ = w.Write([]byte("no message at all"))
		return
	}
	m := z.reply(query, tcp)
	z.vary(m, int(s.nth.Add(1)))
	if z.does(q, "spoof") && !tcp {
		elsewhere(w.RemoteAddr().String(), m)
		return
	}
	_ = w.WriteMsg(m) // who asked may be gone
}

func (s *server) note(q dns.Question, tcp bool) {
	if s.log == nil {
		return
	}
	over := "udp"
	if tcp {
		over = "tcp"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.log, "%s %s %s\n", over, q.Name, dns.TypeToString[q.Qtype])
}

// codes are the deeds that are response codes.
var codes = map[string]int{"nxdomain": dns.RcodeNameError, "refused": dns.RcodeRefused, "servfail": dns.RcodeServerFailure}

// reply makes the answer to a query.
func (z *zone) reply(query *dns.Msg, tcp bool) *dns.Msg {
	q := query.Question[0]
	m := new(dns.Msg).SetReply(query)
	for act, code := range codes {
		if z.does(q, act) {
			m.Rcode = code
			return m
		}
	}
	answer, exists := z.answer(q)
	switch {
	case z.does(q, "empty"):
	case !exists:
		m.Rcode = dns.RcodeNameError
	default:
		m.Answer = answer
		if !z.does(q, "noextra") {
			m.Extra = z.additional(answer)
		}
	}
	if z.does(q, "truncate") && !tcp {
		m.Truncated, m.Extra = true, nil
		m.Answer = m.Answer[:min(1, len(m.Answer))]
	}
	size := dns.MinMsgSize
	if o := query.IsEdns0(); o != nil {
		m.SetEdns0(o.UDPSize(), false)
		size = int(o.UDPSize())
	}
	if !tcp {
		m.Truncate(size)
	}
	if z.does(q, "wrongid") {
		m.Id++
	}
	if z.does(q, "wrongname") {
		m.Question[0].Name = "other.test."
	}
	if z.does(q, "upper") {
		m.Question[0].Name = strings.ToUpper(q.Name)
		for i, rr := range m.Answer {
			m.Answer[i] = dns.Copy(rr)
			m.Answer[i].Header().Name = strings.ToUpper(rr.Header().Name)
		}
	}
	return m
}

// vary changes an answer from query to query.
func (z *zone) vary(m *dns.Msg, nth int) {
	q, all := m.Question[0], m.Answer
	switch {
	case z.does(q, "burst") && nth%5 != 0:
		m.Rcode, m.Answer, m.Extra = dns.RcodeNameError, nil, nil
	case z.does(q, "half"):
		m.Answer = nil
		for i, rr := range all {
			if i%2 == nth%2 {
				m.Answer = append(m.Answer, rr)
			}
		}
	case z.does(q, "twice"):
		m.Answer = append(slices.Clone(all), all...)
	case z.does(q, "rotate") && len(all) > 0:
		n := nth % len(all)
		m.Answer = append(slices.Clone(all[n:]), all[:n]...)
	}
}

// elsewhere sends an answer from a port that was not asked.
func elsewhere(to string, m *dns.Msg) {
	c, err := net.Dial("udp", to)
	if err != nil {
		return
	}
	defer c.Close()
	if p, err := m.Pack(); err == nil {
		_, _ = c.Write(p) // a spoofer hears nothing
	}
}
