package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/miekg/dns"
)

// zone is what a file says at the moment of a query.
type zone struct {
	records []dns.RR
	acts    map[string][]string // by name, or name and type, in lower case
}

// readZone reads the file: it is small, and changes under the server.
func readZone(path string) (*zone, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	z := &zone{acts: map[string][]string{}}
	for n, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, act, ok := strings.Cut(line, " do "); ok {
			name = key(name)
			z.acts[name] = append(z.acts[name], strings.Fields(act)...)
			continue
		}
		rr, err := dns.NewRR(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n+1, err)
		}
		z.records = append(z.records, rr)
	}
	return z, nil
}

// key is a name without its last dot, in lower case; a type behind a slash stays.
func key(name string) string {
	name, kind, typed := strings.Cut(strings.TrimSpace(name), "/")
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if typed {
		name += "/" + strings.ToLower(kind)
	}
	return name
}

// does tells whether something is to be done about a question.
func (z *zone) does(q dns.Question, act string) bool {
	for _, at := range []string{key(q.Name), key(q.Name) + "/" + strings.ToLower(dns.TypeToString[q.Qtype]), "*"} {
		for _, a := range z.acts[at] {
			if a == act {
				return true
			}
		}
	}
	return false
}

// answer returns the records of a question, aliases followed as far as they go, and
// whether the name exists.
func (z *zone) answer(q dns.Question) (all []dns.RR, exists bool) {
	name := key(q.Name)
	for range 9 {
		next := ""
		for _, rr := range z.records {
			if key(rr.Header().Name) != name {
				continue
			}
			exists = true
			switch alias, ok := rr.(*dns.CNAME); {
			case rr.Header().Rrtype == q.Qtype:
				all = append(all, rr)
			case ok:
				all = append(all, rr)
				next = key(alias.Target)
			}
		}
		if next == "" {
			break
		}
		name = next
	}
	return all, exists
}

// additional returns the addresses of the targets of SRV records.
func (z *zone) additional(answer []dns.RR) (all []dns.RR) {
	for _, rr := range answer {
		srv, ok := rr.(*dns.SRV)
		if !ok {
			continue
		}
		for _, a := range z.records {
			t := a.Header().Rrtype
			if (t == dns.TypeA || t == dns.TypeAAAA) && key(a.Header().Name) == key(srv.Target) {
				all = append(all, a)
			}
		}
	}
	return all
}
