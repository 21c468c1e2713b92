package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// A conf is a frontend and a backend under test.
type conf struct {
	name    string
	fe, be  []string
	tcp     bool
	expires bool // short time-outs strike in every exchange
	refused bool // nobody listens at the server's address
}

var confs = []conf{
	{name: "plain"},
	{name: "plaintwo"},
	{name: "plainthree"},
	{name: "fe-close", fe: []string{"option httpclose"}},
	{name: "be-close", be: []string{"option httpclose"}},
	{name: "fe-server-close", fe: []string{"option http-server-close"}},
	{name: "be-server-close", be: []string{"option http-server-close"}},
	{name: "pretend", be: []string{"option http-server-close", "option http-pretend-keepalive"}},
	{name: "forwardfor", fe: []string{"option forwardfor"}, be: []string{"option forwardfor if-none"}},
	{name: "buffer", fe: []string{"option http-buffer-request"}},
	{name: "errorfile", fe: []string{"errorfile 400 %DIR%/400.http", "errorfile 408 /dev/null"}, be: []string{"errorfile 502 %DIR%/502.http", "errorfile 503 /dev/null"}},
	{name: "reuse-never", be: []string{"http-reuse never"}},
	{name: "reuse-always", be: []string{"http-reuse always"}},
	{name: "abortonclose", be: []string{"option abortonclose"}},
	{name: "refused", refused: true},
	{name: "quiet", fe: []string{"option dontlognull", "option http-ignore-probes", "monitor-uri /index.html"}},
	{name: "tcp", tcp: true, fe: []string{"mode tcp", "option tcplog"}, be: []string{"mode tcp"}},
	{name: "times", expires: true, fe: []string{"timeout client 150ms", "timeout http-request 150ms", "timeout http-keep-alive 150ms"}, be: []string{"timeout server 300ms"}},
	// From here on for shapes alone.
	{name: "be-buffer", be: []string{"option http-buffer-request"}},
	{name: "buffer-abort", fe: []string{"option http-buffer-request"}, be: []string{"option abortonclose"}},
	{name: "close-abort", fe: []string{"option httpclose"}, be: []string{"option abortonclose"}},
	{name: "server-close-both", fe: []string{"option http-server-close"}, be: []string{"option http-server-close", "option abortonclose"}},
	{name: "unsafe", fe: []string{"option accept-unsafe-violations-in-http-request"}, be: []string{"option accept-unsafe-violations-in-http-response"}},
	{name: "rules", be: answeringRules},
	{name: "rules-close", fe: []string{"option httpclose", "option http-buffer-request"}, be: answeringRules},
}

// plainConfs is how many of confs the general generator draws from.
var plainConfs = slices.IndexFunc(confs, func(c conf) bool { return c.name == "be-buffer" })

var answeringRules = []string{
	"http-request deny if { path /deny }",
	"http-request return status 200 content-type text/plain string here if { path /return }",
	"http-request redirect location /there if { path /redirect }",
	"http-request reject if { path /reject }",
	"http-request wait-for-body time 1s if { path /wait }",
	"http-request set-header x-set a",
	"http-response deny if { capture.req.uri /resdeny }",
	"http-response return status 202 content-type text/plain string there if { capture.req.uri /resreturn }",
	"http-response del-header content-type",
	"http-after-response set-header x-after b",
}

// has tells whether either section has option name.
func (c *conf) has(name string) bool {
	return slices.Contains(c.fe, "option "+name) || slices.Contains(c.be, "option "+name)
}

func (c *conf) aborts() bool  { return c.has("abortonclose") }
func (c *conf) buffers() bool { return c.has("http-buffer-request") }

// files are what configurations name below %DIR%.
var files = map[string]string{
	"400.http": "HTTP/1.1 400 Very Bad\r\nContent-Type: text/plain\r\nX-Page: four\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbad\n",
	"502.http": "HTTP/1.0 502 Gone\r\nContent-Type: text/plain\r\nCache-Control: no-cache\r\n\r\npage 502",
}

// lanes is how many exchanges run at once on one program: each has frontends and
// a server of its own.
const lanes = 14

// configText is the configuration: every conf once for each lane. front names
// the listening address of a conf's frontend, server that of the lane's server.
func configText(dir string, front func(c, lane int) string, server func(lane int) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "global\n\tlog %s/log len 65535 local0\n\tstats socket %s/cli level admin\n\tnbthread 1\n\tmaxconn 4000\n", dir, dir)
	b.WriteString("defaults\n\tmode http\n\tlog global\n\tretries 0\n")
	// As option httplog, and what was received.
	b.WriteString("\tlog-format \"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r %U\"\n")
	b.WriteString("\ttimeout connect 5s\n\ttimeout client 20s\n\ttimeout server 20s\n")
	for i, c := range confs {
		for lane := range lanes {
			fmt.Fprintf(&b, "frontend f-%s-%d\n\tbind %s\n", c.name, lane, front(i, lane))
			writeLines(&b, dir, c.fe)
			fmt.Fprintf(&b, "\tdefault_backend b-%s-%d\n", c.name, lane)
			to := server(lane)
			if c.refused {
				to = "127.0.0.1:1"
			}
			fmt.Fprintf(&b, "backend b-%s-%d\n", c.name, lane)
			writeLines(&b, dir, c.be)
			fmt.Fprintf(&b, "\tserver s %s\n", to)
		}
	}
	return b.String()
}

func writeLines(b *strings.Builder, dir string, lines []string) {
	for _, l := range lines {
		fmt.Fprintf(b, "\t%s\n", strings.ReplaceAll(l, "%DIR%", dir))
	}
}
