package peers

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"gohap/e2e/oracle"
	"gohap/lbcore/clock"
)

// hello connects as peer a and returns the first line of the answer.
func hello(t *testing.T, addr, text string) (net.Conn, *bufio.Reader, string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(clock.Wall().Add(15 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	line, _ := r.ReadString('\n')
	return c, r, strings.TrimSpace(line)
}

// TestBadInput gives both programs hellos and messages that are wrong: they answer
// alike, end the session, and go on with the next one.
func TestBadInput(t *testing.T) {
	t.Parallel()
	const good = "HAProxyS 2.1\nb\na 1 1\n"
	size := make([]byte, 5) // a table message of 20,000 bytes
	size[0], size[1] = 10, 0x80
	size[2], size[3], size[4] = 0xF0, 0xC3, 0x09
	garbage := make([]byte, 4096)
	_, _ = rand.Read(garbage)
	garbage[0], garbage[1] = 255, 0 // the class that is an error
	text := func(b string) string { return sections("127.0.0.1:1", b, "") }
	gAt, hAt := oracle.FreeAddress(t), oracle.FreeAddress(t)
	g, h := startGohap(t, "b", text(gAt)), startHaproxy(t, "b", text(hAt))
	for _, c := range []struct{ name, hello, status, then string }{
		{"garbage", "GET / HTTP/1.0\r\n\r\n", "501", ""},
		{"a version too new", "HAProxyS 3.0\nb\na 1 1\n", "502", ""},
		{"a minor version too new", "HAProxyS 2.2\nb\na 1 1\n", "502", ""},
		{"a name that is not ours", "HAProxyS 2.1\nc\na 1 1\n", "503", ""},
		{"a peer that is none", "HAProxyS 2.1\nb\nz 1 1\n", "504", ""},
		{"a message of a class that is none", good, "200", string(garbage)},
		{"a message too long", good, "200", string(size) + strings.Repeat("x", 20000)},
	} {
		for name, addr := range map[string]string{"gohap": gAt, "the reference": hAt} {
			conn, r, status := hello(t, addr, c.hello)
			if status != c.status {
				t.Errorf("%s: %s answers %q", c.name, name, status)
			}
			_, _ = io.WriteString(conn, c.then)
			if _, err := io.Copy(io.Discard, r); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Errorf("%s: %s keeps the session", c.name, name)
			}
			conn.Close()
		}
	}
	_ = h
	live := g.in.Config.Peers[0].Peers[0].Live
	if n := live.Errors.Load(); n != 2 {
		t.Errorf("%d errors counted", n)
	}
	if said := g.said.String(); strings.Count(said, "refused a hello") != 5 || strings.Count(said, "broke the protocol") != 2 {
		t.Errorf("what was logged:\n%s", said)
	}
	if _, _, status := hello(t, gAt, good); status != "200" {
		t.Errorf("a good hello behind them is answered %q", status)
	}
}

// TestSilentPeer is a peer that takes all, acknowledges nothing and says nothing:
// its session ends, and the next one has everything again.
func TestSilentPeer(t *testing.T) {
	t.Parallel()
	at := oracle.FreeAddress(t)
	g := startGohap(t, "b", sections("127.0.0.1:1", at, ""))
	began := clock.Mono()
	_, r, status := hello(t, at, "HAProxyS 2.1\nb\na 1 1\n")
	if status != "200" {
		t.Fatal(status)
	}
	g.put("bk", "192.0.2.1", "gpc0", 1)
	told, _ := io.ReadAll(r)
	if took := time.Duration(clock.Mono() - began); took < 5*time.Second || took > 11*time.Second {
		t.Errorf("the session ended after %s", took)
	}
	entry := "\xc0\x00\x02\x01"
	if strings.Count(string(told), entry) != 1 {
		t.Errorf("it was told %q", told)
	}
	c, r, _ := hello(t, at, "HAProxyS 2.1\nb\na 1 1\n")
	again := make([]byte, 4096)
	n := 0
	for !strings.Contains(string(again[:n]), entry) {
		k, err := r.Read(again[n:])
		if n += k; err != nil {
			t.Fatalf("%s behind %q", err, again[:n])
		}
	}
	c.Close()
}

// TestOtherTables has tables that the two sides define differently: they are
// ignored, the others shared, and both sessions go on.
func TestOtherTables(t *testing.T) {
	t.Parallel()
	a, b := oracle.FreeAddress(t), oracle.FreeAddress(t)
	text := func(odd string) string {
		return fmt.Sprintf("peers p\n peer a %s\n peer b %s\n table odd %s size 100 store gpc0\n table even type ip size 100 store gpc0\n", a, b, odd)
	}
	h, g := startHaproxy(t, "a", text("type string len 10")), startGohap(t, "b", text("type string len 12"))
	h.put("p/odd", "x", "gpc0", 1)
	g.put("p/odd", "y", "gpc0", 1)
	h.put("p/even", "192.0.2.1", "gpc0", 1)
	g.put("p/even", "192.0.2.2", "gpc0", 2)
	eventually(t, "what is alike is shared", func() string {
		if len(h.dump("p/even")) != 2 {
			return "the reference lacks one"
		}
		return alike(h, g, "p/even")
	})
	if n := len(g.dump("p/odd")); n != 1 {
		t.Errorf("%d entries in the other table", n)
	}
	if p := g.in.Config.Peers[0].Peers[0].Live; p.Foreign.Load() == 0 || p.Ignored.Load() == 0 {
		t.Error("nothing was counted")
	}
	h.sound(t)
}
