package netns

import (
	"syscall"
	"testing"
	"time"
)

// moveLimit is how long nobody answers at the address where its holder was killed.
const moveLimit = time.Second

// TestVIP is what the address of a fleet lives through.
func TestVIP(t *testing.T) {
	f := newFleet(t)
	f.healthy(patience)
	f.guardAll()
	f.holder(f.nodes[:]...)
	f.killed()
	f.drained()
	f.restarted()
	f.parted()
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

// killed: the holder is killed, the address moves within a second.
func (f *fleet) killed() {
	f.t.Helper()
	h := f.holder(f.nodes[:]...)
	w := f.traffic()
	f.await("requests are answered", patience, func() bool { return w.done.Load() > 50 })
	begin := time.Now()
	h.Stop()
	next := f.moved(h.name)
	took := time.Since(begin)
	w.stop(f.t, "killed: "+h.name+" to "+next)
	f.t.Logf("the address moved within %v", took.Round(time.Millisecond))
	if took > moveLimit {
		f.t.Errorf("the address moved within %v, not %v", took, moveLimit)
	}
	f.start(h)
	f.healthy(patience)
	if now := f.holder(f.nodes[:]...); now.name != next {
		f.t.Errorf("the address went on to %s when %s came back", now.name, h.name)
	}
}

// drained: the holder goes out of service; no request is lost.
func (f *fleet) drained() {
	f.t.Helper()
	h := f.holder(f.nodes[:]...)
	w := f.traffic()
	f.await("requests are answered", patience, func() bool { return w.done.Load() > 50 })
	f.must(h, "node", "drain")
	f.moved(h.name)
	if now := f.holder(f.others(h)...); now == h {
		f.t.Error("the address stays")
	}
	done := w.done.Load()
	f.await("and go on", patience, func() bool { return w.done.Load() > done+50 })
	if lost := w.stop(f.t, "drained: "+h.name); lost > 0 {
		f.t.Errorf("a drain lost %d requests", lost)
	}
	f.must(h, "node", "undrain")
	f.must(h, "node", "ready")
}

// restarted: every node leaves and comes back, the holder among them, under traffic.
func (f *fleet) restarted() {
	f.t.Helper()
	w := f.traffic()
	f.await("requests are answered", patience, func() bool { return w.done.Load() > 50 })
	for _, n := range f.nodes {
		f.must(n, "node", "leave")
		<-n.Ended
		f.start(n)
		f.healthy(patience)
		f.await(n.name+" is back", patience, func() bool {
			_, err := f.run(n, "node", "ready")
			return err == nil
		})
	}
	if lost := w.stop(f.t, "restarted one by one"); lost > 0 {
		f.t.Errorf("a rolling restart lost %d requests", lost)
	}
}

// parted: the holder is cut off from all for a while; somebody else takes the address,
// and when the cut ends one has it and the fleet is whole.
func (f *fleet) parted() {
	f.t.Helper()
	h := f.holder(f.nodes[:]...)
	w := f.traffic()
	f.await("requests are answered", patience, func() bool { return w.done.Load() > 50 })
	begin := time.Now()
	f.sw.ip("link", "set", port(h.i), "nomaster") // its link stays up: it has the address meanwhile
	f.moved(h.name)
	f.t.Logf("the address moved within %v", time.Since(begin).Round(time.Millisecond))
	f.await("the cut is seen", patience, func() bool { return !f.status(f.others(h)[0]).Healthy })
	<-time.After(time.Until(begin.Add(cutTime)))
	f.sw.ip("link", "set", port(h.i), "master", "br0")
	f.healthy(patience)
	now := f.holder(f.nodes[:]...)
	done := w.done.Load()
	f.await("requests go on", patience, func() bool { return w.done.Load() > done+50 })
	w.stop(f.t, "cut off for "+cutTime.String()+": "+h.name+", then at "+now.name)
	if h.Cmd.Process.Signal(syscall.Signal(0)) != nil {
		f.t.Error("the node that was cut off has ended")
	}
}
