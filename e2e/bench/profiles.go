package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A profile is one thing measured. Its kind says how; the rest is the load and
// what the configuration has beside the common part.
type profile struct {
	name, what  string
	kind        kind
	path        string
	connections int
	headers     []string // beside the browser's
	defaults    string   // lines of the defaults section
	rules       string   // lines of the frontend
	loops       int      // nbthread
	log         bool     // option httplog to a socket of ours
	key         string   // of the certificate, rsa or ec; "" is plain TCP
	resume      uint16   // the version of TLS whose sessions clients resume
	tcp         bool     // mode tcp
	balance     string   // lines of the backend; default roundrobin
	table       string   // what is behind the name of a table that peers share
}

// nobody is the user without privileges.
const nobody = 65534

type kind int

const (
	perRequest  kind = iota // CPU a request under wrk
	atRate                  // percentiles at a fixed rate
	idleMemory              // bytes an idle connection
	perCall                 // system calls a request
	byLoops                 // CPU a request by loops and processes
	sharedTable             // what a large table costs that a peer shares
	expiring                // percentiles at a fixed rate while its entries expire
	ofFleet                 // CPU a request of a node in a fleet at rest, and of one alone
)

// browser are the six fields that a browser sends beside Host.
var browser = []string{
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
	"Accept-Language: en-GB,en;q=0.5",
	"Accept-Encoding: gzip, deflate, br",
	"Referer: http://bench.example/start/page",
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
}

var profiles = []profile{
	{name: "keepalive", what: "keep-alive, 64 connections", path: "/", connections: 64, loops: 1},
	{name: "many", what: "keep-alive, 512 connections", path: "/", connections: 512, loops: 1},
	{name: "body16k", what: "16 KiB bodies, 64 connections", path: "/16k", connections: 64, loops: 1},
	{name: "close", what: "connection per request", path: "/", connections: 64, loops: 1,
		headers: []string{"Connection: close"}},
	{name: "httplog", what: "httplog over UDP", path: "/", connections: 64, loops: 1, log: true},
	{name: "rules", what: "50 use_backend, 20 set-header", path: "/", connections: 64, loops: 1, rules: rules()},
	{name: "profile", what: "cookie, leastconn, httplog", path: "/", connections: 64, loops: 1, log: true,
		headers: []string{"Cookie: SRV=s1"}, balance: "    balance leastconn\n    cookie SRV insert indirect\n"},
	{name: "tracked", what: "the same, track-sc0 with rates", path: "/", connections: 64, loops: 1, log: true,
		headers: []string{"Cookie: SRV=s1"}, balance: "    balance leastconn\n    cookie SRV insert indirect\n", rules: tracked},
	{name: "tls", what: "TLS keep-alive, 64 connections", path: "/", connections: 64, loops: 1, key: "ec"},
	{name: "tls-ec", what: "TLS, ECDSA handshake a request", path: "/", connections: 64, loops: 1, key: "ec",
		headers: []string{"Connection: close"}},
	{name: "tls-rsa", what: "TLS, RSA handshake a request", path: "/", connections: 64, loops: 1, key: "rsa",
		headers: []string{"Connection: close"}},
	{name: "tls13-resumed", what: "TLS 1.3, resumed by a ticket", path: "/", connections: 32, loops: 1, key: "ec", resume: tls.VersionTLS13},
	{name: "tls12-resumed", what: "TLS 1.2, resumed by a ticket", path: "/", connections: 32, loops: 1, key: "ec", resume: tls.VersionTLS12},
	{name: "tcp", what: "mode tcp, 16 MiB a request", path: "/16m", connections: 8, loops: 1, tcp: true},
	{name: "scaling", what: "one loop, two, two processes", kind: byLoops, path: "/", connections: 64, loops: 1},
	{name: "latency", what: "70 % of the slower's maximum", kind: atRate, path: "/", connections: 256, loops: 1},
	{name: "idle", what: "bytes per idle connection", kind: idleMemory, path: "/", loops: 1,
		defaults: "    option http-server-close\n"},
	{name: "tls-idle", what: "bytes per idle TLS connection", kind: idleMemory, path: "/", loops: 1, key: "ec",
		defaults: "    option http-server-close\n"},
	{name: "tables", what: "a table by a peer", kind: sharedTable, path: "/", loops: 1,
		table: "type ip size 2m expire 1h store http_req_cnt,http_req_rate(10s)"},
	{name: "expiry", what: "entries expire", kind: expiring, path: "/", connections: 64, loops: 1,
		table: "type ip size 2m expire 12s store http_req_cnt,http_req_rate(10s)"},
	{name: "fleet", what: "keep-alive, 64 connections", kind: ofFleet, path: "/", connections: 64, loops: 1},
	{name: "syscalls", what: "system calls per request", kind: perCall, path: "/", connections: 64, loops: 1},
}

// url is where a profile's requests go.
func (p *profile) url(port string) string {
	scheme := "http"
	if p.key != "" {
		scheme = "https"
	}
	return scheme + "://127.0.0.1:" + port + p.path
}

func profileNamed(name string) *profile {
	for i := range profiles {
		if profiles[i].name == name {
			return &profiles[i]
		}
	}
	return nil
}

// tracked counts each client's requests, connections, errors and bytes, and looks at
// two of them.
const tracked = `    stick-table type ip size 1m expire 10m store http_req_rate(10s),conn_rate(10s),http_err_rate(10s),bytes_out_rate(10s)
    http-request track-sc0 src
    http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000000 } || { sc_http_err_rate(0) gt 1000000000 }
`

// rules are conditions of which none holds, so that each is evaluated for every
// request, and header edits that all apply.
func rules() string {
	var s strings.Builder
	for i := range 20 {
		fmt.Fprintf(&s, "    http-request set-header X-Bench-%d %%[src] if { hdr_cnt(accept) gt 0 }\n", i)
	}
	for i := range 50 {
		fmt.Fprintf(&s, "    use_backend servers if { path_beg /section%d/ } { hdr(host) -i host%d.example }\n", i, i)
	}
	return s.String()
}

// config is the text that every proxy gets, but for its port and sockets.
func (p *profile) config(port, socket, logAddr, certs string, backends []string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "global\n    nbthread %d\n    maxconn 8000\n    stats socket %s mode 600 level admin\n", p.loops, socket)
	if p.tcp { // the reference counts descriptors for pipes
		s.WriteString("    maxpipes 100\n")
		if os.Geteuid() == 0 { // whose pipes the kernel bounds as those of most installations
			fmt.Fprintf(&s, "    uid %d\n    gid %d\n", nobody, nobody)
		}
	}
	if p.log {
		fmt.Fprintf(&s, "    log %s local0\n", logAddr)
	}
	if p.table != "" {
		fmt.Fprintf(&s, "    localpeer %s\n", localName)
	}
	s.WriteString(p.peersConfig(socket))
	s.WriteString("\ndefaults\n    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n")
	if p.tcp {
		s.WriteString("    mode tcp\n    option splice-auto\n")
	} else {
		s.WriteString("    mode http\n    option forwardfor\n")
	}
	if p.log {
		s.WriteString("    log global\n    option httplog\n")
	}
	s.WriteString(p.defaults)
	tls := ""
	if p.key != "" {
		tls = " ssl crt " + filepath.Join(certs, p.key+".pem")
	}
	fmt.Fprintf(&s, "\nfrontend bench\n    bind 127.0.0.1:%s%s\n%s    default_backend servers\n", port, tls, p.rules)
	fmt.Fprintf(&s, "\nbackend servers\n%s", cmp.Or(p.balance, "    balance roundrobin\n"))
	for i, b := range backends {
		cookie := ""
		if p.balance != "" {
			cookie = fmt.Sprintf(" cookie s%d", i+1)
		}
		fmt.Fprintf(&s, "    server s%d 127.0.0.1:%s%s\n", i+1, b, cookie)
	}
	return s.String()
}
