package resolvers

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// Service is a record of a service: a server of it.
type Service struct {
	Target   string // in lower case, without the last dot
	Port     uint16
	Weight   uint16
	Priority uint16
	// Addresses are those of the target that came with the answer; none: they have to
	// be asked for.
	Addresses []netip.Addr
}

// same tells whether two records name the same server.
func (s *Service) same(o *Service) bool { return s.Target == o.Target && s.Port == o.Port }

// answer is what a valid message says.
type answer struct {
	addresses []netip.Addr
	services  []Service
	ttl       uint32 // the lowest of its records, seconds
	aliased   bool
}

// verdict is what a message comes to.
type verdict uint8

const (
	good      verdict = iota
	silent            // none came in time
	nx                // the name does not exist
	refused           // the server does not answer such questions
	other             // another error code
	empty             // no record of that type
	badAlias          // aliases that lead nowhere
	truncated         // there is more than fits
	tooBig            // it is larger than what is accepted
	invalid           // no answer to the question
	outdated          // of a query that is no more
)

// status is what a verdict means to who watches the name.
func (v verdict) status() Status {
	switch v {
	case good:
		return Valid
	case silent:
		return Timeout
	case nx:
		return NX
	case refused:
		return Refused
	}
	return Other
}

// question is a query that is under way.
type question struct {
	id   uint16
	name string // in lower case, without the last dot
	kind uint16 // the record type
}

// The record types that are asked for.
const (
	typeA    = dns.TypeA
	typeAAAA = dns.TypeAAAA
	typeSRV  = dns.TypeSRV
)

// errName is a name that cannot be asked for.
var errName = errors.New("no domain name")

// canonical brings a name into the form that names are compared in.
func canonical(name string) (string, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if _, ok := dns.IsDomainName(name); !ok || name == "" || strings.ContainsAny(name, "\\ ") {
		return "", errName
	}
	return name, nil
}

// IsName tells whether a text can be asked for as a name.
func IsName(name string) bool {
	_, err := canonical(name)
	return err == nil
}

// newQuestion makes a question with an id that nobody can guess.
func newQuestion(name string, kind uint16) question {
	return question{id: dns.Id(), name: name, kind: kind}
}

// pack is the query's message; payload is the largest answer that is accepted, bytes.
func (q question) pack(payload int) ([]byte, error) {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(q.name), q.kind)
	m.Id = q.id
	m.SetEdns0(uint16(payload), false)
	return m.Pack()
}

// headerSize is what each message has at least.
const headerSize = 12

// parse reads a message that came from where the query went.
func (q question) parse(packet []byte) (a answer, v verdict) {
	switch {
	case len(packet) < headerSize:
		return a, invalid
	case binary.BigEndian.Uint16(packet) != q.id:
		return a, outdated
	}
	var m dns.Msg
	err := m.Unpack(packet)
	switch {
	case !m.Response, !q.asked(&m):
		return a, invalid
	case m.Truncated:
		return a, truncated
	case err != nil:
		return a, invalid
	}
	switch m.Rcode {
	case dns.RcodeSuccess:
	case dns.RcodeNameError:
		return a, nx
	case dns.RcodeRefused:
		return a, refused
	default:
		return a, other
	}
	return q.records(&m)
}

// asked tells whether a message has the question; one that tells of an error may have
// none.
func (q question) asked(m *dns.Msg) bool {
	if len(m.Question) == 0 {
		return m.Rcode != dns.RcodeSuccess
	}
	one := m.Question[0]
	return len(m.Question) == 1 && one.Qtype == q.kind && one.Qclass == dns.ClassINET && fold(one.Name) == q.name
}

func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// records takes what the answer section says of the name, and of what it is an alias
// of.
func (q question) records(m *dns.Msg) (a answer, v verdict) {
	aliases := map[string]string{}
	for _, rr := range m.Answer {
		if c, ok := rr.(*dns.CNAME); ok {
			aliases[fold(c.Hdr.Name)] = fold(c.Target)
			a.lower(&c.Hdr)
		}
	}
	name := q.name
	for range len(aliases) {
		if to := aliases[name]; to != "" {
			name, a.aliased = to, true
		}
	}
	if aliases[name] != "" { // it goes on behind as many steps as there are aliases
		return a, badAlias
	}
	for _, rr := range m.Answer {
		if h := rr.Header(); h.Rrtype == q.kind && h.Class == dns.ClassINET && fold(h.Name) == name {
			a.take(rr)
		}
	}
	switch {
	case len(a.addresses) > 0:
	case len(a.services) > 0:
		a.additional(m.Extra)
	case a.aliased:
		return a, badAlias
	default:
		return a, empty
	}
	return a, good
}

// lower keeps the lowest time to live.
func (a *answer) lower(h *dns.RR_Header) {
	if a.ttl == 0 || h.Ttl < a.ttl {
		a.ttl = max(h.Ttl, 1)
	}
}

// take adds a record, once.
func (a *answer) take(rr dns.RR) {
	switch r := rr.(type) {
	case *dns.SRV:
		s := Service{Target: fold(r.Target), Port: r.Port, Weight: r.Weight, Priority: r.Priority}
		if s.Target == "" { // RFC 2782: the service is not there
			return
		}
		for i := range a.services {
			if a.services[i].same(&s) {
				return
			}
		}
		a.services = append(a.services, s)
	default:
		ip, ok := addressOf(rr)
		if !ok {
			return
		}
		for _, o := range a.addresses {
			if o == ip {
				return
			}
		}
		a.addresses = append(a.addresses, ip)
	}
	a.lower(rr.Header())
}

// addressOf is the address of an A or AAAA record.
func addressOf(rr dns.RR) (ip netip.Addr, ok bool) {
	switch r := rr.(type) {
	case *dns.A:
		ip, ok = netip.AddrFromSlice(r.A.To4())
	case *dns.AAAA:
		ip, ok = netip.AddrFromSlice(r.AAAA.To16())
	}
	return ip, ok
}

// additional gives services the addresses that came along.
func (a *answer) additional(extra []dns.RR) {
	for _, rr := range extra {
		ip, ok := addressOf(rr)
		if !ok {
			continue
		}
		for i := range a.services {
			if s := &a.services[i]; s.Target == fold(rr.Header().Name) {
				s.Addresses = append(s.Addresses, ip)
				a.lower(rr.Header())
			}
		}
	}
}
