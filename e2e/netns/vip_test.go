package netns

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gohap/cluster"
)

// What is to be reached.
const (
	leadLimit  = 3 * time.Second // nobody leads where the leader was killed
	applyLimit = 2 * time.Second // until all nodes serve what was applied
)

// TestVIP is what a fleet and its address live through.
func TestVIP(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.startAll()
	f.guardAll()
	f.holder(f.nodes[:]...)
	f.applied()
	f.killed()
	f.drained()
	f.restarted()
	f.leaderless()
	f.paused()
	f.parted()
	f.deaf()
	f.lossy()
	f.all("killed", syscall.SIGKILL)
	f.all("restarted", syscall.SIGTERM)
}

// others are the nodes but one.
func (f *fleet) others(but *node) (all []*node) {
	for _, n := range f.nodes {
		if n != but {
			all = append(all, n)
		}
	}
	return all
}

// apply applies a configuration with a word by a node and tells how long it took until
// all served it; the error is what the tool said of it.
func (f *fleet) apply(n *node, word string) (time.Duration, error) {
	f.t.Helper()
	f.write(word, "")
	begin := time.Now()
	if out, err := f.run(n, "cluster", "apply", "-f", f.file()); err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	f.word = word
	f.await("all serve "+word, patience, func() bool {
		for _, n := range f.nodes {
			if got, err := f.answer(n); err != nil || got != word {
				return false
			}
		}
		return true
	})
	return time.Since(begin), nil
}

// applied: another configuration is served everywhere soon, and the former one again; no
// request is lost.
func (f *fleet) applied() {
	f.t.Helper()
	f.none("applied and rolled back", nil, func(*traffic) {
		var took []time.Duration
		for i := range max(repeats, 3) {
			d, err := f.apply(f.nodes[i%3], fmt.Sprint("word", i))
			if err != nil {
				f.t.Fatal(err)
			}
			took = append(took, d)
		}
		f.times("applied on all", took, applyLimit)
		f.must(f.nodes[1], "cluster", "rollback", "1")
		f.word = "one"
	})
}

// killed: the holder is killed, the address moves within a second and stays where it is
// then.
func (f *fleet) killed() {
	f.t.Helper()
	var took []time.Duration
	for range repeats {
		h := f.holder(f.nodes[:]...)
		next := ""
		f.fault("the holder "+h.name+" is killed", nil, func(*traffic) {
			begin := time.Now()
			h.Stop()
			next = f.moved(h.name)
			took = append(took, time.Since(begin))
			f.start(h)
		})
		if now := f.holder(f.nodes[:]...); now.name != next {
			f.t.Errorf("the address went on to %s when %s came back", now.name, h.name)
		}
	}
	f.times("the address moved", took, moveLimit)
}

// leaderless: the leader is killed, another one leads soon.
func (f *fleet) leaderless() {
	f.t.Helper()
	var took []time.Duration
	for range repeats {
		l := f.leader(f.nodes[0])
		f.fault("the leader "+l.name+" is killed", nil, func(*traffic) {
			begin := time.Now()
			l.Stop()
			f.elected(l)
			took = append(took, time.Since(begin))
			f.start(l)
		})
	}
	f.times("another leader", took, leadLimit)
}

// elected waits until the nodes but one have a leader among them.
func (f *fleet) elected(but *node) {
	f.t.Helper()
	f.await("another node leads", patience, func() bool {
		for _, n := range f.others(but) {
			if s := f.status(n); s.Leader == "" || s.Leader == but.name {
				return false
			}
		}
		return true
	})
}

// drained: the holder goes out of service; no request is lost.
func (f *fleet) drained() {
	f.t.Helper()
	h := f.holder(f.nodes[:]...)
	f.none("drained: "+h.name, nil, func(w *traffic) {
		f.must(h, "node", "drain")
		f.moved(h.name)
		if now := f.holder(f.others(h)...); now == h {
			f.t.Error("the address stays")
		}
		done := w.done.Load()
		f.await("and go on", patience, func() bool { return w.done.Load() > done+50 })
		f.must(h, "node", "undrain")
		f.must(h, "node", "ready")
	})
}

// restarted: every node leaves and comes back, the holder among them, under traffic.
func (f *fleet) restarted() {
	f.t.Helper()
	f.none("restarted one by one", nil, func(*traffic) {
		for _, n := range f.nodes {
			f.must(n, "node", "leave")
			<-n.Ended
			f.start(n)
			f.whole()
			f.await(n.name+" is back", patience, func() bool {
				_, err := f.run(n, "node", "ready")
				return err == nil
			})
		}
	})
}

// paused: the holder leads and stands still for a while. Others lead; the address stays,
// for keepalived sees a process that is there.
func (f *fleet) paused() {
	f.t.Helper()
	h := f.holder(f.nodes[:]...)
	f.must(h, "cluster", "leader", "transfer", h.name)
	f.await("the holder leads", patience, func() bool { return f.status(h).Leader == h.name })
	f.fault(fmt.Sprintf("%s stands still for %v", h.name, pauseTime), nil, func(*traffic) {
		begin := time.Now()
		f.signal(h, syscall.SIGSTOP)
		f.elected(h)
		f.t.Logf("another leader after %v", time.Since(begin).Round(time.Millisecond))
		<-time.After(time.Until(begin.Add(pauseTime)))
		f.signal(h, syscall.SIGCONT)
	})
	f.lives(h)
}

// failed waits until a node says that another one failed.
func (f *fleet) failed(as, n *node) {
	f.t.Helper()
	f.await(as.name+" sees "+n.name+" fail", patience, func() bool {
		return slices.ContainsFunc(f.status(as).Nodes, func(r cluster.NodeStatus) bool { return r.Name == n.name && r.State == "failed" })
	})
}

func (f *fleet) signal(n *node, s syscall.Signal) {
	f.t.Helper()
	if err := n.Cmd.Process.Signal(s); err != nil {
		f.t.Fatal(err)
	}
}

// lives checks that a node was not restarted meanwhile.
func (f *fleet) lives(n *node) {
	f.t.Helper()
	if n.Cmd.Process.Signal(syscall.Signal(0)) != nil {
		f.t.Errorf("%s has ended", n.name)
	}
}

// parted: the holder is cut off from all for a while; somebody else takes the address,
// and when the cut ends one has it and the fleet is whole.
func (f *fleet) parted() {
	f.t.Helper()
	h := f.holder(f.nodes[:]...)
	f.fault(fmt.Sprintf("%s is cut off for %v", h.name, cutTime), nil, func(*traffic) {
		begin := time.Now()
		f.sw.ip("link", "set", port(h.i), "nomaster") // its link stays up: it has the address meanwhile
		f.moved(h.name)
		f.t.Logf("the address moved within %v", time.Since(begin).Round(time.Millisecond))
		f.elected(h)
		f.await("the node alone says so", patience, func() bool { return strings.HasPrefix(f.status(h).Summary, "No leader: 1 of 3 voters") })
		<-time.After(time.Until(begin.Add(cutTime)))
		f.sw.ip("link", "set", port(h.i), "master", "br0")
	})
	f.lives(h)
}

// deaf: the leader hears nothing of the others, who hear it: another one leads, and the
// address stays where it is.
func (f *fleet) deaf() {
	f.t.Helper()
	h := f.holder(f.nodes[:]...)
	l := f.leader(h)
	var from []string
	for _, o := range f.others(l) {
		from = append(from, o.addr)
	}
	f.fault(fmt.Sprintf("%s is deaf for %v", l.name, cutTime), nil, func(*traffic) {
		begin := time.Now()
		l.drop(100, from...)
		f.elected(l)
		f.t.Logf("another leader after %v", time.Since(begin).Round(time.Millisecond))
		o := f.others(l)[0]
		f.failed(o, l)
		f.write("deaf", "")
		if out := f.must(o, "cluster", "apply", "-f", f.file()); !strings.Contains(out, l.name+": not there, gets it when it comes back") {
			f.t.Error(out)
		}
		f.word = "deaf"
		<-time.After(time.Until(begin.Add(cutTime)))
		l.mend()
	})
	f.lives(l)
}

// lossy: every node loses a fifth of what comes in; something is applied meanwhile.
func (f *fleet) lossy() {
	f.t.Helper()
	f.fault(fmt.Sprintf("a fifth is lost for %v", lossTime), nil, func(*traffic) {
		begin := time.Now()
		for _, n := range f.nodes {
			n.drop(20, "10.77.0.0/24")
		}
		f.write("lossy", "")
		out, err := f.run(f.nodes[0], "cluster", "apply", "-f", f.file())
		f.t.Logf("applied within %v: %v\n%s", time.Since(begin).Round(time.Millisecond), err, out)
		<-time.After(time.Until(begin.Add(lossTime)))
		for _, n := range f.nodes {
			n.mend()
		}
		if err != nil { // perhaps agreed on all the same: now it is
			_, err = f.apply(f.nodes[0], "lossless")
		} else {
			f.word = "lossy"
		}
		if err != nil {
			f.t.Error(err)
		}
	})
}

// all: all three end at once and are started again: each serves its last good
// configuration before there is a leader.
func (f *fleet) all(what string, by syscall.Signal) {
	f.t.Helper()
	f.fault("all three are "+what, nil, func(*traffic) {
		for _, n := range f.nodes {
			f.signal(n, by)
		}
		for _, n := range f.nodes {
			<-n.Ended
		}
		begin := time.Now()
		for _, n := range f.nodes {
			f.start(n)
		}
		for _, n := range f.nodes {
			f.await(n.name+" serves", patience, func() bool {
				word, err := f.answer(n)
				if err == nil && word != f.word {
					f.t.Errorf("%s answers %q, not %q", n.name, word, f.word)
				}
				return err == nil
			})
		}
		f.t.Logf("all serve after %v", time.Since(begin).Round(time.Millisecond))
	})
}
