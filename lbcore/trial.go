package lbcore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"gohap/lbcore/build"
	"gohap/lbcore/cli"
	"gohap/lbcore/config"
	"gohap/lbcore/proxy"
	"gohap/lbcore/transport"
)

// Bindable tells whether this process could bind what a configuration listens to, beside
// the instance that serves: its own addresses pass, those of other processes do not, also
// where SO_REUSEPORT would let both have them. Nothing is listened to, so nobody's
// connections are disturbed. The error has a line for each address. Any goroutine.
func (in *Instance) Bindable(c *Config) error {
	var errs []error
	has := in.listensTo()
	try := func(b *proxy.Bind, of string) {
		if b.InheritFD >= 0 || has[socketKey(b)] {
			return
		}
		if err := c.try(b); err != nil {
			errs = append(errs, fmt.Errorf("Binding [%s:%d] for %s: %w", b.File, b.Line, of, err))
		}
	}
	for _, p := range c.Proxies {
		for _, b := range p.Binds {
			try(b, frontendWord(p)+" "+p.Name)
		}
	}
	for _, p := range c.Peers {
		if p.Bind != nil {
			try(p.Bind, "peers "+p.Name)
		}
	}
	for i := range c.Global.Sockets {
		s := &c.Global.Sockets[i]
		if slices.ContainsFunc(in.Config.Global.Sockets, func(o build.StatsSocket) bool { return o.Network == s.Network && o.Address == s.Address }) {
			continue
		}
		if err := tryCommands(s.Socket); err != nil {
			errs = append(errs, fmt.Errorf("Binding [%s] for frontend GLOBAL: %w", s.Pos, err))
		}
	}
	return errors.Join(errs...)
}

// listensTo are the keys of what the instance listens to.
func (in *Instance) listensTo() map[string]bool {
	names, _ := in.ExposedSockets()
	has := map[string]bool{}
	for _, name := range names {
		has[name] = true
	}
	for _, p := range in.Config.Peers {
		if p.Bind != nil {
			has[socketKey(p.Bind)] = true
		}
	}
	return has
}

// try binds what a line says, and lets go of it.
func (c *Config) try(b *proxy.Bind) error {
	if b.Sockaddr.Family == unix.AF_UNIX {
		return tryUnix(b.UnixPath, b.Sockaddr.Path)
	}
	return tryInet(b.Sockaddr.Family, b.Sockaddr.System(), func(fd int) {
		if c.FreeBind {
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
		}
		if b.Transparent {
			transport.AllowForeign(transport.System{}, int32(fd), b.Sockaddr.Family)
		}
		if b.Interface != "" {
			_ = unix.BindToDevice(fd, b.Interface)
		}
		if b.V6Only {
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
		}
	})
}

// tryCommands is try for a command socket.
func tryCommands(s cli.Socket) error {
	switch s.Network {
	case "unix":
		if name, ok := strings.CutPrefix(s.Address, "@"); ok {
			return tryUnix("", "\x00"+name)
		}
		return tryUnix(s.Address, "")
	case "tcp":
		a, err := netip.ParseAddrPort(s.Address)
		if err != nil {
			return nil // what was resolved is not known here
		}
		if a.Addr().Is4() {
			return tryInet(unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}, nil)
		}
		return tryInet(unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}, nil)
	}
	return nil
}

// tryUnix tells whether a socket can be made where a path says, or under an abstract name.
// A path that is there is replaced by whoever serves next, as the reference does it.
func tryUnix(path, abstract string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	name, shown := abstract, "abns@"+strings.Trim(abstract, "\x00")
	if path != "" {
		name, shown = fmt.Sprintf("%s.%d.try", path, os.Getpid()), path
		_ = unix.Unlink(name)
		defer unix.Unlink(name)
	}
	// The unix package refuses a name as long as that of abns@ is.
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: name}); err != nil {
		return fmt.Errorf("protocol unix_stream: cannot bind UNIX socket (%s) [%s]", config.Reason(err), shown)
	}
	return nil
}

// tryInet binds an address alone first. Where that is taken it is shared (SO_REUSEPORT)
// as an instance would: that says who cannot have it at all, and what is left is whether
// all who listen there are this process.
func tryInet(family int, sa unix.Sockaddr, allow func(fd int)) error {
	err := bindOnce(family, sa, allow, false)
	if err == unix.EADDRINUSE {
		if err = bindOnce(family, sa, allow, true); err == nil && foreign(sa) {
			err = unix.EADDRINUSE
		}
	}
	if err != nil {
		name := map[int]string{unix.AF_INET: "tcpv4", unix.AF_INET6: "tcpv6"}[family]
		return fmt.Errorf("protocol %s: cannot bind socket (%s) for [%s]", name, config.Reason(err), inetOf(sa))
	}
	return nil
}

func bindOnce(family int, sa unix.Sockaddr, allow func(fd int), share bool) error {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if allow != nil {
		allow(fd)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if share {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	return unix.Bind(fd, sa)
}

func inetOf(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// foreign tells whether somebody else than this process listens at an address.
func foreign(sa unix.Sockaddr) bool {
	want := inetOf(sa)
	own := map[string]bool{}
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, name := range links {
		if to, err := os.Readlink(name); err == nil {
			own[to] = true
		}
	}
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		for _, l := range listeners(family) {
			if l.at.Port() != want.Port() || own[fmt.Sprintf("socket:[%d]", l.inode)] {
				continue
			}
			if a, b := l.at.Addr().Unmap(), want.Addr().Unmap(); a == b || a.IsUnspecified() || b.IsUnspecified() {
				return true
			}
		}
	}
	return false
}

// listening is a TCP socket that listens; by inode descriptors name it.
type listening struct {
	at    netip.AddrPort
	inode uint32
}

// What sock_diag(7) is asked and answers: struct inet_diag_req_v2 and inet_diag_msg.
const (
	diagByFamily = 20
	diagListen   = 1 << 10 // TCP_LISTEN
	diagRequest  = 56
	diagAnswer   = 72
)

// listeners asks the kernel for the sockets of a family that listen, by netlink: the list
// in /proc has every connection of the machine too.
func listeners(family byte) (all []listening) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	q := make([]byte, unix.NLMSG_HDRLEN+diagRequest)
	n := binary.NativeEndian
	n.PutUint32(q, uint32(len(q)))
	n.PutUint16(q[4:], diagByFamily)
	n.PutUint16(q[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	body := q[unix.NLMSG_HDRLEN:]
	body[0], body[1] = family, unix.IPPROTO_TCP
	n.PutUint32(body[4:], diagListen)
	if err := unix.Sendto(fd, q, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil
	}
	buf := make([]byte, 64<<10)
	for {
		k, _, err := unix.Recvfrom(fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return all
		}
		messages, err := syscall.ParseNetlinkMessage(buf[:k])
		if err != nil || len(messages) == 0 {
			return all
		}
		for _, m := range messages {
			if m.Header.Type != diagByFamily { // done, or an error
				return all
			}
			if len(m.Data) < diagAnswer {
				continue
			}
			host := m.Data[8:24]
			if family == unix.AF_INET {
				host = host[:4]
			}
			a, _ := netip.AddrFromSlice(host)
			all = append(all, listening{netip.AddrPortFrom(a, binary.BigEndian.Uint16(m.Data[4:])), n.Uint32(m.Data[68:])})
		}
	}
}
