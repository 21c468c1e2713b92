package netns

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// healLimit is how long a fleet may take to be whole once a fault is over.
const healLimit = 30 * time.Second

// fault has something happen while clients ask the address, or some nodes, and tells how
// many requests were lost and how long the fleet took to be whole afterwards.
func (f *fleet) fault(what string, at []*node, happen func(w *traffic)) (lost int64) {
	f.t.Helper()
	w := f.traffic(at...)
	happen(w)
	took := f.whole()
	done := w.done.Load()
	f.await("requests go on", patience, func() bool { return w.done.Load() > done+50 })
	lost = w.stop(f.t, what)
	f.t.Logf("%s: all is well again after %v", what, took.Round(10*time.Millisecond))
	return lost
}

// none is for faults that no request may notice.
func (f *fleet) none(what string, at []*node, happen func(w *traffic)) {
	f.t.Helper()
	if lost := f.fault(what, at, happen); lost > 0 {
		f.t.Errorf("%s: %d requests were lost", what, lost)
	}
}

// whole waits until all is as it must be behind every fault, and tells how long that
// took: every node says that the one fleet that there was is well, names the same leader
// and generation, votes, answers what was agreed on last, and one has the address.
func (f *fleet) whole() time.Duration {
	f.t.Helper()
	begin, why := time.Now(), ""
	defer func() {
		if why != "" {
			f.t.Log(why)
		}
	}()
	f.await("the fleet is whole", healLimit, func() bool {
		why = f.wants()
		return why == ""
	})
	return time.Since(begin)
}

// wants says what is not as it must be, "" for nothing.
func (f *fleet) wants() string {
	leader, generation := "", uint64(0)
	for i, n := range f.nodes {
		s := f.status(n)
		switch {
		case !s.Healthy || len(s.Nodes) != len(f.nodes):
			return fmt.Sprintf("%s says of %d nodes: %s", n.name, len(s.Nodes), s.Summary)
		case s.Fleet != f.id:
			return fmt.Sprintf("%s is of fleet %s, not %s", n.name, s.Fleet, f.id)
		case i > 0 && (s.Leader != leader || s.Generation != generation):
			return fmt.Sprintf("%s names %s and generation %d, another %s and %d", n.name, s.Leader, s.Generation, leader, generation)
		}
		leader, generation = s.Leader, s.Generation
		holders := 0
		for _, r := range s.Nodes {
			if r.Role != "leader" && r.Role != "voter" {
				return fmt.Sprintf("%s sees %s as %s", n.name, r.Name, r.Role)
			}
			if r.VIP {
				holders++
			}
		}
		if f.guarded && holders != 1 {
			return fmt.Sprintf("%s sees %d nodes with the address", n.name, holders)
		}
		if word, err := f.answer(n); err != nil || word != f.word {
			return fmt.Sprintf("%s answers %q, not %q (%v)", n.name, word, f.word, err)
		}
	}
	return ""
}

// answer asks a node, at its own address, for its word.
func (f *fleet) answer(n *node) (string, error) {
	c := http.Client{Timeout: time.Second, Transport: &http.Transport{DialContext: f.clients.dial, DisableKeepAlives: true}}
	r, err := c.Get("http://" + n.addr + "/")
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	return r.Header.Get("word"), err
}

// percentile tells of some times, in any order.
func percentile(all []time.Duration, p int) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[(len(all)*p+99)/100-1]
}

// times tells of something that happened several times; it fails where that took too long:
// 95 of a hundred, the half of a few.
func (f *fleet) times(what string, all []time.Duration, limit time.Duration) {
	f.t.Helper()
	half, most := percentile(all, 50), percentile(all, 95)
	f.t.Logf("%s: %d times, p50 %v, p95 %v", what, len(all), half.Round(time.Millisecond), most.Round(time.Millisecond))
	if len(all) < 20 {
		most = half
	}
	if most > limit {
		f.t.Errorf("%s: %v, not %v", what, most, limit)
	}
}
