package loop

import (
	"golang.org/x/sys/unix"
)

// Datagram is one entry of a batch.
type Datagram struct {
	To   *Sockaddr
	Data []byte
}

// Datagrams collects the datagrams of a loop, log lines above all, and sends
// them in batches: when the loop would otherwise wait, when a batch is full and
// at the latest a millisecond after the first one. There is one socket a
// family; what the kernel does not take at once is dropped and counted. Loop
// only.
type Datagrams struct {
	// SendBuffer is the kernel's send buffer of the sockets, bytes, 0 for its choice;
	// set before the first datagram.
	SendBuffer int

	loop    *Loop
	batch   []Datagram
	text    []byte
	since   int64
	sockets [3]int32 // AF_INET, AF_INET6, AF_UNIX; -1 until needed
	Sent    int64
	Dropped int64
}

const (
	batchMax = 64
	batchAge = int64(1e6)
)

// NewDatagrams returns the batcher of a loop.
func NewDatagrams(l *Loop) *Datagrams {
	d := &Datagrams{loop: l, sockets: [3]int32{-1, -1, -1}, batch: make([]Datagram, 0, batchMax), text: make([]byte, 0, 1<<16)}
	l.lazy = append(l.lazy, d.flushIf)
	return d
}

// Send queues a copy of p; it reports false when it was dropped.
func (d *Datagrams) Send(to *Sockaddr, p []byte) bool {
	if len(d.batch) == batchMax || len(d.text)+len(p) > cap(d.text) {
		d.Flush()
		if len(p) > cap(d.text) {
			d.Dropped++
			return false
		}
	}
	if len(d.batch) == 0 {
		d.since = d.loop.now
	}
	at := len(d.text)
	d.text = append(d.text, p...)
	d.batch = append(d.batch, Datagram{to, d.text[at:]})
	return true
}

// flushIf sends the batch when the loop is about to wait or the batch is old.
func (d *Datagrams) flushIf(waiting bool) bool {
	if len(d.batch) > 0 && (waiting || d.loop.now-d.since >= batchAge) {
		d.Flush()
	}
	return len(d.batch) > 0
}

// Flush sends everything queued, in runs of one family.
func (d *Datagrams) Flush() {
	for b := d.batch; len(b) > 0; {
		n := 1
		for n < len(b) && b[n].To.Family == b[0].To.Family {
			n++
		}
		sent := d.send(b[:n])
		d.Sent += int64(sent)
		d.Dropped += int64(n - sent)
		b = b[n:]
	}
	d.batch, d.text = d.batch[:0], d.text[:0]
}

func (d *Datagrams) send(b []Datagram) int {
	i := 0
	switch b[0].To.Family {
	case unix.AF_INET6:
		i = 1
	case unix.AF_UNIX:
		i = 2
	}
	if d.sockets[i] < 0 {
		fd, e := d.loop.Kernel.Socket(b[0].To.Family, unix.SOCK_DGRAM)
		if e != 0 {
			return 0
		}
		if d.SendBuffer > 0 {
			d.loop.Kernel.SetOption(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, d.SendBuffer)
		}
		d.sockets[i] = fd
	}
	total := 0
	for len(b) > 0 {
		n, e := d.loop.Kernel.SendBatch(d.sockets[i], b)
		total += n
		if e != 0 || n == 0 {
			// One that cannot be delivered (nobody listens there) costs itself
			// alone; a full socket costs the rest.
			if e == unix.EAGAIN || len(b) <= n+1 {
				return total
			}
			n++
		}
		b = b[n:]
	}
	return total
}

// Close closes the sockets.
func (d *Datagrams) Close() {
	for i, fd := range d.sockets {
		if fd >= 0 {
			d.loop.Kernel.Close(fd)
			d.sockets[i] = -1
		}
	}
}
