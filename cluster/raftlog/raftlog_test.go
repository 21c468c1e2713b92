package raftlog

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

func open(t *testing.T, path string) *Bolt {
	t.Helper()
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// TestBolt does the same to the file and to the library's store in memory, closes and
// opens the file now and then, and finds the same.
func TestBolt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raft")
	b, m := open(t, path), raft.NewInmemStore()
	rnd := rand.New(rand.NewPCG(1, 2))
	next := uint64(1)
	both := func(what string, f func(Store) (any, error)) {
		t.Helper()
		x, errX := f(b)
		y, errY := f(m)
		if (errX == nil) != (errY == nil) || errX == nil && !cmp.Equal(x, y) {
			t.Fatalf("%s: %v %v, in memory %v %v", what, x, errX, y, errY)
		}
	}
	for range 400 {
		switch rnd.IntN(6) {
		case 0, 1:
			var all []*raft.Log
			for range 1 + rnd.IntN(4) {
				l := &raft.Log{Index: next, Term: rnd.Uint64() >> rnd.IntN(64), Type: raft.LogType(rnd.IntN(6)), Data: bytes.Repeat([]byte{7}, rnd.IntN(300))}
				if rnd.IntN(2) == 0 {
					l.Extensions, l.AppendedAt = []byte("x"), time.Unix(0, rnd.Int64())
				}
				all = append(all, l)
				next++
			}
			both("store", func(s Store) (any, error) { return nil, s.StoreLogs(all) })
		case 2:
			low, _ := m.FirstIndex()
			last, _ := m.LastIndex()
			if last == 0 {
				continue
			}
			high := min(last, low+uint64(rnd.IntN(3)))
			if rnd.IntN(3) == 0 { // what conflicts at the end
				low, high = last-min(last-1, 1), last
				next = low
			}
			both("delete", func(s Store) (any, error) { return nil, s.DeleteRange(low, high) })
		case 3:
			both("set", func(s Store) (any, error) { return nil, s.SetUint64([]byte("a"), next) })
			both("set", func(s Store) (any, error) { return nil, s.Set([]byte("v"), []byte{byte(next)}) })
		case 4:
			b.Close()
			b = open(t, path)
		default:
			both("first", func(s Store) (any, error) { return s.FirstIndex() })
			both("last", func(s Store) (any, error) { return s.LastIndex() })
			for i := next - min(next, 6); i < next+2; i++ {
				both("get", func(s Store) (any, error) { l := new(raft.Log); return l, s.GetLog(i, l) })
			}
			both("number", func(s Store) (any, error) { return s.GetUint64([]byte("a")) })
			both("value", func(s Store) (any, error) { return s.Get([]byte("v")) })
		}
	}
	if err := b.SetUint64([]byte("term"), 5); err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteAll(); err != nil {
		t.Fatal(err)
	}
	last, _ := b.LastIndex()
	term, err := b.GetUint64([]byte("term"))
	if last != 0 || term != 5 || err != nil {
		t.Errorf("%d, %d, %v", last, term, err)
	}
	if _, err := b.GetUint64([]byte("v")); err == nil {
		t.Error("a byte is a number")
	}
}

// TestFile: nobody else reads it, one process has it, and no log is a clear error.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raft")
	b := open(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "another process uses it") {
		t.Errorf("opened twice: %v", err)
	}
	b.Close()
	if err := os.WriteFile(path, bytes.Repeat([]byte("no database"), 10000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

// broken fails from some call on.
type broken struct {
	Store
	left atomic.Int64
}

var errDisk = errors.New("no space left on device")

func (b *broken) err() error {
	if b.left.Add(-1) < 0 {
		return errDisk
	}
	return nil
}

func (b *broken) GetLog(i uint64, l *raft.Log) error {
	return errors.Join(b.err(), b.Store.GetLog(i, l))
}

func (b *broken) StoreLogs(l []*raft.Log) error {
	if err := b.err(); err != nil {
		return err
	}
	return b.Store.StoreLogs(l)
}

func (b *broken) SetUint64(k []byte, n uint64) error {
	if err := b.err(); err != nil {
		return err
	}
	return b.Store.SetUint64(k, n)
}

type noFSM struct{}

func (noFSM) Apply(*raft.Log) any                 { return nil }
func (noFSM) Snapshot() (raft.FSMSnapshot, error) { return nil, errors.New("none") }
func (noFSM) Restore(r io.ReadCloser) error       { return r.Close() }

// TestPark runs a Raft node whose disk fails at each of its first calls: it never
// panics, says so once and can be ended.
func TestPark(t *testing.T) {
	for after := range int64(18) {
		synctest.Test(t, func(t *testing.T) {
			failures := make(chan error, 10)
			b := &broken{Store: raft.NewInmemStore()}
			p := NewParking(b, func(err error) { failures <- err })
			b.left.Store(1 << 40)
			c := raft.DefaultConfig()
			c.LocalID, c.Logger = "a", hclog.NewNullLogger()
			address, transport := raft.NewInmemTransport("a")
			snaps := raft.NewInmemSnapshotStore()
			members := raft.Configuration{Servers: []raft.Server{{ID: "a", Address: address}}}
			if err := raft.BootstrapCluster(c, p, p, snaps, transport, members); err != nil {
				t.Fatal(err)
			}
			r, err := raft.NewRaft(c, noFSM{}, p, p, snaps, transport)
			if err != nil {
				t.Fatal(err)
			}
			b.left.Store(after)
			for range 20 {
				r.Apply([]byte("x"), time.Second) // nobody may answer
				time.Sleep(time.Second)
			}
			if err := p.Err(); !errors.Is(err, errDisk) {
				t.Errorf("after %d calls: %v", after, err)
			}
			p.Release()
			shut := r.Shutdown()
			if err := shut.Error(); err != nil {
				t.Error(err)
			}
			transport.Close()
			time.Sleep(time.Minute)
			if len(failures) != 1 {
				t.Errorf("told %d times", len(failures))
			}
		})
	}
}

// TestAnswers: that there is nothing is no failure.
func TestAnswers(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "raft"))
	p := NewParking(b, func(err error) { t.Error(err) })
	if err := p.GetLog(5, new(raft.Log)); err != raft.ErrLogNotFound {
		t.Error(err)
	}
	if _, err := p.Get([]byte("x")); err == nil || err.Error() != "not found" {
		t.Error(err)
	}
	if _, err := p.GetUint64([]byte("x")); err == nil || err.Error() != "not found" {
		t.Error(err)
	}
	if err := p.Err(); err != nil {
		t.Error(err)
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(encode(nil, &raft.Log{Term: 3, Type: 1, Data: []byte("abc"), Extensions: []byte("x"), AppendedAt: time.Unix(1, 2)}))
	f.Add([]byte{1, 0, 1, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		var l, again raft.Log
		if decode(b, &l) != nil {
			return
		}
		if err := decode(encode(nil, &l), &again); err != nil || !cmp.Equal(l, again) {
			t.Fatalf("%+v %+v %v", l, again, err)
		}
	})
}
