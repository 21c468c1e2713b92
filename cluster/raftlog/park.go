package raftlog

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/hashicorp/raft"
)

// Store is what Raft keeps its log, term and vote in.
type Store interface {
	raft.LogStore
	raft.StableStore
}

// Parking is a store for Raft that does not return where the one under it fails:
// whoever called stands still until Release and ends then.
type Parking struct {
	store Store
	told  func(error)
	once  sync.Once
	over  chan struct{} // closed by Release

	// mu lets no call begin after the first failure: what Raft asks next could
	// otherwise succeed and contradict what it thinks is stored.
	mu     sync.RWMutex
	failed error
}

var _ Store = (*Parking)(nil)

// NewParking makes a parking store; failed is called once, at the first failure, on a
// goroutine of its own.
func NewParking(store Store, failed func(error)) *Parking {
	return &Parking{store: store, told: failed, over: make(chan struct{})}
}

// Err is why Raft stands still, nil while it does not.
func (p *Parking) Err() error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.failed
}

// Release ends the goroutines that stand still, so that Raft can be shut down; from
// then on every call ends its goroutine where the store has failed.
func (p *Parking) Release() { p.once.Do(func() { close(p.over) }) }

// harmless tells an answer from a failure.
func harmless(err error) bool {
	return err == nil || errors.Is(err, raft.ErrLogNotFound) || err.Error() == errNotFound.Error()
}

// do calls f and stands still where that fails, or something did before. The errors
// that it returns are answers.
func (p *Parking) do(what string, f func() error) error {
	p.mu.RLock()
	err := p.failed
	if err == nil {
		err = f()
		if harmless(err) {
			p.mu.RUnlock()
			return err
		}
		err = fmt.Errorf("%s: %w", what, err)
	}
	p.mu.RUnlock()
	p.fail(err)
	<-p.over
	runtime.Goexit() // Raft's goroutines end by their deferred calls
	return nil
}

func (p *Parking) fail(err error) {
	p.mu.Lock()
	first := p.failed == nil
	if first {
		p.failed = err
	}
	p.mu.Unlock()
	if first && p.told != nil {
		go p.told(err)
	}
}

// FirstIndex implements raft.LogStore.
func (p *Parking) FirstIndex() (i uint64, err error) {
	err = p.do("reading the log's beginning", func() (err error) { i, err = p.store.FirstIndex(); return err })
	return i, err
}

// LastIndex implements raft.LogStore.
func (p *Parking) LastIndex() (i uint64, err error) {
	err = p.do("reading the log's end", func() (err error) { i, err = p.store.LastIndex(); return err })
	return i, err
}

// GetLog implements raft.LogStore.
func (p *Parking) GetLog(i uint64, into *raft.Log) error {
	return p.do("reading the log", func() error { return p.store.GetLog(i, into) })
}

// StoreLog implements raft.LogStore.
func (p *Parking) StoreLog(l *raft.Log) error {
	return p.do("writing the log", func() error { return p.store.StoreLog(l) })
}

// StoreLogs implements raft.LogStore.
func (p *Parking) StoreLogs(all []*raft.Log) error {
	return p.do("writing the log", func() error { return p.store.StoreLogs(all) })
}

// DeleteRange implements raft.LogStore.
func (p *Parking) DeleteRange(low, high uint64) error {
	return p.do("shortening the log", func() error { return p.store.DeleteRange(low, high) })
}

// Set implements raft.StableStore.
func (p *Parking) Set(key, value []byte) error {
	return p.do("writing "+string(key), func() error { return p.store.Set(key, value) })
}

// Get implements raft.StableStore.
func (p *Parking) Get(key []byte) (v []byte, err error) {
	err = p.do("reading "+string(key), func() (err error) { v, err = p.store.Get(key); return err })
	return v, err
}

// SetUint64 implements raft.StableStore.
func (p *Parking) SetUint64(key []byte, n uint64) error {
	return p.do("writing "+string(key), func() error { return p.store.SetUint64(key, n) })
}

// GetUint64 implements raft.StableStore.
func (p *Parking) GetUint64(key []byte) (n uint64, err error) {
	err = p.do("reading "+string(key), func() (err error) { n, err = p.store.GetUint64(key); return err })
	return n, err
}
