package process

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

const spliced = `
global
    nbthread 2
    stats socket %s level admin
    %s
defaults
    mode %s
    timeout client 10s
    timeout server 10s
    timeout connect 1s
    %s
listen l
    bind 127.0.0.1:%d
    server s 127.0.0.1:%d
`

// TestSplice passes much data both ways at once, by clients that stop and go so
// that pipes are left half full, and asks how much of it went through pipes.
func TestSplice(t *testing.T) {
	for _, c := range []struct {
		name, global, mode, option string
		http, expect               bool
	}{
		{"tunnels", "", "tcp", "", false, true},
		{"tunnels of one pipe size", "tune.pipesize 128k", "tcp", "", false, true},
		{"tunnels with one pipe", "maxpipes 1", "tcp", "", false, true},
		{"nosplice", "nosplice", "tcp", "option splice-auto", false, false},
		{"bodies", "", "http", "option splice-auto", true, true},
		{"bodies of requests", "", "http", "option splice-request", true, true},
		{"bodies of responses", "", "http", "option splice-response", true, true},
		{"bodies without an option", "", "http", "", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			go mirror(server, c.http)
			socket := filepath.Join(t.TempDir(), "s")
			port := launch(t, fmt.Sprintf(spliced, socket, c.global, c.mode, c.option, oracle.FreePort(t), server.Addr().(*net.TCPAddr).Port))
			var clients sync.WaitGroup
			for i := range 4 {
				clients.Go(func() {
					if err := echoed(port, uint64(i), c.http); err != nil {
						t.Error(err)
					}
				})
			}
			clients.Wait()
			moved := info(t, socket, "TotalSplicedBytesOut")
			if got := moved > 8*volume/10; got != c.expect && c.expect {
				t.Errorf("%d bytes were spliced", moved)
			}
			if !c.expect && moved != 0 {
				t.Errorf("%d bytes were spliced", moved)
			}
			if used := info(t, socket, "PipesUsed"); used != 0 {
				t.Errorf("%d pipes are in use", used)
			}
		})
	}
}

// volume is what one client sends, and gets back, in bytes.
const volume = 8 << 20

// mirror sends back what it gets.
func mirror(l net.Listener, http bool) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			in := io.Reader(c)
			if http {
				if skipHead(c) != nil {
					return
				}
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n", volume)
				in = io.LimitReader(c, volume)
			}
			io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{in})
		}()
	}
}

// skipHead reads up to the empty line, byte by byte.
func skipHead(r io.Reader) error {
	var head []byte
	for one := make([]byte, 1); !strings.HasSuffix(string(head), "\r\n\r\n"); head = append(head, one...) {
		if _, err := r.Read(one); err != nil {
			return err
		}
	}
	return nil
}

// echoed sends volume bytes and compares what comes back.
func echoed(port string, seed uint64, http bool) error {
	c, err := net.Dial("tcp", port)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	sent, got := sha256.New(), sha256.New()
	done := make(chan error, 1)
	go func() {
		if http {
			fmt.Fprintf(c, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n", volume)
		}
		r := rand.New(rand.NewPCG(seed, 1))
		left := volume
		for p := make([]byte, 1<<20); left > 0; {
			n := min(left, 1+r.IntN(len(p)))
			for i := 0; i+8 <= n; i += 8 {
				x := r.Uint64()
				for j := range 8 {
					p[i+j] = byte(x >> (8 * j))
				}
			}
			sent.Write(p[:n])
			if _, err := c.Write(p[:n]); err != nil {
				done <- err
				return
			}
			left -= n
		}
		if !http {
			c.(*net.TCPConn).CloseWrite()
		}
		done <- nil
	}()
	if http {
		if err := skipHead(c); err != nil {
			return err
		}
	}
	n, err := io.Copy(got, struct{ io.Reader }{io.LimitReader(c, volume)})
	if err != nil || n != volume {
		return fmt.Errorf("client %d got %d bytes: %v", seed, n, err)
	}
	if err := <-done; err != nil {
		return err
	}
	if string(sent.Sum(nil)) != string(got.Sum(nil)) {
		return fmt.Errorf("client %d got other bytes than it sent", seed)
	}
	return nil
}

// launch starts gohap-node and returns the address of its listen section.
func launch(t *testing.T, config string) string {
	t.Helper()
	bin, err := oracle.Gohap()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	said := &oracle.Output{}
	cmd := exec.Command(bin, "-db", "-f", file)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	_, at, _ := strings.Cut(config, "bind ")
	at, _, _ = strings.Cut(at, "\n")
	for deadline := time.Now().Add(5 * time.Second); ; {
		if c, err := net.Dial("tcp", at); err == nil {
			c.Close()
			return at
		} else if time.Now().After(deadline) {
			t.Fatalf("it does not listen: %v\n%s", err, said)
		}
	}
}

// info asks for a number of "show info".
func info(t *testing.T, socket, name string) int64 {
	t.Helper()
	_, value, found := strings.Cut("\n"+command(t, socket, "show info"), "\n"+name+": ")
	value, _, _ = strings.Cut(value, "\n")
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || !found {
		t.Fatalf("%s is %q", name, value)
	}
	return n
}
