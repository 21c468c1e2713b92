package agree

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"gohap/cluster/state"
)

// maxSnapshot bounds what is read of a snapshot, bytes.
const maxSnapshot = 256 << 20

// machine is the state as Raft calls it; it is a raft.FSM.
type machine struct {
	*state.Machine
	restored atomic.Pointer[func(index uint64)] // told of each snapshot
}

// Apply implements raft.FSM.
func (m *machine) Apply(l *raft.Log) any { return m.Machine.Apply(l.Index, l.Data) }

// Snapshot implements raft.FSM.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	b, err := m.Machine.Snapshot()
	return snapshot(b), err
}

// Restore implements raft.FSM. A snapshot of a later version has halted the machine
// when it returns; to Raft that is no failure, for it would send it again and again.
func (m *machine) Restore(r io.ReadCloser) error {
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxSnapshot+1))
	if err != nil {
		return err
	}
	if len(b) > maxSnapshot {
		return fmt.Errorf("a snapshot of more than %d bytes", maxSnapshot)
	}
	if err := m.Machine.Restore(b); err != nil && m.Halted() == nil {
		return err
	}
	if f := m.restored.Load(); f != nil {
		_, index, _ := m.State()
		(*f)(index)
	}
	return nil
}

type snapshot []byte

// Persist implements raft.FSMSnapshot.
func (s snapshot) Persist(to raft.SnapshotSink) error {
	if _, err := to.Write(s); err != nil {
		_ = to.Cancel()
		return err
	}
	return to.Close()
}

// Release implements raft.FSMSnapshot.
func (snapshot) Release() {}
