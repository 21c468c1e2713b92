package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Generation is a configuration that was the active one, or is.
type Generation struct {
	Number uint64 `json:"number"`
	Commit
}

// State is all that is agreed on. Whoever has one does not change it.
type State struct {
	Version     int          `json:"v"`
	Fleet       string       `json:"fleet"`
	Active      uint64       `json:"active"`      // 0: none yet
	Last        uint64       `json:"last"`        // the highest number given
	Generations []Generation `json:"generations"` // by number
	Nodes       []Node       `json:"nodes"`       // by id
	Removed     []string     `json:"removed"`     // ids that may not come back
}

// Generation finds a generation by its number.
func (s *State) Generation(n uint64) (*Generation, bool) {
	i, ok := slices.BinarySearchFunc(s.Generations, n, func(g Generation, n uint64) int {
		switch {
		case g.Number < n:
			return -1
		case g.Number > n:
			return 1
		}
		return 0
	})
	if !ok {
		return nil, false
	}
	return &s.Generations[i], true
}

// Node finds a node by its id.
func (s *State) Node(id string) (Node, bool) {
	i := slices.IndexFunc(s.Nodes, func(n Node) bool { return n.ID == id })
	if i < 0 {
		return Node{}, false
	}
	return s.Nodes[i], true
}

// Needs are the hashes of all files that some generation names.
func (s *State) Needs() map[Hash]bool {
	all := map[Hash]bool{}
	for i := range s.Generations {
		for _, f := range s.Generations[i].Manifest.Files {
			all[f.Hash] = true
		}
	}
	return all
}

// Result is what came of an entry.
type Result struct {
	Generation uint64 // that a commit made
	Err        error  // why it changed nothing
}

// ConflictError says that a commit was made against what is no longer active.
type ConflictError struct{ Base, Active uint64 }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("it is based on generation %d, generation %d is active: look at 'gohap cluster diff %d', then apply again", e.Base, e.Active, e.Active)
}

// maxRemoved bounds how many ids are kept that may not come back.
const maxRemoved = 1000

// Machine applies entries.
type Machine struct {
	mu      sync.RWMutex
	state   *State // replaced, never changed
	index   uint64
	halted  error
	changed chan struct{} // closed at a change
}

// New makes a machine that nothing was applied to.
func New() *Machine {
	return &Machine{state: &State{Version: EntryVersion}, changed: make(chan struct{})}
}

// State returns what is agreed on and up to which index, and a channel that is closed
// when there is more.
func (m *Machine) State() (s *State, index uint64, changed <-chan struct{}) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.state, m.index, m.changed
}

// Halted is why nothing is applied any more, nil while it is.
func (m *Machine) Halted() error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.halted
}

func (m *Machine) put(s *State, index uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state, m.index = s, index
	close(m.changed)
	m.changed = make(chan struct{})
}

// Apply applies the entry with an index of the log.
func (m *Machine) Apply(index uint64, b []byte) Result {
	if err := m.Halted(); err != nil {
		return Result{Err: err}
	}
	e, err := decodeEntry(b)
	if err != nil {
		err = fmt.Errorf("entry %d of the fleet's log: %w", index, err)
		m.mu.Lock()
		m.halted = err
		m.mu.Unlock()
		return Result{Err: err}
	}
	next := *m.state
	r := next.apply(&e)
	if r.Err != nil {
		next = *m.state
	}
	m.put(&next, index)
	return r
}

// apply changes a copy of the state; its slices are not shared with what it becomes.
func (s *State) apply(e *Entry) Result {
	switch {
	case e.Found != nil:
		return s.found(e.Found)
	case s.Fleet == "":
		return Result{Err: errors.New("this fleet was not founded")}
	case e.Commit != nil:
		return s.commit(e.Commit)
	case e.Forget != nil:
		return s.forget(e.Forget)
	case e.Admit != nil:
		return s.admit(*e.Admit)
	case e.Remove != nil:
		return s.remove(e.Remove.ID)
	}
	return Result{Err: errors.New("an entry that says nothing")}
}

func (s *State) found(f *Found) Result {
	if s.Fleet != "" {
		return Result{Err: fmt.Errorf("this fleet was founded as %s", s.Fleet)}
	}
	s.Fleet = f.Fleet
	return Result{}
}

func (s *State) commit(c *Commit) Result {
	if c.Base != s.Active {
		return Result{Err: &ConflictError{c.Base, s.Active}}
	}
	if err := c.Manifest.Check(); err != nil {
		return Result{Err: err}
	}
	s.Last++
	s.Active = s.Last
	s.Generations = append(slices.Clone(s.Generations), Generation{s.Last, *c})
	return Result{Generation: s.Last}
}

func (s *State) forget(f *Forget) Result {
	if slices.Contains(f.Generations, s.Active) {
		return Result{Err: fmt.Errorf("generation %d is the active one", s.Active)}
	}
	var kept []Generation
	for _, g := range s.Generations {
		if !slices.Contains(f.Generations, g.Number) {
			kept = append(kept, g)
		}
	}
	s.Generations = kept
	return Result{}
}

func (s *State) admit(n Node) Result {
	if n.ID == "" || n.Name == "" {
		return Result{Err: errors.New("a node without an id or a name")}
	}
	if slices.Contains(s.Removed, n.ID) {
		return Result{Err: fmt.Errorf("node %s (%s) was removed from the fleet: an empty data directory makes it a new one", n.Name, n.ID)}
	}
	nodes := slices.DeleteFunc(slices.Clone(s.Nodes), func(o Node) bool { return o.ID == n.ID })
	if i := slices.IndexFunc(nodes, func(o Node) bool { return o.Name == n.Name }); i >= 0 {
		return Result{Err: fmt.Errorf("there is a node %s already (%s): remove it first, or take another name", n.Name, nodes[i].ID)}
	}
	s.Nodes = append(nodes, n)
	slices.SortFunc(s.Nodes, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	return Result{}
}

func (s *State) remove(id string) Result {
	if _, ok := s.Node(id); !ok {
		return Result{Err: fmt.Errorf("no node has the id %s", id)}
	}
	s.Nodes = slices.DeleteFunc(slices.Clone(s.Nodes), func(n Node) bool { return n.ID == id })
	s.Removed = append(slices.Clone(s.Removed), id)
	if n := len(s.Removed) - maxRemoved; n > 0 {
		s.Removed = s.Removed[n:]
	}
	return Result{}
}

// Snapshot returns the state as bytes. A halted machine has none: its log is needed.
func (m *Machine) Snapshot() ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.halted != nil {
		return nil, m.halted
	}
	return json.Marshal(struct {
		*State
		Index uint64 `json:"index"`
	}{m.state, m.index})
}

// Restore replaces the state by that of a snapshot. A snapshot of a version that is
// not known halts the machine and leaves the state.
func (m *Machine) Restore(b []byte) error {
	var s struct {
		State
		Index uint64 `json:"index"`
	}
	err := json.Unmarshal(b, &s)
	if err == nil && (s.Version < 1 || s.Version > EntryVersion) {
		err = &VersionError{s.Version}
	}
	if err != nil {
		err = fmt.Errorf("the fleet's snapshot: %w", err)
		m.mu.Lock()
		m.halted = err
		m.mu.Unlock()
		return err
	}
	m.put(&s.State, s.Index)
	return nil
}
