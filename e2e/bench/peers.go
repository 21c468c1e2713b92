package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"gohap/peers"
)

// What a stick table of a million entries costs, measured by a peer that teaches it,
// has it taught back, and is told of changes.

// peerName is how the proxies call this program, and tableName their table.
const (
	peerName  = "bench"
	tableName = "/t"
)

// sharing is one program's part of a round.
type sharing struct {
	LearnMicros   float64 // CPU of an update that it learns
	LearnRate     float64 // such updates a second
	EntryBytes    float64 // by which it grew, an entry
	TeachMicros   float64 // CPU of an update that it teaches
	TeachRate     float64
	TeachBytes    float64 // of an update
	ChangeMicros  float64 // CPU of a change by a command that it tells
	ChangeRate    float64
	ChangeBytes   float64
	LearnSeconds  float64 // all of them
	TeachSeconds  float64
	ChangeUpdates float64 // how many went over the wire for how many changes
}

// changes is how many entries are changed by commands.
const changes = 50_000

// share measures every program in turns, each round with a fresh process.
func (b *bench) share(ctx context.Context, p *profile, out *results) error {
	for range b.rounds {
		for _, name := range b.programs(p) {
			if name == prototype {
				continue
			}
			x, err := b.start(ctx, name, p, "")
			if err != nil {
				return err
			}
			got, err := b.shareWith(x)
			x.proc.stop()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			appendTo(&out.Sharing, p.name, name, got)
			progress("%s %s learns %.2f µs, %.0f/s, %.0f bytes an entry; teaches %.2f µs, %.0f/s", p.name, name, got.LearnMicros, got.LearnRate, got.EntryBytes, got.TeachMicros, got.TeachRate)
		}
	}
	return nil
}

func (b *bench) shareWith(x *proxy) (got sharing, err error) {
	t, err := greet(x)
	if err != nil {
		return got, err
	}
	defer t.Close()
	n := float64(b.entries)
	before, err := x.rss()
	if err != nil {
		return got, err
	}
	if got.LearnSeconds, got.LearnMicros, err = x.during(n, func() error { return t.teach(b.entries, func(int) uint32 { return 3600_000 }) }); err != nil {
		return got, fmt.Errorf("teaching it: %w", err)
	}
	after, err := x.rss()
	if err != nil {
		return got, err
	}
	got.LearnRate, got.EntryBytes = n/got.LearnSeconds, float64(after-before)/n

	if got.TeachSeconds, got.TeachMicros, err = x.during(n, t.learn); err != nil {
		return got, fmt.Errorf("learning from it: %w", err)
	}
	if t.updates < b.entries {
		return got, fmt.Errorf("it taught %d entries of %d", t.updates, b.entries)
	}
	got.TeachRate, got.TeachBytes = n/got.TeachSeconds, float64(t.bytes)/float64(t.updates)

	t.updates, t.bytes = 0, 0
	seconds := 0.0
	if seconds, got.ChangeMicros, err = x.during(changes, func() error { return t.changes(x) }); err != nil {
		return got, fmt.Errorf("changes: %w", err)
	}
	got.ChangeRate, got.ChangeBytes = float64(t.updates)/seconds, float64(t.bytes)/float64(t.updates)
	got.ChangeUpdates = float64(t.updates) / changes
	return got, nil
}

// during returns how long f takes and the CPU of the proxy meanwhile, µs a piece of n.
func (x *proxy) during(n float64, f func() error) (seconds, micros float64, err error) {
	before, err := x.cpu()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err = f(); err != nil {
		return 0, 0, err
	}
	seconds = time.Since(began).Seconds()
	after, err := x.cpu()
	return seconds, float64((after - before).Microseconds()) / n, err
}

// tablePeer is the connection of this program as a peer.
type tablePeer struct {
	net.Conn
	in      *bufio.Reader
	updates int // of entries that came
	bytes   int // of those messages
}

// Classes and types of messages.
const (
	ofControl, ofTable                          = 0, 10
	asksAll, hasAll, hasSome, confirms, isAlive = 0, 1, 2, 3, 4
	isUpdate, isDefinition, isAck, isTimed      = 0x80, 0x82, 0x84, 0x85
)

// greet connects to the proxy as its peer.
func greet(x *proxy) (*tablePeer, error) {
	c, err := net.DialTimeout("unix", peerSocket(x.socket), 5*time.Second)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		return nil, err
	}
	fmt.Fprintf(c, "HAProxyS 2.1\n%s\n%s 1 1\n", localName, peerName)
	t := &tablePeer{Conn: c, in: bufio.NewReaderSize(c, 1<<16)}
	if line, err := t.in.ReadString('\n'); err != nil || line != "200\n" {
		return nil, fmt.Errorf("the hello is answered %q (%w)", line, err)
	}
	return t, nil
}

// teach tells of n entries, with the ms that each has left, and returns once the
// last one is acknowledged.
func (t *tablePeer) teach(n int, left func(i int) uint32) error {
	sent := make(chan error, 1)
	go func() { sent <- t.tell(n, left) }()
	for {
		typ, payload, err := t.next(ofTable)
		if err != nil {
			return err
		}
		if typ == isAck && len(payload) >= 5 && binary.BigEndian.Uint32(payload[len(payload)-4:]) == uint32(n) {
			go t.live()
			return <-sent
		}
	}
}

// live says that the peer is there as long as it is: whoever hears nothing for some
// seconds ends the session.
func (t *tablePeer) live() {
	every := time.NewTicker(2 * time.Second)
	defer every.Stop()
	for range every.C {
		if _, err := t.Write([]byte{ofControl, isAlive}); err != nil {
			return // closed
		}
	}
}

func (t *tablePeer) tell(n int, left func(i int) uint32) error {
	out := bufio.NewWriterSize(t.Conn, 1<<16)
	message := func(typ byte, payload []byte) {
		out.Write(peers.AppendVarint([]byte{ofTable, typ}, uint64(len(payload))))
		out.Write(payload)
	}
	b := peers.AppendVarint([]byte{1}, uint64(len(tableName)))
	b = append(b, tableName...)
	b = append(b, 4, 4)                           // IPv4, 4 bytes
	b = peers.AppendVarint(b, 1<<9|1<<10)         // http_req_cnt, http_req_rate
	b = peers.AppendVarint(b, 3600_000)           // expiry
	b = peers.AppendVarint(append(b, 10), 10_000) // the rate's period
	message(isDefinition, b)
	var p []byte
	for i := range n {
		p = binary.BigEndian.AppendUint32(p[:0], uint32(i+1))
		p = binary.BigEndian.AppendUint32(p, left(i))
		p = binary.BigEndian.AppendUint32(p, 10<<24+uint32(i))
		p = peers.AppendVarint(p, uint64(i))
		p = append(p, 100, 50, 40) // age, now, before
		message(isTimed, p)
	}
	return out.Flush()
}

// next reads up to a message of a class; updates are counted, requests answered.
func (t *tablePeer) next(class byte) (typ byte, payload []byte, err error) {
	for {
		var head [2]byte
		if _, err = io.ReadFull(t.in, head[:]); err != nil {
			return 0, nil, err
		}
		payload = nil
		size := 2
		if head[1] >= 0x80 {
			n, k, err := t.number()
			if err != nil {
				return 0, nil, err
			}
			payload = make([]byte, n)
			if _, err = io.ReadFull(t.in, payload); err != nil {
				return 0, nil, err
			}
			size += k + int(n)
		}
		switch {
		case head[0] == ofTable && (head[1] == isUpdate || head[1] == isTimed || head[1] == isUpdate+1 || head[1] == isTimed+1):
			t.updates++
			t.bytes += size
		case head[0] == ofControl && head[1] == asksAll: // it has all already
			if _, err := t.Write([]byte{ofControl, hasAll}); err != nil {
				return 0, nil, err
			}
		}
		if head[0] == class {
			return head[1], payload, nil
		}
	}
}

func (t *tablePeer) number() (v uint64, size int, err error) {
	b, err := t.in.ReadByte()
	if v, size = uint64(b), 1; err != nil || v < 240 {
		return v, size, err
	}
	for shift := 4; ; shift += 7 {
		if b, err = t.in.ReadByte(); err != nil {
			return 0, 0, err
		}
		size++
		if v += uint64(b) << shift; b < 128 {
			return v, size, nil
		}
	}
}

// learn has the proxy teach all that it has.
func (t *tablePeer) learn() error {
	t.updates, t.bytes = 0, 0
	if _, err := t.Write([]byte{ofControl, asksAll}); err != nil {
		return err
	}
	for {
		typ, _, err := t.next(ofControl)
		if err != nil {
			return err
		}
		if typ == hasAll || typ == hasSome {
			_, err = t.Write([]byte{ofControl, confirms})
			return err
		}
	}
}

// changes has commands change entries, and returns once all are told of.
func (t *tablePeer) changes(x *proxy) error {
	c, err := net.DialTimeout("unix", x.socket, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	go func() { // ends with the connection
		out := bufio.NewWriterSize(c, 1<<16)
		fmt.Fprint(out, "prompt i\n")
		for i := range changes {
			i := uint32(i)
			fmt.Fprintf(out, "set table p%s key 10.%d.%d.%d data.http_req_cnt 7\n", tableName, i>>16, i>>8&255, i&255)
		}
		out.Flush()
	}()
	go io.Copy(io.Discard, c) // ends with it too
	for t.updates < changes {
		if _, _, err := t.next(ofTable); err != nil {
			return fmt.Errorf("behind %d updates: %w", t.updates, err)
		}
	}
	return nil
}

// localName is how the proxies call themselves.
const localName = "proxy"

// peerSocket is where a proxy listens for peers.
func peerSocket(socket string) string { return socket + ".peer" }

// peersConfig is the peers section of a profile.
func (p *profile) peersConfig(socket string) string {
	if p.table == "" {
		return ""
	}
	return fmt.Sprintf("\npeers p\n    peer %s unix@%s\n    peer %s 127.0.0.1:1\n    table %s %s\n", localName, peerSocket(socket), peerName, tableName[1:], p.table)
}

// expiry runs the proxies at a fixed rate while the entries of a table expire.
func (b *bench) expiry(ctx context.Context, p *profile, out *results) error {
	for range b.rounds {
		for _, name := range b.programs(p) {
			if name == prototype {
				continue
			}
			if err := b.expire(ctx, p, name, out); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// The entries expire between expireFrom and expireTo ms after they were learned,
// within the run at expireRate requests a second.
const (
	expireFrom, expireTo = 4_000, 9_000
	expireRate           = 2_000
)

func (b *bench) expire(ctx context.Context, p *profile, name string, out *results) error {
	x, err := b.start(ctx, name, p, "")
	if err != nil {
		return err
	}
	defer x.proc.stop()
	t, err := greet(x)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.teach(b.entries, func(i int) uint32 { return expireFrom + uint32(i)*(expireTo-expireFrom)/uint32(b.entries) }); err != nil {
		return err
	}
	if said, err := x.command("show table"); err != nil || strings.Contains(said, "used:0") {
		return fmt.Errorf("nothing is there to expire: %q, %v", said, err)
	}
	got, err := b.atRate(ctx, p, x, expireRate, rateSeconds)
	if err != nil {
		return err
	}
	if said, err := x.command("show table"); err != nil || !strings.Contains(said, "used:0\n") {
		return fmt.Errorf("entries are left: %q, %v", said, err)
	}
	out.addPercentiles(p, name, got)
	return nil
}

// sharingTable has the medians of what was measured with a peer.
func (r *results) sharingTable(s *strings.Builder) {
	for _, p := range profiles {
		by := r.Sharing[p.name]
		if by == nil {
			continue
		}
		fmt.Fprintf(s, "%-30s %10s %10s %7s\n", p.what, reference, gohap, "ratio")
		for _, row := range []struct {
			what   string
			format string
			pick   func(sharing) float64
			more   bool // is better
		}{
			{"  learned, CPU µs an update", "%.2f", func(g sharing) float64 { return g.LearnMicros }, false},
			{"  learned, updates/s", "%.0f", func(g sharing) float64 { return g.LearnRate }, true},
			{"  all learned, s", "%.2f", func(g sharing) float64 { return g.LearnSeconds }, false},
			{"  bytes an entry", "%.0f", func(g sharing) float64 { return g.EntryBytes }, false},
			{"  taught, CPU µs an update", "%.2f", func(g sharing) float64 { return g.TeachMicros }, false},
			{"  taught, updates/s", "%.0f", func(g sharing) float64 { return g.TeachRate }, true},
			{"  all taught, s", "%.2f", func(g sharing) float64 { return g.TeachSeconds }, false},
			{"  taught, bytes an update", "%.1f", func(g sharing) float64 { return g.TeachBytes }, false},
			{"  changed, CPU µs a command", "%.2f", func(g sharing) float64 { return g.ChangeMicros }, false},
			{"  changed, updates/s", "%.0f", func(g sharing) float64 { return g.ChangeRate }, true},
			{"  changed, bytes an update", "%.1f", func(g sharing) float64 { return g.ChangeBytes }, false},
		} {
			theirs, ours := median(column(by[reference], row.pick)), median(column(by[gohap], row.pick))
			rat := ratio(theirs, ours)
			if row.more {
				rat = ratio(ours, theirs)
			}
			fmt.Fprintf(s, "%-30s %10s %10s %7s\n", row.what, fmt.Sprintf(row.format, theirs), fmt.Sprintf(row.format, ours), rat)
		}
		s.WriteByte('\n')
	}
}
