package lbcore

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"gohap/lbcore/config"
	"gohap/lbcore/log"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/stream"
	"gohap/lbcore/transport"
)

// bind opens the listening sockets: one a loop where the address allows it
// (SO_REUSEPORT), one for all otherwise. Every failure is collected, as the
// reference tells all of them.
func (in *Instance) bind() error {
	in.Config.takeSecrets()
	var errs []error
	for _, p := range in.Config.Proxies {
		for _, b := range p.Binds {
			if err := in.bindOne(b); err != nil {
				errs = append(errs, fmt.Errorf("Binding [%s:%d] for %s %s: %w", b.File, b.Line, frontendWord(p), p.Name, err))
			}
		}
	}
	errs = append(errs, in.bindPeers()...)
	if len(errs) > 0 {
		return errors.Join(append(errs, errors.New("[gohap] Some protocols failed to start their listeners! Exiting."))...)
	}
	return nil
}

func frontendWord(p *proxy.Proxy) string {
	if p.Kind == "listen" {
		return "proxy"
	}
	return p.Kind
}

func (in *Instance) bindOne(b *proxy.Bind) error {
	if b.InheritFD >= 0 {
		if err := in.alone(b); err != nil {
			return err
		}
		if err := unix.SetNonblock(b.InheritFD, true); err != nil {
			return fmt.Errorf("cannot use inherited descriptor fd@%d: %w", b.InheritFD, err)
		}
		unix.CloseOnExec(b.InheritFD)
		b.FDs, b.Shared = []int{b.InheritFD}, true
		if !b.Passed {
			in.prepareListener(b.InheritFD, b)
		}
		return nil
	}
	loops := len(in.served(b))
	n := loops
	switch {
	case b.Sockaddr.Family == unix.AF_UNIX, in.Config.Global.NoReusePort:
		n = 1
	case b.Shards > 0:
		n = min(b.Shards, n)
	}
	// More of them than loops are all served: what waits in one would be lost.
	for _, fd := range in.Config.Inherited.take(b) {
		in.prepareListener(fd, b)
		_ = unix.Listen(fd, backlog(b))
		b.FDs = append(b.FDs, fd)
	}
	for range n - len(b.FDs) {
		fd, err := in.openListener(b)
		if err != nil {
			return err
		}
		b.FDs = append(b.FDs, fd)
	}
	b.Shared = b.Sockaddr.Family == unix.AF_UNIX || len(b.FDs) < loops
	return nil
}

// served returns the loops that serve a line.
func (in *Instance) served(b *proxy.Bind) []*loop.Loop {
	if b.Loops == 0 {
		return in.Group.Loops
	}
	var some []*loop.Loop
	for _, l := range in.Group.Loops {
		if b.Loops>>l.ID&1 != 0 {
			some = append(some, l)
		}
	}
	return some
}

// places returns which of the listening sockets of a line a loop listens to: as many
// for each where there are more of them than loops, else one that it shares with
// others.
func (in *Instance) places(b *proxy.Bind, l *loop.Loop) (at []int) {
	loops := in.served(b)
	k := slices.Index(loops, l)
	if k < 0 {
		return nil
	}
	if b.Shared && len(b.FDs) < len(loops) {
		return []int{k % len(b.FDs)}
	}
	for i := k; i < len(b.FDs); i += len(loops) {
		at = append(at, i)
	}
	return at
}

// sharers returns the loops that listen to one socket of a line, nil for one alone.
func (in *Instance) sharers(b *proxy.Bind, place int) *loop.Group {
	if !b.Shared {
		return nil
	}
	var some []*loop.Loop
	for k, l := range in.served(b) {
		if k%len(b.FDs) == place {
			some = append(some, l)
		}
	}
	return in.Group.Of(some)
}

// alone refuses an inherited descriptor that another line serves already: who
// would take what comes by it?
func (in *Instance) alone(b *proxy.Bind) error {
	for _, p := range in.Config.Proxies {
		for _, o := range p.Binds {
			if o == b {
				return nil
			}
			if o.InheritFD == b.InheritFD {
				return fmt.Errorf("the inherited descriptor %d serves [%s:%d] already", b.InheritFD, o.File, o.Line)
			}
		}
	}
	return nil
}

// openListener makes one listening socket.
func (in *Instance) openListener(b *proxy.Bind) (int, error) {
	sa := b.Sockaddr
	fd, err := unix.Socket(sa.Family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("protocol %s: cannot create listening socket (%s)", protocol(sa), config.Reason(err))
	}
	if sa.Family == unix.AF_UNIX {
		err = bindUnix(fd, b)
	} else {
		in.allow(fd, b)
		err = in.bindInet(fd, b)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	in.prepareListener(fd, b)
	if err := unix.Listen(fd, backlog(b)); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("protocol %s: cannot listen to socket (%s) for [%s]", protocol(sa), config.Reason(err), place(b))
	}
	return fd, nil
}

// backlog is how many connections may wait to be accepted.
func backlog(b *proxy.Bind) int {
	switch {
	case b.Backlog > 0:
		return b.Backlog
	case b.Proxy.Backlog > 0:
		return b.Proxy.Backlog
	}
	return int(min(max(b.Proxy.Maxconn.Load(), 1024), 65535))
}

// prepareListener sets what accepted sockets inherit.
func (in *Instance) prepareListener(fd int, b *proxy.Bind) {
	setOptions(fd, b)
	in.Config.Global.Limits.Client.Each(func(level, option, value int) { _ = unix.SetsockoptInt(fd, level, option, value) })
}

// setOptions sets what accepted sockets inherit from their listener, so that no
// call is spent on each. What a kind of socket does not know fails harmlessly.
func setOptions(fd int, b *proxy.Bind) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if b.Proxy.Has(proxy.OptTCPKAClient) {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	}
	if b.UserTimeout > 0 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, b.UserTimeout)
	}
	if b.DeferAccept {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1)
	}
	if b.FastOpen {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, backlog(b))
	}
}

// allow lets a socket be bound as its line says: to an address of others, or to
// what comes by one network interface. A missing interface is not fatal
// (reference).
func (in *Instance) allow(fd int, b *proxy.Bind) {
	if in.Config.FreeBind {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1) // of IPv6 too
	}
	if b.Transparent {
		transport.AllowForeign(transport.System{}, int32(fd), b.Sockaddr.Family)
	}
	if b.Interface == "" {
		return
	}
	if err := unix.BindToDevice(fd, b.Interface); err != nil {
		in.tell(log.Warning, fmt.Sprintf("Binding [%s:%d] for %s %s: protocol %s: cannot bind receiver to device '%s' (%s) for [%s].",
			b.File, b.Line, frontendWord(b.Proxy), b.Proxy.Name, protocol(b.Sockaddr), b.Interface, config.Reason(err), place(b)))
	}
}

func (in *Instance) bindInet(fd int, b *proxy.Bind) error {
	options := []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT}
	if in.Config.Global.NoReusePort {
		options = options[:1]
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, 1); err != nil {
			return fmt.Errorf("protocol %s: cannot set a socket option (%s) for [%s]", protocol(b.Sockaddr), config.Reason(err), place(b))
		}
	}
	if b.Sockaddr.Family == unix.AF_INET6 && (b.V6Only || b.V4V6) {
		only := 0
		if b.V6Only {
			only = 1
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
	}
	for try := 0; ; try++ {
		err := unix.Bind(fd, b.Sockaddr.System())
		if err == nil {
			return nil
		}
		if blocked := in.Config.Blocked; err != unix.EADDRINUSE || blocked == nil || !blocked(try) {
			return fmt.Errorf("protocol %s: cannot bind socket (%s) for [%s]", protocol(b.Sockaddr), config.Reason(err), place(b))
		}
	}
}

// bindUnix binds under a temporary name and renames it over the path, so that
// there is always a socket to connect to.
func bindUnix(fd int, b *proxy.Bind) error {
	path := b.UnixPath
	if path == "" { // abstract
		// The unix package refuses a name as long as that of abns@ is.
		if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: b.Sockaddr.Path}); err != nil {
			return fmt.Errorf("protocol unix_stream: cannot bind socket (%s) for [%s]", config.Reason(err), place(b))
		}
		return nil
	}
	tmp := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	_ = unix.Unlink(tmp)
	err := unix.Bind(fd, &unix.SockaddrUnix{Name: tmp})
	if err == nil && b.Mode != 0 {
		err = unix.Chmod(tmp, b.Mode)
	}
	if err == nil && (b.UID >= 0 || b.GID >= 0) {
		err = unix.Chown(tmp, b.UID, b.GID)
	}
	if err == nil {
		err = unix.Rename(tmp, path)
	}
	if err != nil {
		_ = unix.Unlink(tmp)
		return fmt.Errorf("protocol unix_stream: cannot bind UNIX socket (%s) [%s]", config.Reason(err), path)
	}
	return nil
}

func protocol(sa *loop.Sockaddr) string {
	switch sa.Family {
	case unix.AF_INET6:
		return "tcpv6"
	case unix.AF_UNIX:
		return "unix_stream"
	}
	return "tcpv4"
}

func place(b *proxy.Bind) string {
	if b.InheritFD >= 0 {
		return fmt.Sprintf("fd@%d", b.InheritFD)
	}
	if b.UnixPath != "" {
		return b.UnixPath
	}
	if b.Sockaddr.Path != "" {
		return "abns@" + strings.Trim(b.Sockaddr.Path, "\x00")
	}
	return b.Sockaddr.IP.String()
}

// listen registers the sockets with the loops.
func (in *Instance) listen() {
	burst := in.Config.Global.MaxAccept
	in.accepts = make([][]*stream.Acceptor, len(in.Group.Loops))
	// Every loop has its acceptors before any loop watches a socket: the first
	// connection of a shared one may be handed to another loop at once.
	in.Group.Each(func(l *loop.Loop) {
		w := in.Workers[l.ID]
		w.Housekeep(in.Config.Proxies)
		for _, p := range in.Config.Proxies {
			for _, b := range p.Binds {
				for _, i := range in.places(b, l) {
					a := stream.NewAcceptor(w, b)
					a.Place = i
					in.accepts[l.ID] = append(in.accepts[l.ID], a)
				}
			}
		}
	})
	in.Group.Each(func(l *loop.Loop) {
		acceptors := in.accepts[l.ID]
		in.accepts[l.ID] = acceptors[:0]
		for _, a := range acceptors {
			if in.watch(l, a, burst) {
				in.accepts[l.ID] = append(in.accepts[l.ID], a)
			}
		}
	})
}

// watch begins to accept for an acceptor.
func (in *Instance) watch(l *loop.Loop, a *stream.Acceptor, burst int) bool {
	b := a.Bind
	shared := in.sharers(b, a.Place)
	listen := l.Listen
	if b.Passed {
		listen = l.Receive
	}
	ln, e := listen(int32(b.FDs[a.Place]), a, burst, shared)
	if e != 0 {
		in.slog.Error("cannot watch a listener", "proxy", b.Proxy.Name, "address", place(b), "error", e.Error())
		return false
	}
	a.Listener = ln
	return true
}

// closeListeners closes the listening sockets of some proxies.
func (in *Instance) closeListeners(which func(*proxy.Proxy) bool) {
	in.opening.Lock()
	defer in.opening.Unlock()
	in.eachListener(which, func(fd int, b *proxy.Bind) {
		unix.Close(fd)
		b.FDs = nil
	})
}
