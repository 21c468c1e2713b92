package node

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// lookEvery is how often a node looks for the fleet's address on its interfaces.
const lookEvery = time.Second

// vip is the fleet's address as one node has it: whether it is here, and the file by
// which keepalived is told whether it may be (track_file: 0, or else it goes).
type vip struct {
	address netip.Addr // the zero value: none was said
	file    string
	keeps   func() bool // whether it may be here
	changed func()      // called when it came or went
	log     *slog.Logger

	held atomic.Bool
	ask  chan chan struct{}
	quit <-chan struct{} // closed when watch ends
	said atomic.Int32    // what the file says, plus one; 0: not known
	bad  atomic.Bool     // the file cannot be written, and that was told
}

// watch keeps the file and held true, until ctx ends.
func (v *vip) watch(ctx context.Context) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		v.write(v.keeps())
		v.look()
		select {
		case <-t.C:
		case done := <-v.ask:
			v.write(v.keeps())
			v.look()
			close(done)
		case <-ctx.Done():
			return
		}
	}
}

// refresh returns when the file says what is so now.
func (v *vip) refresh(ctx context.Context) {
	done := make(chan struct{})
	select {
	case v.ask <- done:
		<-done
	case <-v.quit:
	case <-ctx.Done():
	}
}

// look finds whether the address is here.
func (v *vip) look() {
	if !v.address.IsValid() {
		return
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return // what was known stands
	}
	here := false
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			ip, _ := netip.AddrFromSlice(n.IP)
			here = here || ip.Unmap() == v.address
		}
	}
	if v.held.Swap(here) != here {
		v.log.Info("fleet: the address", "address", v.address, "here", here)
		v.changed()
	}
}

// write tells keepalived, where that is new. In place: there is no moment without the
// file or with half of it.
func (v *vip) write(keeps bool) {
	value := int32(1)
	if keeps {
		value = 0
	}
	if v.said.Load() == value+1 {
		return
	}
	f, err := os.OpenFile(v.file, os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteAt([]byte{byte('0' + value), '\n'}, 0)
		if e := f.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		if !v.bad.Swap(true) {
			v.log.Error("fleet: keepalived cannot be told", "error", err)
		}
		return
	}
	v.bad.Store(false)
	v.said.Store(value + 1)
}
