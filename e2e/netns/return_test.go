package netns

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gohap/cluster"
)

// TestReturn is what single nodes do to a fleet: they come back as others, cannot go on,
// say no. Clients ask those that nothing happens to, and notice nothing.
func TestReturn(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	a, b, c := f.nodes[0], f.nodes[1], f.nodes[2]
	f.small(c)
	f.startAll()
	f.refused(a, b)
	f.stranger(a, b, c)
	f.emptied(a, b, c)
	f.readdressed(a, b, c)
	f.full(a, b, c)
	f.alone(a, b, c)
}

// small gives a node a disk of its own with little room.
func (f *fleet) small(n *node) {
	f.t.Helper()
	if err := os.Mkdir(n.dir, 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", n.dir, "tmpfs", 0, "size=4m,mode=700"); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = unix.Unmount(n.dir, unix.MNT_DETACH) }) // its process has ended, or ends now
}

// refused: a configuration that one node refuses changes nothing.
func (f *fleet) refused(a, b *node) {
	f.t.Helper()
	f.none("a configuration that "+b.name+" refuses", f.nodes[:], func(*traffic) {
		generation := f.status(a).Generation
		f.write("refused", ".if streq(\"$NAME\",\""+b.name+"\")\n.alert \"not on this node\"\n.endif")
		out, err := f.run(a, "cluster", "apply", "-f", f.file())
		for _, want := range []string{"Not applied: refused by " + b.name, "haproxy.cfg:11", "not on this node", a.name + ": takes it"} {
			if code(err) != 1 || !strings.Contains(out, want) {
				f.t.Errorf("no %q: %v\n%s", want, err, out)
			}
		}
		if now := f.status(b).Generation; now != generation {
			f.t.Errorf("generation %d, before %d", now, generation)
		}
	})
}

// stranger: a node with another secret is out, serves what it served last, and is back
// with the right one.
func (f *fleet) stranger(a, b, c *node) {
	f.t.Helper()
	f.none(c.name+" has a wrong secret", []*node{a, b}, func(*traffic) {
		right := c.secret
		c.secret = f.newSecret("wrong")
		c.Stop()
		f.failed(a, c)
		f.start(c)
		f.await("it serves", patience, func() bool { word, err := f.answer(c); return err == nil && word == f.word })
		f.await("it is alone", patience, func() bool { return strings.HasPrefix(f.status(c).Summary, "No leader: 1 of 3 voters are here") })
		for _, n := range []*node{a, b} {
			if s := f.status(n); slices.ContainsFunc(s.Nodes, func(r cluster.NodeStatus) bool { return r.Name == c.name && r.State != "failed" }) {
				f.t.Errorf("%s sees it: %+v", n.name, s)
			}
		}
		c.Stop()
		c.secret = right
		f.start(c)
	})
}

// emptied: a node that lost its disk takes the place of its former self.
func (f *fleet) emptied(a, b, c *node) {
	f.t.Helper()
	f.none(b.name+" lost its disk", []*node{a, c}, func(*traffic) {
		b.Stop()
		if err := os.RemoveAll(b.dir); err != nil {
			f.t.Fatal(err)
		}
		f.write("local", "") // the fleet's counts, not what it is started with
		f.start(b)
	})
}

// readdressed: a node comes back with another address.
func (f *fleet) readdressed(a, b, c *node) {
	f.t.Helper()
	f.none(b.name+" has another address", []*node{a, c}, func(*traffic) {
		f.signal(b, syscall.SIGTERM)
		<-b.Ended
		b.ip("addr", "del", b.addr+"/24", "dev", "eth0")
		b.addr = "10.77.0.42"
		b.ip("addr", "add", b.addr+"/24", "dev", "eth0")
		f.start(b)
		f.await("the others see it there", healLimit, func() bool {
			return slices.ContainsFunc(f.status(a).Nodes, func(r cluster.NodeStatus) bool { return r.Name == b.name && r.Address == b.addr+":9410" })
		})
		if _, err := f.apply(b, "moved"); err != nil {
			f.t.Error(err)
		}
	})
}

// full: a node whose disk is full refuses what is applied and serves on; without its
// consent it is agreed on, and served there when there is room again.
func (f *fleet) full(a, b, c *node) {
	f.t.Helper()
	w := f.traffic(f.nodes[:]...)
	room := filepath.Join(c.dir, "room")
	f.fill(room)
	f.write("full", "")
	out, err := f.run(a, "cluster", "apply", "-f", f.file())
	if code(err) != 1 || !strings.Contains(out, "Not applied: refused by "+c.name) || !strings.Contains(out, "no space left on device") {
		f.t.Errorf("%v %s", err, out)
	}
	out, err = f.run(a, "cluster", "apply", "-f", f.file(), "--force", "--timeout", "50s")
	if code(err) != 1 || !strings.Contains(out, a.name+": serves it") || !strings.Contains(out, b.name+": serves it") {
		f.t.Errorf("%v %s", err, out)
	}
	f.await("it says so", patience, func() bool {
		s := f.status(c)
		return !s.Healthy && (strings.HasPrefix(s.Summary, "This node's disk failed") || strings.Contains(s.Summary, "no space left on device"))
	})
	f.t.Log(f.status(c).Summary)
	if word, err := f.answer(c); err != nil || word != f.word {
		f.t.Errorf("it answers %q %v", word, err)
	}
	f.lives(c)
	if lost := w.stop(f.t, "the disk of "+c.name+" is full"); lost > 0 {
		f.t.Errorf("%d requests were lost", lost)
	}
	f.word = "full"
	if err := os.Remove(room); err != nil {
		f.t.Fatal(err)
	}
	f.must(c, "node", "leave") // as its operator is told
	<-c.Ended
	f.start(c)
	f.whole()
}

// fill leaves no room where a file is.
func (f *fleet) fill(path string) {
	f.t.Helper()
	w, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	defer w.Close()
	for size := 64 << 10; size > 0; {
		if _, err := w.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) || errors.Is(err, io.ErrShortWrite) {
			size /= 2
		} else if err != nil {
			f.t.Fatal(err)
		}
	}
}

// alone: with two of three dead nothing can be applied; the one that is left serves on,
// and what it served last when it is started again.
func (f *fleet) alone(a, b, c *node) {
	f.t.Helper()
	w := f.traffic(a)
	b.Stop()
	c.Stop()
	f.await("it is seen", patience, func() bool { return strings.HasPrefix(f.status(a).Summary, "No leader: 1 of 3 voters are here") })
	f.write("alone", "")
	out, err := f.run(a, "cluster", "apply", "-f", f.file())
	if code(err) != 1 || !strings.Contains(out, "Not applied: ") {
		f.t.Errorf("%v %s", err, out)
	}
	if lost := w.stop(f.t, fmt.Sprintf("%s and %s are dead", b.name, c.name)); lost > 0 {
		f.t.Errorf("%d requests were lost", lost)
	}
	a.Stop()
	f.start(a)
	f.await(a.name+" serves", patience, func() bool {
		word, err := f.answer(a)
		if err == nil && word != f.word {
			f.t.Errorf("%s answers %q, not %q", a.name, word, f.word)
		}
		return err == nil
	})
	f.start(b)
	f.start(c)
	f.whole()
}
