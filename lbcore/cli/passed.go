package cli

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// passed is a listener whose connections come as descriptors over a unix socket
// that the parent left open.
type passed struct{ over *net.UnixConn }

func listenPassed(number string) (net.Listener, error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("stats socket sockpair@%s: not a descriptor's number", number)
	}
	c, err := fileConn(n, "sockpair@"+number)
	if err != nil {
		return nil, fmt.Errorf("stats socket sockpair@%s: %w", number, bare(err))
	}
	over, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("stats socket sockpair@%s: not a unix socket", number)
	}
	return passed{over}, nil
}

// fileConn makes a connection of a descriptor, which it closes.
func fileConn(fd int, name string) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	return net.FileConn(f)
}

// Accept implements net.Listener. It fails when the other end is gone.
func (p passed) Accept() (net.Conn, error) {
	var data [16]byte
	control := make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, _, _, err := p.over.ReadMsgUnix(data[:], control)
		if err != nil {
			return nil, err
		}
		if n == 0 && oobn == 0 {
			return nil, io.EOF
		}
		if c := take(control[:oobn]); c != nil {
			return c, nil
		}
	}
}

// take makes a connection of the first descriptor of a control message and closes
// the others; nil when there is none, or none that can be a connection.
func take(control []byte) net.Conn {
	var taken net.Conn
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			if taken != nil {
				unix.Close(fd)
			} else if c, err := fileConn(fd, "passed"); err == nil {
				taken = c
			}
		}
	}
	return taken
}

// Close implements net.Listener.
func (p passed) Close() error { return p.over.Close() }

// Addr implements net.Listener.
func (p passed) Addr() net.Addr { return p.over.LocalAddr() }
