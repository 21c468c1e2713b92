package node

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"gohap/lbcore"
)

// demo is a node on loopback with sample servers behind it, so that a newcomer
// sees it work without anything else.
type demo struct {
	stdout  io.Writer
	servers []net.Listener
	dir     string
}

func runDemo(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		fmt.Fprintln(stderr, "demo takes no arguments")
		return 1
	}
	d := &demo{stdout: stdout}
	defer d.close()
	if err := d.start(stderr); err != nil {
		fmt.Fprintf(stderr, "demo: %s\n", err)
		return 1
	}
	return 0
}

const demoConfig = `
global
    stats socket %[1]s level admin mode 600
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    option forwardfor
    timeout client 30s
    timeout server 30s
    timeout connect 5s
frontend web
    bind 127.0.0.1:%[2]d
    monitor-uri /alive
    http-request deny if { path_beg /private }
    http-request redirect location / if { path /old }
    use_backend two if { path_beg /two }
    default_backend all
backend all
    balance roundrobin
    server one %[3]s check
    server two %[4]s check
    server three %[5]s check
backend two
    server two %[4]s check
`

func (d *demo) start(stderr io.Writer) error {
	var err error
	if d.dir, err = os.MkdirTemp("", "gohap-demo"); err != nil {
		return err
	}
	socket := d.dir + "/admin.sock"
	port, err := freePort()
	if err != nil {
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
	text := fmt.Sprintf(demoConfig, append([]any{socket, port}, addrs...)...)
	c, _ := lbcore.Load(&lbcore.Options{Stderr: stderr, Env: os.Environ(), Builtin: text})
	if c == nil {
		return fmt.Errorf("the built-in configuration was refused")
	}
	in, err := c.Start(slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer in.Stop()
	return d.show(fmt.Sprintf("http://127.0.0.1:%d", port), socket)
}

// show sends a few requests and waits for the end.
func (d *demo) show(url, socket string) error {
	fmt.Fprintf(d.stdout, "gohap %s serves %s with three sample servers behind it.\n\n", lbcore.Version, url)
	client := &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, path := range []string{"/", "/", "/", "/two", "/alive", "/private", "/old"} {
		r, err := client.Get(url + path)
		if err != nil {
			return err
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		first, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
		fmt.Fprintf(d.stdout, "  GET %-10s %d  %s\n", path, r.StatusCode, strip(first))
	}
	fmt.Fprintf(d.stdout, "\nTry it:   curl -i %s/\n", url)
	fmt.Fprintf(d.stdout, "Look in:  echo 'show stat' | socat stdio %s\n", socket)
	fmt.Fprintf(d.stdout, "          echo 'show info' | socat stdio %s\n", socket)
	fmt.Fprintf(d.stdout, "Ctrl-C ends it. Below is the traffic log.\n\n")
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM)
	<-ch
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
