package link

import (
	"net"
	"time"

	"gohap/lbcore/clock"
)

const (
	// readSize and writeSize are the sizes of a connection's buffers, bytes.
	readSize  = 16 << 10
	writeSize = 32 << 10
	// writeTime is how long a write may take before the connection is given up.
	writeTime = 10 * time.Second
)

// driver is a connection and its session.
type driver struct {
	conn    net.Conn
	x       Session
	due     chan struct{} // something is to be sent, or the session is over
	teaches bool          // the process that takes over
}

// poke has the writer look; it waits for nothing.
func (d *driver) poke() {
	select {
	case d.due <- struct{}{}:
	default:
	}
}

// drive runs a session over a connection until one of them ends; teaches tells that
// it is with the process that takes over.
func (l *Link) drive(conn net.Conn, x Session, teaches bool) {
	d := &driver{conn: conn, x: x, due: make(chan struct{}, 1), teaches: teaches}
	if !l.enter(d) {
		x.Close(clock.Millis())
		conn.Close()
		return
	}
	defer l.leave(d)
	written := make(chan struct{})
	go func() { // ends with the session
		defer close(written)
		d.write()
	}()
	d.read()
	d.poke()
	<-written
}

// read gives the session what comes.
func (d *driver) read() {
	buf := make([]byte, readSize)
	for {
		n, err := d.conn.Read(buf)
		if n > 0 {
			d.x.Receive(buf[:n], clock.Millis())
			d.poke()
		}
		if err != nil {
			d.x.Close(clock.Millis())
			return
		}
		if _, closed := d.x.Closed(); closed {
			return
		}
	}
}

// write sends what the session has to say until it is over, and closes the
// connection.
func (d *driver) write() {
	defer d.conn.Close()
	buf := make([]byte, 0, writeSize+readSize)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		_, closed := d.x.Closed() // before Append: what that leaves is sent
		buf = d.x.Append(buf[:0], writeSize, clock.Millis())
		if len(buf) > 0 {
			_ = d.conn.SetWriteDeadline(clock.Wall().Add(writeTime))
			if _, err := d.conn.Write(buf); err != nil {
				d.x.Close(clock.Millis())
				return
			}
		}
		switch {
		case closed:
			return
		case len(buf) > 0:
			continue
		}
		at, ok := d.x.Deadline()
		if !ok { // it ended by Append
			continue
		}
		timer.Reset(max(time.Duration(int32(at-clock.Millis()))*time.Millisecond, time.Millisecond))
		select {
		case <-d.due:
		case <-timer.C:
		}
	}
}
