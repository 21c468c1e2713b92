package stats

import (
	"sync/atomic"
	"testing"

	"gohap/lbcore/loop"
)

// Descriptors come in slices, so that a loop with many of them goes on serving; those
// that several loops watch are one line.
func TestDescriptorsComeInSlices(t *testing.T) {
	in, _ := build(t)
	var most, calls atomic.Int64
	in.Descriptors = func(l *loop.Loop, from int, visit func(Descriptor) bool) int {
		calls.Add(1)
		for fd, seen := max(from, 5), int64(1); fd < 5+3*sliceLen; fd, seen = fd+1, seen+1 {
			most.Store(max(most.Load(), seen))
			if fd != 5 && fd%2 != l.ID {
				continue
			}
			if !visit(Descriptor{FD: fd, Kind: FDServer, Text: "x=y"}) {
				return fd + 1
			}
		}
		return -1
	}
	list := in.descriptors()
	if len(list) != 3*sliceLen {
		t.Fatalf("%d descriptors", len(list))
	}
	for i, d := range list {
		if want := uint64(1) << (d.FD % 2); d.FD != i+5 || d.FD != 5 && d.loops != want || d.FD == 5 && d.loops != 3 {
			t.Fatalf("descriptor %d: %+v", i, d)
		}
	}
	if calls.Load() < 4 || most.Load() > 2*sliceLen {
		t.Errorf("%d calls, up to %d looked at in one", calls.Load(), most.Load())
	}
	in.Descriptors = nil
	if list := in.descriptors(); list != nil {
		t.Errorf("without a walker: %v", list)
	}
}
