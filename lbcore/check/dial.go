package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"gohap/lbcore/transport"
)

// overPair is what a checked address of sockpair@ is dialled as.
const overPair = "sockpair"

// Dial opens a connection, from nil for the kernel's choice.
type Dial func(ctx context.Context, from *transport.Source, network, address string) (net.Conn, error)

// dial connects by the machine's network.
func dial(ctx context.Context, from *transport.Source, network, address string) (net.Conn, error) {
	if network == overPair {
		return pass(address)
	}
	d := net.Dialer{Control: func(network, _ string, c syscall.RawConn) error {
		family := unix.AF_UNIX
		switch network {
		case "tcp4":
			family = unix.AF_INET
		case "tcp6":
			family = unix.AF_INET6
		}
		var e syscall.Errno
		if err := c.Control(func(fd uintptr) { e = from.Apply(transport.System{}, int32(fd), family) }); err != nil {
			return err
		}
		if e != 0 {
			return errSource
		}
		return nil
	}}
	return d.DialContext(ctx, network, address)
}

// errSource says that the source address cannot be bound.
var errSource = errors.New("can't bind to source address")

// pass makes a pair of connected sockets and passes one of them over a
// descriptor, given by its number.
func pass(number string) (net.Conn, error) {
	over, err := strconv.Atoi(number)
	if err != nil {
		return nil, fmt.Errorf("descriptor %q: %w", number, err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	f := os.NewFile(uintptr(pair[0]), "sockpair@"+number)
	defer f.Close()
	err = unix.Sendmsg(over, []byte{0, 0}, unix.UnixRights(pair[1]), nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	unix.Close(pair[1])
	if err != nil {
		return nil, os.NewSyscallError("sendmsg", err)
	}
	return net.FileConn(f)
}
