package lbcore

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// foreign tells whether somebody else than this process listens at an address, as the
// kernel's lists have it (proc_net_tcp.txt of its documentation).
func foreign(sa unix.Sockaddr) bool {
	want := inetOf(sa)
	own := map[string]bool{}
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, name := range links {
		if to, err := os.Readlink(name); err == nil {
			own[to] = true
		}
	}
	for _, list := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // a kernel without IPv6
		}
		for line := range strings.Lines(string(text)) {
			at, inode, ok := listener(line)
			if !ok || at.Port() != want.Port() || own["socket:["+inode+"]"] {
				continue
			}
			if a, b := at.Addr().Unmap(), want.Addr().Unmap(); a == b || a.IsUnspecified() || b.IsUnspecified() {
				return true
			}
		}
	}
	return false
}

// listener reads a line of the kernel's list of TCP sockets: where it listens, and the
// number by which its descriptors name it.
func listener(line string) (at netip.AddrPort, inode string, ok bool) {
	const listening = "0A"
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != listening {
		return at, "", false
	}
	host, port, _ := strings.Cut(f[1], ":")
	raw, err := hex.DecodeString(host)
	n, bad := strconv.ParseUint(port, 16, 16)
	if err != nil || bad != nil || len(raw)%4 != 0 {
		return at, "", false
	}
	for i := 0; i < len(raw); i += 4 { // words in the machine's order
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a, uint16(n)), f[9], ok
}
