package peers

import (
	"fmt"
	"log/slog"
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
	"gohap/lbcore"
	"gohap/lbcore/clock"
	"gohap/lbcore/proxy"
	"gohap/stick"
)

// values is what a table holds: numbers by the name of their data, by key.
type values map[string]map[string]uint64

// node is one of the two peers.
type node interface {
	// put sets data of a key; dump returns what a table holds.
	put(table, key, data string, n uint64)
	dump(table string) values
	stop()
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cfg")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// haproxy is the reference.
type haproxy struct {
	t      *testing.T
	run    *oracle.Running
	socket string
}

// startHaproxy runs the reference under a peer's name; more are flags.
func startHaproxy(t *testing.T, name, text string, more ...string) *haproxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "peers") // a short path, for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &haproxy{t: t, socket: filepath.Join(dir, "s")}
	path := write(t, "global\n nbthread 1\n stats socket "+h.socket+" level admin expose-fd listeners\n"+text)
	h.run = oracle.Launch(t, exec.Command(oracle.Installed(t, oracle.Haproxy), append([]string{"-L", name, "-f", path}, more...)...))
	eventually(t, "the reference answers", func() string {
		c, err := net.Dial("unix", h.socket)
		if err != nil {
			return err.Error()
		}
		c.Close()
		return ""
	})
	return h
}

// stop ends it at once.
func (h *haproxy) stop() { h.run.Stop() }

// ask returns the answer to commands.
func (h *haproxy) ask(commands string) string {
	h.t.Helper()
	answer, err := oracle.Command(h.socket, commands)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer
}

func (h *haproxy) put(table, key, data string, n uint64) {
	h.t.Helper()
	if said := strings.TrimSpace(h.ask(fmt.Sprintf("set table %s key %s data.%s %d", table, key, data, n))); said != "" {
		h.t.Fatalf("set table %s key %s data.%s: %s", table, key, data, said)
	}
}

func (h *haproxy) dump(table string) values {
	h.t.Helper()
	all := values{}
	for line := range strings.SplitSeq(h.ask("show table "+table), "\n") {
		_, line, ok := strings.Cut(line, " key=")
		if !ok {
			continue
		}
		words := strings.Fields(line)
		held := map[string]uint64{}
		for _, w := range words[1:] {
			name, value, _ := strings.Cut(w, "=")
			name, _, _ = strings.Cut(name, "(")
			n, err := strconv.ParseUint(value, 10, 64)
			if err == nil && name != "use" && name != "exp" && name != "shard" {
				held[name] = n
			}
		}
		all[words[0]] = held
	}
	return all
}

// gohap runs in this process.
type gohap struct {
	t    *testing.T
	in   *lbcore.Instance
	path string
	name string
	said *oracle.Output
	once sync.Once
}

func startGohap(t *testing.T, name, text string) *gohap {
	t.Helper()
	g := &gohap{t: t, name: name, said: &oracle.Output{}, path: write(t, "global\n nbthread 1\n"+text)}
	c := g.load()
	in, err := c.Start(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g.in = in
	t.Cleanup(g.stop)
	return g
}

func (g *gohap) load() *lbcore.Config {
	g.t.Helper()
	c, _ := lbcore.Load(&lbcore.Options{Paths: []string{g.path}, LocalPeer: g.name, PeerFixed: true, Stderr: g.said})
	if c == nil {
		g.t.Fatal(g.said.String())
	}
	return c
}

// reload has a new instance take over, as the program does.
func (g *gohap) reload() {
	g.t.Helper()
	c := g.load()
	var err error
	if c.Inherited, err = g.in.HandOver(); err != nil {
		g.t.Fatal(err)
	}
	c.Takeover = true
	next, err := c.Start(slog.New(slog.DiscardHandler))
	if err != nil {
		g.t.Fatal(err)
	}
	former := g.in
	g.in = next
	former.Drain()
	if !former.Wait(20 * time.Second) {
		g.t.Error("the old instance has not taught the new one")
	}
	former.Stop()
}

func (g *gohap) stop() { g.once.Do(func() { g.in.Stop() }) }

func (g *gohap) table(name string) *proxy.Table {
	g.t.Helper()
	for _, t := range g.in.Config.Tables {
		if t.Name == name {
			return t
		}
	}
	g.t.Fatalf("no table %s", name)
	return nil
}

func ms() uint32 { return uint32(clock.Mono() / 1e6) }

// datum splits a name as "set table" has it.
func datum(t *testing.T, name string) (stick.Data, int) {
	t.Helper()
	i := 0
	if at := strings.IndexByte(name, '['); at >= 0 {
		i, _ = strconv.Atoi(name[at+1 : len(name)-1])
		name = name[:at]
	}
	d, ok := stick.DataByName(name)
	if !ok {
		t.Fatalf("no data %s", name)
	}
	return d, i
}

func (g *gohap) put(table, key, data string, n uint64) {
	g.t.Helper()
	tab := g.table(table)
	e := g.entry(tab, key)
	defer e.Release()
	if d, i := datum(g.t, data); d.Form() == stick.Rate {
		e.SetRateParts(d, i, ms(), 0, uint32(n), 0)
	} else {
		e.Set(d, i, n)
	}
	e.Touch(ms())
	e.Changed()
}

func (g *gohap) entry(tab *proxy.Table, key string) stick.Entry {
	g.t.Helper()
	raw, err := tab.ParseKey(key)
	if err != nil {
		g.t.Fatal(err)
	}
	e, _, ok := tab.Create(raw, ms())
	if !ok {
		g.t.Fatalf("no room for %s", key)
	}
	return e
}

func (g *gohap) dump(table string) values {
	all := values{}
	tab := g.table(table)
	tab.Walk(ms(), func(e stick.Entry) bool {
		held := map[string]uint64{}
		for d := range stick.DataKinds {
			for i := range tab.Elements(d) {
				name := d.String()
				if d.Array() {
					name = strings.Replace(name, "_rate", "", 1) + strconv.Itoa(i)
					if d.Form() == stick.Rate {
						name += "_rate"
					}
				}
				if d.Form() == stick.Rate {
					held[name] = uint64(e.Rate(d, i, ms()))
				} else if d.Form() != stick.Dict {
					held[name] = e.Get(d, i)
				}
			}
		}
		all[string(tab.AppendKey(nil, e.Key()))] = held
		return true
	})
	return all
}

// eventually waits until wrong says nothing any more.
func eventually(t *testing.T, what string, wrong func() string) {
	t.Helper()
	last := ""
	for end := clock.Mono() + int64(25*time.Second); clock.Mono() < end; {
		if last = wrong(); last == "" {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Fatalf("%s: still not: %s", what, last)
}

// sound fails if the reference saw a breach of the protocol or is without a session.
func (h *haproxy) sound(t *testing.T) {
	t.Helper()
	said := h.ask("show peers")
	if !strings.Contains(said, "last_status=ESTA") || strings.Count(said, "proto_err=0") != strings.Count(said, "proto_err=") {
		t.Errorf("the reference says\n%s", said)
	}
}
