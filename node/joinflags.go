package node

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gohap/cluster/admin"
	"gohap/cluster/keyring"
	"gohap/cluster/member"
)

// defaultPort is the fleet's port where none is said.
const defaultPort = 9410

// joinFlags are the options of join.
type joinFlags struct {
	peers     []string
	name      string
	bind      string
	advertise string
	port      uint16
	dir       string
	secret    string
	expect    int
	voters    int
	socket    string
	noSecret  bool
	vip       netip.Addr
	track     string
}

// A joinRow is one option of join.
type joinRow struct {
	name, arg, summary string
	set                func(f *joinFlags, v string) error
}

func joinText(at func(*joinFlags) *string) func(*joinFlags, string) error {
	return func(f *joinFlags, v string) error {
		*at(f) = v
		return nil
	}
}

func joinNumber(low, high int, at func(*joinFlags, int)) func(*joinFlags, string) error {
	return func(f *joinFlags, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < low || n > high {
			return fmt.Errorf("a number from %d to %d, not %q", low, high, v)
		}
		at(f, n)
		return nil
	}
}

var joinRows = []joinRow{
	{"--peers", "a,b,c", "nodes of the fleet, this one among them, the same on every node", func(f *joinFlags, v string) error {
		for p := range strings.SplitSeq(v, ",") {
			if p = strings.TrimSpace(p); p != "" {
				f.peers = append(f.peers, p)
			}
		}
		return nil
	}},
	{"--name", "NAME", "this node's name, also as a peer (default: the host's)", joinText(func(f *joinFlags) *string { return &f.name })},
	{"--bind", "ADDRESS", "where the fleet's port listens (default: everywhere)", joinText(func(f *joinFlags) *string { return &f.bind })},
	{"--advertise", "ADDRESS", "where the others reach it (default: found out)", joinText(func(f *joinFlags) *string { return &f.advertise })},
	{"--port", "N", "the fleet's port, TCP and UDP (default: 9410)", joinNumber(1, 65535, func(f *joinFlags, n int) { f.port = uint16(n) })},
	{"--data-dir", "DIR", "what the node keeps (default: " + admin.DefaultDir + ")", joinText(func(f *joinFlags) *string { return &f.dir })},
	{"--secret-file", "FILE", "the fleet's secret, of 'gohap keys new'", joinText(func(f *joinFlags) *string { return &f.secret })},
	{"--bootstrap-expect", "N", "founding nodes, where --peers does not name each", joinNumber(1, 1000, func(f *joinFlags, n int) { f.expect = n })},
	{"--max-voters", "N", "nodes that vote at the most (default: 5)", joinNumber(1, 9, func(f *joinFlags, n int) { f.voters = n })},
	{"--control-socket", "PATH", "what the tool gohap asks (default: in the data directory)", joinText(func(f *joinFlags) *string { return &f.socket })},
	{"--vip", "ADDRESS", "the address that keepalived moves between the nodes", func(f *joinFlags, v string) (err error) {
		f.vip, err = netip.ParseAddr(v)
		return err
	}},
	{"--track-file", "PATH", "what keepalived's track_file reads (default: in the data directory)", joinText(func(f *joinFlags) *string { return &f.track })},
	{"--insecure-no-secret", "", "a fleet beyond loopback that everybody can join", func(f *joinFlags, _ string) error { f.noSecret = true; return nil }},
}

// parseJoin takes join's own options out of a command line and returns the rest.
func parseJoin(args []string) (f *joinFlags, rest []string, err error) {
	f = &joinFlags{dir: admin.DefaultDir, port: defaultPort}
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		name, value, glued := strings.Cut(a, "=")
		row := -1
		for i := range joinRows {
			if joinRows[i].name == name {
				row = i
			}
		}
		switch {
		case row < 0 && strings.HasPrefix(a, "--") && a != "--":
			return nil, nil, fmt.Errorf("join has no option %s", a)
		case row < 0:
			rest = append(rest, a)
			continue
		}
		r := &joinRows[row]
		if r.arg != "" && !glued {
			if len(args) == 0 {
				return nil, nil, fmt.Errorf("%s wants %s", r.name, r.arg)
			}
			value, args = args[0], args[1:]
		}
		if err := r.set(f, value); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return f, rest, f.complete()
}

// complete fills in what was not said and says what is missing.
func (f *joinFlags) complete() error {
	if len(f.peers) == 0 {
		return errors.New("--peers is missing: the nodes of the fleet, this one among them, as in --peers lb1,lb2,lb3")
	}
	if f.name == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("--name is missing and the host has none: %w", err)
		}
		f.name = host
	}
	if err := member.CheckName(f.name); err != nil {
		return fmt.Errorf("--name: %w", err)
	}
	if f.expect > 0 && f.expect*2 <= len(f.peers) {
		return fmt.Errorf("--bootstrap-expect %d: more than half of the %d nodes of --peers are needed", f.expect, len(f.peers))
	}
	if f.socket == "" {
		f.socket = filepath.Join(f.dir, admin.Socket)
	}
	if f.track == "" {
		f.track = filepath.Join(f.dir, admin.TrackFile)
	}
	if path, err := filepath.Abs(f.track); err == nil { // keepalived has another directory
		f.track = path
	}
	return nil
}

// vipText is the fleet's address, "" for none.
func (f *joinFlags) vipText() string {
	if f.vip.IsValid() {
		return f.vip.String()
	}
	return ""
}

// secrets reads the file of secrets; without one only loopback will do.
func (f *joinFlags) secrets(at netip.Addr) ([]keyring.Secret, error) {
	if f.secret != "" {
		return keyring.ReadFile(f.secret)
	}
	if !at.IsLoopback() && !f.noSecret {
		return nil, fmt.Errorf("a fleet at %s needs a secret: 'gohap keys new --out FILE', the same file on every node, and --secret-file FILE; or say --insecure-no-secret", at)
	}
	return nil, nil
}

// listen opens the fleet's port and finds where others reach it.
func (f *joinFlags) listen() (l net.Listener, p net.PacketConn, at netip.AddrPort, err error) {
	host := net.JoinHostPort(f.bind, strconv.Itoa(int(f.port)))
	if l, err = net.Listen("tcp", host); err != nil {
		return nil, nil, at, fmt.Errorf("the fleet's port: %w", err)
	}
	if p, err = net.ListenPacket("udp", host); err != nil {
		l.Close()
		return nil, nil, at, fmt.Errorf("the fleet's port: %w", err)
	}
	addr, err := f.reached()
	if err != nil {
		l.Close()
		p.Close()
		return nil, nil, at, err
	}
	return l, p, netip.AddrPortFrom(addr, f.port), nil
}

// reached is the address at which others reach this node: what was said, else the
// address among --peers that is this machine's, else one that the machine has.
func (f *joinFlags) reached() (netip.Addr, error) {
	for _, said := range []string{f.advertise, f.bind} {
		if said == "" {
			continue
		}
		all, err := net.LookupIP(said)
		if err != nil || len(all) == 0 {
			return netip.Addr{}, fmt.Errorf("the address %s: %v", said, err)
		}
		if a, ok := netip.AddrFromSlice(all[0]); ok && !a.Unmap().IsUnspecified() {
			return a.Unmap(), nil
		}
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, err
	}
	var mine []netip.Addr
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				mine = append(mine, ip.Unmap())
			}
		}
	}
	for _, p := range f.peers {
		host := p
		if h, _, err := net.SplitHostPort(p); err == nil {
			host = h
		}
		all, _ := net.LookupIP(host)
		for _, ip := range all {
			a, _ := netip.AddrFromSlice(ip)
			for _, m := range mine {
				if a.Unmap() == m {
					return m, nil
				}
			}
		}
	}
	for _, m := range mine {
		if m.IsGlobalUnicast() {
			return m, nil
		}
	}
	return netip.Addr{}, errors.New("--advertise is missing: this machine has no address that others could reach")
}

// joinUsage is the help of join.
func joinUsage(w io.Writer) {
	fmt.Fprint(w, `gohap-node join: a load balancer that is one of a fleet.

Usage: gohap-node join --peers a,b,c -f haproxy.cfg [options]

The same line on every node, the first one included. Options beside those of
gohap-node itself:
`)
	for _, r := range joinRows {
		fmt.Fprintf(w, "  %-26s %s\n", strings.TrimSpace(r.name+" "+r.arg), r.summary)
	}
}
