package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"gohap/lbcore/config"
)

// Socket is one address of "stats socket".
type Socket struct {
	// Network is "unix", "tcp", "fd" or "sockpair". Address is a path ("@name" for
	// an abstract one), host:port, or the inherited descriptor's number.
	Network, Address string
	Mode             os.FileMode // of a unix socket, zero leaves what umask gives
	UID, GID         int         // of a unix socket, -1 leaves the process's
	Level            Level
	Severity         SeverityOutput
	ExposeFDs        bool // "expose-fd listeners"
	Order            int  // place in the configuration, from 0
	Internal         bool // the master's: lists leave it out
}

// String returns the address as "show cli sockets" prints it.
func (k Socket) String() string {
	switch k.Network {
	case "tcp":
		if host, _, err := net.SplitHostPort(k.Address); err == nil {
			if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
				return "ipv6@" + k.Address
			}
		}
		return "ipv4@" + k.Address
	case "fd":
		return "fd@" + k.Address
	case "sockpair":
		return "sockpair@" + k.Address
	}
	if name, ok := strings.CutPrefix(k.Address, "@"); ok {
		return "abns@" + strings.TrimRight(name, "\x00")
	}
	return "unix@" + k.Address
}

func sortSockets(all []Socket) []Socket {
	slices.SortFunc(all, func(a, b Socket) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.String(), b.String()))
	})
	return all
}

// Listen opens a socket's listener. A unix socket is bound under a temporary
// name and renamed over its path, so that a client always finds one and a
// second process may take the path over.
func Listen(k Socket) (net.Listener, error) {
	switch k.Network {
	case "unix":
		if k.Address != "" && k.Address[0] == '@' {
			return net.Listen("unix", k.Address)
		}
		return listenUnix(k)
	case "tcp":
		return listenTCP(k.Address)
	case "fd":
		return listenFD(k.Address)
	case "sockpair":
		return listenPassed(k.Address)
	}
	return nil, fmt.Errorf("stats socket: network %q is none of unix, tcp, fd and sockpair", k.Network)
}

// listenTCP shares its port: the process that takes over opens it before the
// present one lets go.
func listenTCP(address string) (net.Listener, error) {
	shared := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }); e != nil {
			return e
		}
		return err
	}}
	return shared.Listen(context.Background(), "tcp", address)
}

func listenUnix(k Socket) (net.Listener, error) {
	tmp := fmt.Sprintf("%s.%d.tmp", k.Address, os.Getpid())
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("cannot bind UNIX socket (%s) [%s]", config.Reason(err), k.Address)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: tmp, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("cannot bind UNIX socket (%s) [%s]", config.Reason(err), k.Address)
	}
	l.SetUnlinkOnClose(false) // reference: the path stays, the next process renames over it
	if err := own(tmp, k); err != nil {
		l.Close()
		os.Remove(tmp)
		return nil, fmt.Errorf("cannot bind UNIX socket (%s) [%s]", config.Reason(err), k.Address)
	}
	return l, nil
}

// own sets mode and owner and moves the socket to its place.
func own(tmp string, k Socket) error {
	if k.UID >= 0 || k.GID >= 0 {
		if err := os.Chown(tmp, k.UID, k.GID); err != nil {
			return err
		}
	}
	if k.Mode != 0 {
		if err := os.Chmod(tmp, k.Mode); err != nil {
			return err
		}
	}
	return os.Rename(tmp, k.Address)
}

// bare strips the path that os errors carry.
func bare(err error) error {
	var path *os.PathError
	var link *os.LinkError
	var call *os.SyscallError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	case errors.As(err, &call):
		return call.Err
	}
	return err
}

// listenFD takes a listening socket that the parent left open. The descriptor
// itself is closed: the listener works on its own copy.
func listenFD(number string) (net.Listener, error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("stats socket fd@%s: not a descriptor's number", number)
	}
	f := os.NewFile(uintptr(n), "fd@"+number)
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("stats socket fd@%s: %w", number, bare(err))
	}
	f.Close()
	return l, nil
}
