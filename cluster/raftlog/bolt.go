package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

var (
	logBucket    = []byte("log")
	stableBucket = []byte("stable")
)

// entryVersion is the first byte of an entry.
const entryVersion = 1

// Bolt is a store in a file.
type Bolt struct{ db *bbolt.DB }

var (
	_ raft.LogStore    = (*Bolt)(nil)
	_ raft.StableStore = (*Bolt)(nil)
)

// Open opens a file, or makes it, readable for its owner alone. It fails where another
// process has it open.
func Open(path string) (*Bolt, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		if errors.Is(err, bolterrors.ErrTimeout) {
			err = errors.New("another process uses it")
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{logBucket, stableBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Bolt{db}, nil
}

// Close closes the file.
func (b *Bolt) Close() error { return b.db.Close() }

// FirstIndex implements raft.LogStore.
func (b *Bolt) FirstIndex() (uint64, error) { return b.edge((*bbolt.Cursor).First) }

// LastIndex implements raft.LogStore.
func (b *Bolt) LastIndex() (uint64, error) { return b.edge((*bbolt.Cursor).Last) }

func (b *Bolt) edge(at func(*bbolt.Cursor) (key, value []byte)) (i uint64, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		if k, _ := at(tx.Bucket(logBucket).Cursor()); k != nil {
			i = binary.BigEndian.Uint64(k)
		}
		return nil
	})
	return i, err
}

func indexKey(i uint64) []byte { return binary.BigEndian.AppendUint64(nil, i) }

// GetLog implements raft.LogStore.
func (b *Bolt) GetLog(i uint64, into *raft.Log) error {
	return b.db.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket(logBucket).Get(indexKey(i))
		if v == nil {
			return raft.ErrLogNotFound
		}
		if err := decode(v, into); err != nil {
			return fmt.Errorf("entry %d of the log: %w", i, err)
		}
		into.Index = i
		return nil
	})
}

// StoreLog implements raft.LogStore.
func (b *Bolt) StoreLog(l *raft.Log) error { return b.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore; all are on disk when it returns.
func (b *Bolt) StoreLogs(all []*raft.Log) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		to := tx.Bucket(logBucket)
		for _, l := range all {
			if err := to.Put(indexKey(l.Index), encode(nil, l)); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteRange implements raft.LogStore.
func (b *Bolt) DeleteRange(low, high uint64) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		c := tx.Bucket(logBucket).Cursor()
		for k, _ := c.Seek(indexKey(low)); k != nil && binary.BigEndian.Uint64(k) <= high; k, _ = c.Seek(indexKey(low)) {
			if err := c.Delete(); err != nil { // which may leave the cursor anywhere
				return err
			}
		}
		return nil
	})
}

// DeleteAll empties the log and keeps term and vote.
func (b *Bolt) DeleteAll() error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket(logBucket); err != nil {
			return err
		}
		_, err := tx.CreateBucket(logBucket)
		return err
	})
}

// Set implements raft.StableStore.
func (b *Bolt) Set(key, value []byte) error {
	return b.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(stableBucket).Put(key, value) })
}

// errNotFound has the text that Raft takes for "there is none".
var errNotFound = errors.New("not found")

// Get implements raft.StableStore.
func (b *Bolt) Get(key []byte) (value []byte, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket(stableBucket).Get(key)
		if v == nil {
			return errNotFound
		}
		value = append([]byte{}, v...)
		return nil
	})
	return value, err
}

// SetUint64 implements raft.StableStore.
func (b *Bolt) SetUint64(key []byte, n uint64) error { return b.Set(key, indexKey(n)) }

// GetUint64 implements raft.StableStore.
func (b *Bolt) GetUint64(key []byte) (uint64, error) {
	v, err := b.Get(key)
	switch {
	case err != nil:
		return 0, err
	case len(v) != 8:
		return 0, fmt.Errorf("%q has %d bytes and is no number", key, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}

// encode appends an entry without its index.
func encode(b []byte, l *raft.Log) []byte {
	b = append(b, entryVersion, byte(l.Type))
	b = binary.AppendUvarint(b, l.Term)
	at := int64(0)
	if !l.AppendedAt.IsZero() {
		at = l.AppendedAt.UnixNano()
	}
	b = binary.AppendVarint(b, at)
	b = binary.AppendUvarint(b, uint64(len(l.Data)))
	b = append(b, l.Data...)
	return append(b, l.Extensions...)
}

var errEntry = errors.New("it is damaged")

// decode reads an entry; what it sets is its own.
func decode(b []byte, l *raft.Log) error {
	if len(b) < 2 {
		return errEntry
	}
	if b[0] != entryVersion {
		return fmt.Errorf("it has version %d, this program knows %d: it was written by a later one", b[0], entryVersion)
	}
	*l = raft.Log{Type: raft.LogType(b[1])}
	b = b[2:]
	term, n := binary.Uvarint(b)
	if n <= 0 {
		return errEntry
	}
	l.Term, b = term, b[n:]
	at, n := binary.Varint(b)
	if n <= 0 {
		return errEntry
	}
	if b = b[n:]; at != 0 {
		l.AppendedAt = time.Unix(0, at)
	}
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return errEntry
	}
	b = b[n:]
	l.Data = append([]byte{}, b[:size]...)
	if b = b[size:]; len(b) > 0 {
		l.Extensions = append([]byte{}, b...)
	}
	return nil
}
