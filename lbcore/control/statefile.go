package control

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"gohap/lbcore/check"
	"gohap/lbcore/config"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
)

// leastColumns is what a line of a state file has at least (reference).
const leastColumns = 20

// States are what state files say about the servers of a configuration. It belongs
// to who loads the configuration.
type States struct {
	of    map[*proxy.Server]*record
	order []*proxy.Server
}

// record is a line of a state file.
type record struct {
	saved                                      proxy.Saved
	addr                                       netip.Addr // invalid: none
	port                                       int
	weight, weight0                            int
	checks, agent                              int // bits
	checkAddr, checkPort, agentAddr, agentPort string
	host, service                              string // the name of the address, of the service; "" for none
}

// Tell takes a message about the files.
type Tell func(s config.Severity, text string)

// ReadStates reads the state files that backends name: the global one once, and
// those of their own. What is wrong in them is told and left out. It blocks on files.
func ReadStates(proxies []*proxy.Proxy, file, base string, tell Tell) *States {
	all := &States{of: map[*proxy.Server]*record{}}
	var global map[string][]string
	read := false
	for _, p := range proxies {
		if !p.IsBackend {
			continue
		}
		switch p.StateFrom {
		case proxy.StateLocal:
			name := inBase(base, orName(p.StateFile, p.Name))
			all.take(p, readStateFile(name, local(p, name), tell, func(be, id string) bool {
				if be == p.Name && id != strconv.Itoa(p.ID) {
					tell(config.Warning, fmt.Sprintf("Proxy '%s': backend ID mismatch: from server state file: '%s', from running config '%d'", p.Name, id, p.ID))
				}
				return be == p.Name
			}), tell)
		case proxy.StateGlobal:
			if file == "" {
				tell(config.Warning, fmt.Sprintf("backend '%s' configured to load server state file from global section 'server-state-file' directive. Unfortunately, 'server-state-file' is not set!", p.Name))
				continue
			}
			if !read {
				name := inBase(base, file)
				global, read = readStateFile(name, globally(name), tell, nil), true
			}
			all.take(p, global, tell)
		}
	}
	return all
}

func orName(file, name string) string {
	if file == "" {
		return name
	}
	return file
}

// inBase is where a file is that no slash begins.
func inBase(base, name string) string {
	if base == "" || strings.HasPrefix(name, "/") {
		return name
	}
	return filepath.Join(base, name)
}

// wording is how messages about a file read.
type wording struct{ open, empty, version, corrupt string }

func globally(name string) wording {
	return wording{
		open:    "config: Can't open global server state file '" + name + "': %s",
		version: "config: Can't get version of the global server state file '" + name + "'.",
		corrupt: "config: corrupted global server state file '" + name + "' at line %d.",
	}
}

func local(p *proxy.Proxy, name string) wording {
	return wording{
		open:    "Proxy '" + p.Name + "': Can't open server state file '" + name + "': %s.",
		empty:   "Proxy '" + p.Name + "': Empty server state file '" + name + "'.",
		version: "Proxy '" + p.Name + "': Can't get version of the server state file '" + name + "'.",
		corrupt: "Proxy '" + p.Name + "': corrupted server state file '" + name + "' at line %d.",
	}
}

// readStateFile returns the lines of a file by "backend/server"; keep chooses the
// backends, nil takes all.
func readStateFile(name string, w wording, tell Tell, keep func(backend, id string) bool) map[string][]string {
	f, err := os.Open(name)
	if err != nil {
		tell(config.Notice, strings.Replace(w.open, "%s", why(err), 1))
		return nil
	}
	defer f.Close()
	lines, text, at := parseStates(f, keep)
	switch {
	case text == "empty" && w.empty != "":
		tell(config.Notice, w.empty)
	case text == "version":
		tell(config.Warning, w.version)
	case text == "corrupt":
		tell(config.Warning, fmt.Sprintf(w.corrupt, at))
	}
	return lines
}

// why is the C library's text of an error.
func why(err error) string {
	var e syscall.Errno
	if errors.As(err, &e) {
		text := e.Error()
		return strings.ToUpper(text[:1]) + text[1:]
	}
	return err.Error()
}

// parseStates reads a state file up to its first fault: "empty", "version", or
// "corrupt" at a line that is counted from behind the version. Of two lines about a
// server the first counts. Lines have an end, the last too.
func parseStates(f io.Reader, keep func(backend, id string) bool) (lines map[string][]string, fault string, at int) {
	in := bufio.NewReader(f)
	first, err := in.ReadString('\n')
	switch {
	case first == "" && err != nil:
		return nil, "empty", 0
	case first != stateVersion+"\n":
		return nil, "version", 0
	}
	lines = map[string][]string{}
	for at = 1; ; at++ {
		line, err := in.ReadString('\n')
		if err != nil && line == "" {
			return lines, "", 0
		}
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		if err != nil || len(fields) < leastColumns {
			return lines, "corrupt", at
		}
		if keep != nil && !keep(fields[1], fields[0]) {
			continue
		}
		key := fields[1] + "/" + fields[3]
		if lines[key] == nil {
			lines[key] = fields
		}
	}
}

// take keeps what lines say about the servers of a backend, where they are right.
func (a *States) take(p *proxy.Proxy, lines map[string][]string, tell Tell) {
	for _, s := range p.Set().All {
		fields := lines[p.Name+"/"+s.Name]
		if fields == nil {
			continue
		}
		r, wrong := parseRecord(fields)
		if len(wrong) > 0 {
			tell(config.Warning, fmt.Sprintf("server-state application failed for server '%s/%s', %s", p.Name, s.Name, strings.Join(wrong, ", ")))
			continue
		}
		a.of[s] = r
		a.order = append(a.order, s)
	}
}

// parseRecord reads a line's columns and says which of them are wrong.
func parseRecord(f []string) (r *record, wrong []string) {
	r = &record{}
	number := func(i int, name string, least, most int) int {
		n, err := strconv.Atoi(f[i])
		if err != nil || n < least || n > most {
			wrong = append(wrong, fmt.Sprintf("invalid %s value '%s'", name, f[i]))
		}
		return n
	}
	const any = 1 << 40
	if ip, err := netip.ParseAddr(f[4]); err == nil {
		r.addr = ip
	}
	r.saved.Oper = proxy.Operational(number(5, "srv_op_state", 0, int(proxy.Stopping)))
	r.saved.Admin = proxy.Admin(number(6, "srv_admin_state", 0, 127))
	if both := proxy.ForcedMaint | proxy.ForcedDrain; r.saved.Admin&both == both && len(wrong) == 0 {
		wrong = append(wrong, fmt.Sprintf("invalid srv_admin_state value '%s'", f[6]))
	}
	r.weight = number(7, "srv_uweight", 0, 256)
	r.weight0 = number(8, "srv_iweight", 0, 256)
	r.saved.Since = int64(number(9, "srv_last_time_change", 0, any))
	r.saved.Status, _ = check.StatusOf(number(10, "srv_check_status", 0, check.Statuses-1))
	r.saved.Verdict = proxy.Verdict(number(11, "srv_check_result", 0, int(proxy.PassedConditionally)))
	r.saved.Health = number(12, "srv_check_health", -any, any)
	const allBits = checkOfAgent<<1 - 1
	r.checks = number(13, "srv_check_state", 0, allBits)
	r.agent = number(14, "srv_agent_state", 0, allBits)
	if f[17] != "-" {
		r.host = f[17]
	}
	if f[19] != "-" {
		r.service = f[19]
	}
	if r.port, _ = strconv.Atoi(f[18]); strings.Trim(f[18], "0123456789") != "" {
		r.port = 0 // reference: what is no number is none
	} else if r.port > 65535 {
		wrong = append(wrong, fmt.Sprintf("invalid srv_port value '%s'", f[18]))
	}
	for i, to := range []*string{&r.checkPort, &r.checkAddr, &r.agentAddr, &r.agentPort} {
		if at := 21 + i; at < len(f) && f[at] != "-" && f[at] != "0" {
			*to = f[at]
		}
	}
	return r, wrong
}

// Apply gives the servers the states that were read; once, before traffic.
func (a *States) Apply(c *check.Checker, tell Tell) {
	for _, s := range a.order {
		r := a.of[s]
		if r.weight0 == s.Weight0 { // reference: else the configuration was changed on purpose
			s.SetWeight(r.weight)
		}
		r.rename(s)
		r.move(s)
		c.Restore(s, &r.saved)
		if s.Check != nil && r.checks&(checkConfigured|checkEnabled) == checkConfigured {
			s.EnableChecks(false)
		}
		if s.Agent != nil && r.agent&(checkConfigured|checkEnabled) == checkConfigured {
			s.PauseAgent()
		}
		c.Moved(s)
		if text := r.probes(c, s); text != "" {
			tell(config.Warning, fmt.Sprintf("server-state partially applied for server '%s/%s', %s", s.Proxy.Name, s.Name, text))
		}
	}
}

// move takes the port, and the address of a server that the configuration names by a
// host's name.
func (r *record) move(s *proxy.Server) {
	old := s.Address()
	if !old.To.IP.IsValid() {
		return
	}
	at, ip, port := *old, old.To.IP.Addr(), int(old.To.IP.Port())
	if s.Host() != "" && r.addr.IsValid() {
		ip = r.addr
	}
	if at.Relative {
		at.Offset = r.port
	} else {
		port = r.port
	}
	at.To = loop.IPSockaddr(netip.AddrPortFrom(ip, uint16(port)))
	_, shown := at.Shown()
	at.Text = net.JoinHostPort(ip.String(), strconv.FormatUint(uint64(shown), 10))
	s.Move(&at)
}

// probes takes where checks and the agent went, up to the first fault, which it
// returns.
func (r *record) probes(c *check.Checker, s *proxy.Server) string {
	if r.checkAddr != "" || r.checkPort != "" {
		if s.Check == nil || s.ChecksOff() {
			return "health checks are not enabled on this server"
		}
		addr, port, fault := probeOf(r.checkAddr, r.checkPort)
		if fault != "" {
			return fault
		}
		c.MoveCheck(s, addr, port)
	}
	if r.agentAddr != "" || r.agentPort != "" {
		if s.Agent == nil || s.AgentOff() {
			return "agent checks are not enabled on this server"
		}
		addr, port, fault := probeOf(r.agentAddr, r.agentPort)
		if fault != "" {
			return fault
		}
		c.MoveAgent(s, addr, port)
	}
	return ""
}

// probeOf reads an address and a port, each perhaps absent.
func probeOf(addr, port string) (a netip.Addr, n int, fault string) {
	n = -1
	var err error
	if addr != "" {
		if a, err = netip.ParseAddr(addr); err != nil {
			return a, n, "invalid addr '" + addr + "'"
		}
	}
	if port != "" {
		if n, err = strconv.Atoi(port); err != nil {
			return a, n, "provided port is not an integer"
		}
		if n < 0 || n > 65535 {
			return a, n, "provided port is invalid"
		}
	}
	return a, n, ""
}

// SavedAddresses are the addresses that state files give servers, for the start: what
// is wrong in the files is told when they are read for everything else. It belongs to
// who loads the configuration.
type SavedAddresses struct {
	file, base string
	lines      map[string]map[string][]string // of each file
}

// NewSavedAddresses takes the names of the global file and of the directory.
func NewSavedAddresses(file, base string) *SavedAddresses {
	return &SavedAddresses{file: file, base: base, lines: map[string]map[string][]string{}}
}

// Of returns the address that a server had, invalid for none. It blocks on files.
func (a *SavedAddresses) Of(p *proxy.Proxy, server string) netip.Addr {
	name := ""
	switch p.StateFrom {
	case proxy.StateLocal:
		name = inBase(a.base, orName(p.StateFile, p.Name))
	case proxy.StateGlobal:
		name = inBase(a.base, a.file)
	}
	if name == "" || name == a.base {
		return netip.Addr{}
	}
	lines, read := a.lines[name]
	if !read {
		lines = readStateFile(name, wording{}, func(config.Severity, string) {}, nil)
		a.lines[name] = lines
	}
	fields := lines[p.Name+"/"+server]
	if fields == nil {
		return netip.Addr{}
	}
	if r, wrong := parseRecord(fields); len(wrong) == 0 {
		return r.addr
	}
	return netip.Addr{}
}

// rename takes the name that a server's address was of, where it is resolved while the
// process runs: one that an operator gave, or that of a service's record.
func (r *record) rename(s *proxy.Server) {
	res := s.Resolving
	switch {
	case res == nil || r.host == "":
	case res.Service == "" && r.saved.Admin&proxy.NameSet != 0:
		s.SetHost(r.host)
		s.SetOwnAdmin(proxy.NameSet, 0, 0)
	case res.Service != "" && r.service == res.Service && r.addr.IsValid() && r.port > 0:
		s.SetHost(r.host)
		s.SetOwnAdmin(proxy.NameSet, 0, 0)
		at := *s.Address()
		at.Relative, at.Offset = false, 0
		s.Move(&at)
	}
}
