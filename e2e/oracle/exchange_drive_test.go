package oracle

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A mode says how the bytes of an exchange are cut into writes: 0 not at all,
// 1 to splits at one seeded place a side, perByte everywhere.
type mode int

const (
	splits  = 20
	perByte = mode(splits + 1)
)

func (m mode) String() string {
	switch m {
	case 0:
		return "whole"
	case perByte:
		return "a byte a write"
	}
	return "split " + strconv.Itoa(int(m))
}

// A run is an exchange on its way through one program.
type run struct {
	x     *exchange
	mode  mode
	quiet time.Duration // that long nothing moves: it has settled

	mu      sync.Mutex
	last    time.Time // something moved
	ended   bool      // no further server connection is taken
	client  peer
	servers []*peer
	next    int // answer to give
	logs    []string
	cutC    int // where the client's, the servers' bytes are split
	cutS    int
	sentS   int
	workers sync.WaitGroup
}

// A peer is one connection's end on our side.
type peer struct {
	c      *net.TCPConn
	got    []byte
	state  string // open, eof, reset, or ours when we closed it
	states []string
	marks  []int // len(got) when states were noted
	parse  requestParser
	todo   chan answer
	// closing: an answer was ordered after which our side closes, so that it does
	// not matter who is the first.
	closing bool
}

// drive runs x on lane of p and returns what was seen.
func drive(p *program, lane int, x *exchange, m mode, quiet time.Duration) (*run, error) {
	r := &run{x: x, mode: m, quiet: quiet, last: time.Now(), cutC: -1, cutS: -1}
	r.cut()
	// Before the client connects: in mode tcp a server connection follows at once.
	p.servers[lane].set(r)
	defer p.servers[lane].set(nil)
	for i := range confs {
		if &confs[i] == x.conf {
			c, err := net.Dial("tcp4", p.fronts[i][lane])
			if err != nil {
				return nil, err
			}
			r.client = peer{c: c.(*net.TCPConn), state: "open"}
		}
	}
	_, port, _ := net.SplitHostPort(r.client.c.LocalAddr().String())
	p.register(port, r)
	defer p.register(port, nil)
	r.workers.Add(1)
	go r.read(&r.client, nil)
	r.script()
	r.end()
	return r, nil
}

// cut draws the places of a split.
func (r *run) cut() {
	if r.mode == 0 || r.mode == perByte {
		return
	}
	g := rand.New(rand.NewPCG(r.x.seed^0x5eed, uint64(r.x.number)<<8|uint64(r.mode)))
	nc, ns := 0, 0
	for _, s := range r.x.client {
		nc += len(s.data)
	}
	for _, a := range r.x.answers {
		ns += len(a.data)
	}
	if nc > 1 {
		r.cutC = 1 + g.IntN(nc-1)
	}
	if ns > 1 {
		r.cutS = 1 + g.IntN(ns-1)
	}
}

// script does what the client does.
func (r *run) script() {
	at := 0
	for _, s := range r.x.client {
		switch s.kind {
		case send:
			r.write(&r.client, s.data, r.cutC-at)
			at += len(s.data)
		case settle:
			r.settle()
		case shut:
			r.client.c.CloseWrite()
		case closes:
			r.close(&r.client, false)
		case reset:
			r.close(&r.client, true)
		case expire:
			r.expired()
		}
		r.moved()
	}
}

// write sends b in the pieces that the mode asks for; cut is the place of a
// split in it, if it lies there.
func (r *run) write(p *peer, b []byte, cut int) {
	switch {
	case r.mode == perByte:
		for i := 0; len(b) > 0 && i < 2000; i++ {
			p.c.Write(b[:1])
			b = b[1:]
			r.moved()
			runtime.Gosched()
			if i%8 == 0 {
				pause(100 * time.Microsecond)
			}
		}
	case cut > 0 && cut < len(b):
		p.c.Write(b[:cut])
		r.moved()
		pause(2 * time.Millisecond)
		b = b[cut:]
	}
	if len(b) > 0 { // an empty write would take a reset's error away from the reader
		p.c.Write(b)
	}
	r.moved()
}

// pause paces writes: what the proxy makes of pieces is what is tested.
func pause(d time.Duration) { <-time.After(d) }

func (r *run) moved() {
	r.mu.Lock()
	r.last = time.Now()
	r.mu.Unlock()
}

// settle waits until nothing has moved for a while.
func (r *run) settle() {
	for limit := time.Now().Add(5 * time.Second); time.Now().Before(limit); {
		r.mu.Lock()
		left := r.quiet - time.Since(r.last)
		r.mu.Unlock()
		if left <= 0 {
			return
		}
		pause(left)
	}
}

// expired waits until the proxy has closed the client's connection.
func (r *run) expired() {
	for limit := time.Now().Add(2 * time.Second); time.Now().Before(limit); pause(5 * time.Millisecond) {
		r.mu.Lock()
		over := r.client.state != "open"
		r.mu.Unlock()
		if over {
			return
		}
	}
}

// end notes what stands, ends the client's direction, notes again and clears
// the lane.
func (r *run) end() {
	r.settle()
	r.note()
	r.mu.Lock()
	open := r.client.state == "open"
	r.mu.Unlock()
	if open {
		r.client.c.CloseWrite()
	}
	r.moved()
	r.settle()
	r.note()
	r.close(&r.client, false)
	r.moved()
	r.settle()
	r.note()
	r.mu.Lock()
	r.ended = true
	servers := r.servers
	r.mu.Unlock()
	// The proxy's idle connections end here, so that the next run finds none.
	for _, s := range servers {
		s.c.CloseWrite()
		s.c.SetReadDeadline(time.Now().Add(time.Second))
	}
	for _, s := range servers {
		close(s.todo)
	}
	r.workers.Wait()
	for _, s := range servers {
		s.c.Close()
	}
}

func (r *run) note() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range append([]*peer{&r.client}, r.servers...) {
		p.states = append(p.states, p.state)
		p.marks = append(p.marks, len(p.got))
	}
}

func (r *run) close(p *peer, hard bool) {
	r.mu.Lock()
	if p.state == "open" {
		p.state = "ours"
	}
	r.mu.Unlock()
	if hard {
		p.c.SetLinger(0)
	}
	p.c.Close()
}

func (r *run) logged(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.logs = append(r.logs, line)
	}
	r.last = time.Now()
}

// read collects what comes; got, where there is one, looks at it.
func (r *run) read(p *peer, got func([]byte)) {
	defer r.workers.Done()
	buf := make([]byte, 1<<16)
	for {
		n, err := p.c.Read(buf)
		r.mu.Lock()
		r.last = time.Now()
		p.got = append(p.got, buf[:n]...)
		if err != nil && p.state == "open" {
			p.state = "eof"
			if p.closing {
				p.state = "ours"
			} else if errors.Is(err, syscall.ECONNRESET) {
				p.state = "reset"
			} else if !errors.Is(err, io.EOF) {
				p.state = "stuck"
			}
		}
		if n > 0 && got != nil {
			got(buf[:n])
		}
		r.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// serve takes a server connection.
func (r *run) serve(c *net.TCPConn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false
	}
	r.last = time.Now()
	p := &peer{c: c, state: "open", todo: make(chan answer, 1000)}
	p.states = make([]string, len(r.client.states))
	p.marks = make([]int, len(r.client.states))
	r.servers = append(r.servers, p)
	r.workers.Add(2)
	go r.read(p, func(b []byte) { r.request(p, b) })
	go r.answer(p)
	return true
}

// request looks at what the proxy sent and orders the answers; r.mu is held.
func (r *run) request(p *peer, b []byte) {
	if r.ended { // the lane is being cleared: nobody answers any more
		return
	}
	p.parse.raw = p.parse.raw || r.x.conf.tcp
	p.parse.feed(b, func(ev trigger) *answer {
		a := answer{on: ev, data: []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nextra")}
		if r.next < len(r.x.answers) {
			a = r.x.answers[r.next]
		}
		if a.on != ev {
			return nil
		}
		r.next++
		p.closing = p.closing || a.then == closes || a.then == reset
		select {
		case p.todo <- a:
		default:
		}
		return &a
	}, func(tunnel []byte) {
		select {
		case p.todo <- answer{data: tunnel}:
		default:
		}
	})
}

// answer sends the answers that were ordered.
func (r *run) answer(p *peer) {
	defer r.workers.Done()
	for a := range p.todo {
		r.mu.Lock()
		at := r.sentS
		r.sentS += len(a.data)
		r.mu.Unlock()
		r.write(p, a.data, r.cutS-at)
		switch a.then {
		case shut:
			p.c.CloseWrite()
		case closes, reset:
			if r.x.conf.tcp {
				pause(r.quiet / 3) // what is under way to a closed server is seen or not
			}
			r.close(p, a.then == reset)
		}
		r.moved()
	}
}

// requestParser finds the requests in what a proxy sends to a server: enough of
// HTTP for what a proxy has already put into order.
type requestParser struct {
	pending []byte
	state   int // 0 head, 1 length, 2 chunks, 3 nothing is parsed any more
	left    int
	raw     bool
	tunnel  []byte
	done    bool // this request has its answer
}

func (q *requestParser) feed(b []byte, ask func(trigger) *answer, tunnel func([]byte)) {
	if q.raw {
		if !q.done {
			q.done = true
			ask(bytes1)
		}
		return
	}
	if q.state == 3 {
		if q.tunnel != nil {
			tunnel(q.tunnel)
			q.tunnel = nil
		}
		return
	}
	q.pending = append(q.pending, b...)
	for q.advance(ask) {
	}
}

func (q *requestParser) given(a *answer) {
	if a == nil {
		return
	}
	q.done = true
	if a.tunnel != nil {
		q.state, q.tunnel = 3, a.tunnel
	}
}

// advance parses one part and tells whether there may be more.
func (q *requestParser) advance(ask func(trigger) *answer) bool {
	switch q.state {
	case 0:
		end := bytes.Index(q.pending, []byte("\r\n\r\n"))
		if end < 0 {
			return false
		}
		q.framing(string(q.pending[:end]))
		q.pending = q.pending[end+4:]
		q.done = false
		q.given(ask(head))
	case 1:
		n := min(q.left, len(q.pending))
		q.left -= n
		q.pending = q.pending[n:]
		if q.left > 0 {
			return false
		}
		q.state = 0
		if !q.done {
			q.given(ask(whole))
		}
	case 2:
		n, st := chunkedLength(q.pending)
		switch st {
		case chunksBad:
			q.state = 3
		case chunksDone:
			q.pending = q.pending[n:]
			q.state = 1
		default:
			return false
		}
	case 3:
		return false
	}
	return true
}

func (q *requestParser) framing(text string) {
	q.state, q.left = 1, 0
	for _, line := range strings.Split(text, "\r\n")[1:] {
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "content-length":
			q.left, _ = strconv.Atoi(strings.TrimSpace(value))
		case "transfer-encoding":
			q.state = 2
		}
	}
}

type chunkState uint8

const (
	chunksMore chunkState = iota
	chunksDone
	chunksBad
)

// chunkedLength returns the length of the chunked body at the start of b.
func chunkedLength(b []byte) (int, chunkState) {
	at := 0
	for {
		nl := bytes.Index(b[at:], []byte("\r\n"))
		if nl < 0 {
			if len(b)-at > 20 {
				return 0, chunksBad
			}
			return 0, chunksMore
		}
		size, err := strconv.ParseInt(string(b[at:at+nl]), 16, 32)
		if err != nil || size < 0 {
			return 0, chunksBad
		}
		at += nl + 2
		if size == 0 {
			return trailerEnd(b, at)
		}
		if at += int(size) + 2; at > len(b) {
			return 0, chunksMore
		}
	}
}

func trailerEnd(b []byte, at int) (int, chunkState) {
	for {
		nl := bytes.Index(b[at:], []byte("\r\n"))
		if nl < 0 {
			return 0, chunksMore
		}
		at += nl + 2
		if nl == 0 {
			return at, chunksDone
		}
	}
}
