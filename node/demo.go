package node

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gohap/cluster/admin"
	"gohap/lbcore"
)

// demo is a fleet of three nodes on loopback with sample servers behind it, so that a
// newcomer sees it work without anything else.
type demo struct {
	stdout, stderr io.Writer
	dir            string
	servers        []net.Listener
	nodes          []*demoNode
}

// demoNode is a process of the demo.
type demoNode struct {
	name string
	port int // of the fleet
	web  int
	cmd  *exec.Cmd
	log  *os.File
}

func (n *demoNode) url() string { return fmt.Sprintf("http://127.0.0.1:%d", n.web) }

// demoTime bounds what the demo waits for.
const demoTime = 30 * time.Second

func runDemo(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		fmt.Fprintln(stderr, "demo takes no arguments")
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	d := &demo{stdout: stdout, stderr: stderr}
	defer d.close()
	if err := d.run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintf(stderr, "demo: %s\n", err)
		return 1
	}
	return 0
}

// demoConfig is the configuration of all three; what differs is in the environment.
const demoConfig = `global
    log stdout format raw local0
    stats socket "${STATS}" level admin mode 600
defaults
    mode http
    log global
    option httplog
    option forwardfor
    timeout client 30s
    timeout server 30s
    timeout connect 5s
frontend web
    bind "127.0.0.1:${WEB}"
    monitor-uri /alive
    http-request deny if { path_beg /private }
    http-request redirect location / if { path /old }
    # five requests in ten seconds, through whichever node
    http-request track-sc0 src table seen if { path /limited }
    http-request deny deny_status 429 if { path /limited } { sc_http_req_rate(0) gt 5 }
    use_backend two if { path_beg /two }
    default_backend all
backend all
    balance roundrobin
    server one %[1]s check
    server two %[2]s check
    server three %[3]s check
backend two
    server two %[2]s check
backend seen
    stick-table type ip size 10k expire 1m store http_req_rate(10s) peers fleet
`

func (d *demo) run(ctx context.Context) error {
	if err := d.start(); err != nil {
		return err
	}
	client := admin.NewClient(filepath.Join(d.nodes[0].dir(d), admin.Socket))
	fmt.Fprintf(d.stdout, "gohap %s: three nodes of one fleet, three sample servers behind them.\n\n", lbcore.Version)
	if err := d.healthy(ctx, client); err != nil {
		return err
	}
	if err := d.requests(); err != nil {
		return err
	}
	if err := d.apply(ctx, client); err != nil {
		return err
	}
	if err := d.limit(); err != nil {
		return err
	}
	n := d.nodes[0]
	socket := filepath.Join(n.dir(d), admin.Socket)
	tool := filepath.Join(filepath.Dir(n.cmd.Path), "gohap")
	fmt.Fprintf(d.stdout, `
Try it:   curl -i %s/
          kill -9 %d    # a node; its log and the others' are in %s
Look in:  %s cluster status --socket %s
          %s cluster history --socket %s
          echo 'show table seen' | socat stdio %s
Ctrl-C ends it.
`, n.url(), d.nodes[2].cmd.Process.Pid, d.dir, tool, socket, tool, socket, filepath.Join(n.dir(d), "stats.sock"))
	<-ctx.Done()
	return nil
}

// dir is a node's data directory.
func (n *demoNode) dir(d *demo) string { return filepath.Join(d.dir, n.name) }

// start starts servers and nodes.
func (d *demo) start() (err error) {
	if d.dir, err = os.MkdirTemp("", "gohap-demo"); err != nil {
		return err
	}
	var addrs []any
	for _, name := range []string{"one", "two", "three"} {
		l, err := sampleServer(name)
		if err != nil {
			return err
		}
		d.servers = append(d.servers, l)
		addrs = append(addrs, l.Addr().String())
	}
	if err := os.WriteFile(d.file(), fmt.Appendf(nil, demoConfig, addrs...), 0o600); err != nil {
		return err
	}
	var peers []string
	for i := range 3 {
		n := &demoNode{name: fmt.Sprint("lb", i+1)}
		for _, p := range []*int{&n.port, &n.web} {
			if *p, err = freePort(); err != nil {
				return err
			}
		}
		d.nodes = append(d.nodes, n)
		peers = append(peers, fmt.Sprint("127.0.0.1:", n.port))
	}
	for _, n := range d.nodes {
		if err := d.startNode(n, strings.Join(peers, ",")); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) file() string { return filepath.Join(d.dir, "haproxy.cfg") }

// environ is a node's environment.
func (d *demo) environ(n *demoNode) []string {
	return append(os.Environ(), fmt.Sprint("WEB=", n.web), "STATS="+filepath.Join(n.dir(d), "stats.sock"))
}

func (d *demo) startNode(n *demoNode, peers string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Mkdir(n.dir(d), 0o700); err != nil {
		return err
	}
	if n.log, err = os.Create(filepath.Join(d.dir, n.name+".log")); err != nil {
		return err
	}
	n.cmd = exec.Command(program, "join", "--peers", peers, "--name", n.name, "--bind", "127.0.0.1", "--port", fmt.Sprint(n.port),
		"--data-dir", n.dir(d), "-f", d.file())
	n.cmd.Env, n.cmd.Stdout, n.cmd.Stderr = d.environ(n), n.log, n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM} // Ctrl-C is the demo's
	return n.cmd.Start()
}

// healthy waits until there is a fleet and shows it.
func (d *demo) healthy(ctx context.Context, c *admin.Client) error {
	limit, cancel := context.WithTimeout(ctx, demoTime)
	defer cancel()
	for {
		s, err := c.Status(limit)
		if err == nil && s.Healthy {
			fmt.Fprintln(d.stdout, "$ gohap cluster status")
			admin.WriteStatus(d.stdout, s)
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-limit.Done():
			if err == nil {
				err = fmt.Errorf("%s", s.Summary)
			}
			return fmt.Errorf("the fleet does not come up: %w (logs: %s)", err, d.dir)
		}
	}
}

// get asks a node and returns status and first line of the answer.
func (d *demo) get(n *demoNode, path string) (status int, line string, err error) {
	client := &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := client.Get(n.url() + path)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	line, _, _ = strings.Cut(strings.TrimSpace(string(body)), "\n")
	return r.StatusCode, strip(line), nil
}

// requests shows some requests, each through another node.
func (d *demo) requests() error {
	fmt.Fprintln(d.stdout, "\nRequests, each through another node:")
	for i, path := range []string{"/", "/", "/", "/two", "/alive", "/private", "/old"} {
		n := d.nodes[i%len(d.nodes)]
		status, line, err := d.get(n, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.stdout, "  GET %s%-10s %d  %s\n", n.url(), path, status, line)
	}
	return nil
}

// apply changes the configuration of all nodes and shows it active on each.
func (d *demo) apply(ctx context.Context, c *admin.Client) error {
	text, err := os.ReadFile(d.file())
	if err != nil {
		return err
	}
	changed := strings.Replace(string(text), "    monitor-uri /alive\n", "    monitor-uri /alive\n    http-request return status 200 content-type text/plain string \"generation 2\\n\" if { path /new }\n", 1)
	if err := os.WriteFile(d.file(), []byte(changed), 0o600); err != nil {
		return err
	}
	g, ok := lbcore.Gather(&lbcore.Options{Paths: []string{d.file()}, Stderr: d.stderr, Env: d.environ(d.nodes[0]), Quiet: true})
	if !ok {
		return fmt.Errorf("the changed configuration was refused")
	}
	fmt.Fprintf(d.stdout, "\n$ gohap cluster apply -f haproxy.cfg --note 'a page more'\n")
	r, err := c.Apply(ctx, &admin.Apply{Bundle: &admin.Bundle{Dir: g.Dir, Main: g.Main, Files: g.Files}, Note: "a page more"}, func(text string) {
		fmt.Fprintf(d.stdout, "  %s ...\n", text)
	})
	switch {
	case err != nil:
		return err
	case !r.OK():
		return fmt.Errorf("it was not applied: %s %v %v", r.Error, r.Checked, r.Serving)
	}
	for _, n := range d.nodes {
		status, line, err := d.get(n, "/new")
		if err != nil {
			return err
		}
		fmt.Fprintf(d.stdout, "  GET %s%-10s %d  %s\n", n.url(), "/new", status, line)
	}
	return nil
}

// limit shows a rate limit that counts across the nodes.
func (d *demo) limit() error {
	fmt.Fprintln(d.stdout, "\nFive requests in ten seconds are allowed, through whichever node:")
	for i := range 7 {
		n := d.nodes[i%len(d.nodes)]
		status, _, err := d.get(n, "/limited")
		if err != nil {
			return err
		}
		fmt.Fprintf(d.stdout, "  %d. GET %s%-10s %d\n", i+1, n.url(), "/limited", status)
		time.Sleep(250 * time.Millisecond) // the others know within a tenth of a second
	}
	return nil
}

// strip takes the markup out of an error page's line.
func strip(s string) string {
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			return s
		}
		j := strings.IndexByte(s[i:], '>')
		if j < 0 {
			return s
		}
		s = s[:i] + s[i+j+1:]
	}
}

func (d *demo) close() {
	for _, n := range d.nodes {
		if n.cmd != nil && n.cmd.Process != nil {
			_ = n.cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	for _, n := range d.nodes {
		if n.cmd != nil && n.cmd.Process != nil {
			_ = n.cmd.Wait()
		}
		if n.log != nil {
			n.log.Close()
		}
	}
	for _, l := range d.servers {
		l.Close()
	}
	if d.dir != "" {
		os.RemoveAll(d.dir)
	}
}

// sampleServer answers every request with its name.
func sampleServer(name string) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "server %s answers %s %s for %s\n", name, r.Method, r.URL.Path, r.Header.Get("X-Forwarded-For"))
	})
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go s.Serve(l) // ends when the listener is closed
	return l, nil
}

// freePort finds a port that is free now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
