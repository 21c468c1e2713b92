// Command dnsd is a name server whose answers a file scripts, for scenarios and tests.
//
//	dnsd -listen 127.53.0.1:5353 -zone FILE [-log FILE]
//
// It answers over UDP and TCP and reads the file anew for each query. A line is a
// record, "a.test. 30 IN A 127.0.0.1", or says what to do beyond answering about a
// name, perhaps of one type: "a.test do nxdomain", "a.test/AAAA do silent", "* do
// log". What can be done:
//
//	nxdomain refused servfail   that code, no record
//	empty          no record      silent      no answer
//	truncate       over UDP: the first record and TC; over TCP all
//	wrongid wrongname             another id; another question
//	spoof          from another port
//	upper          the question and the names in upper case
//	noextra        no additional records
//	garbage        bytes that are no message
//	slow           after 300 ms
//
// Each query is written to the log: its transport, name and type.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

type server struct {
	zone string
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
