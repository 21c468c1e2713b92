package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"
)

// BenchmarkCommit is the commit of one certificate of 10,000 on a bind line.
func BenchmarkCommit(b *testing.B) {
	s := NewStore()
	f, err := NewFront(s, Settings{})
	if err != nil {
		b.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	var slots []*Slot
	base := issue(b, key, nil, nil, "base.example")
	for i := range 10000 {
		parts, err := parseParts("x", []byte(base))
		if err != nil {
			b.Fatal(err)
		}
		parts.Key = key
		c, err := assemble(fmt.Sprint("cert", i), parts, nil, false)
		if err != nil {
			b.Fatal(err)
		}
		c.Names = []string{fmt.Sprintf("host%d.example", i), fmt.Sprintf("*.host%d.example", i)}
		slot := &Slot{Path: c.Path}
		s.enter(slot, c)
		slots = append(slots, slot)
	}
	if err := f.Add(slots, Settings{}, nil, false); err != nil {
		b.Fatal(err)
	}
	f.Finish()
	for i := 0; b.Loop(); i++ {
		slot := slots[i%len(slots)]
		s.mu.Lock()
		if _, err := s.replace(slot, slot.Cert()); err != nil {
			b.Fatal(err)
		}
		s.mu.Unlock()
	}
}
