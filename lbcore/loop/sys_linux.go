package loop

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"gohap/lbcore/invariant"
)

// linux is the real Kernel: one epoll set and one eventfd a loop. Raw calls
// are safe here because each is non-blocking (O_NONBLOCK sockets,
// MSG_DONTWAIT); the one that waits is bounded by its caller or goes through
// the scheduler.
type linux struct {
	epfd, wakefd int32
	headers      [batchMax]mmsghdr
	vectors      [batchMax]unix.Iovec
	passed       passed
}

// threadTime is what the thread has had of processors, in ns: with assertions only,
// where tests ask whether it was a loop that took long or the machine.
func threadTime() int64 {
	if !invariant.Enabled {
		return 0
	}
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return t.Nano()
}

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	header unix.Msghdr
	sent   uint32
	_      [4]byte
}

// wakeGen marks the eventfd's registration; generations never reach it.
const wakeGen = -1

// NewKernel returns the Linux kernel's side of a loop.
func NewKernel() (Kernel, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	ev, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(ep)
		return nil, err
	}
	k := &linux{epfd: int32(ep), wakefd: int32(ev)}
	if e := k.Add(k.wakefd, In, wakeGen); e != 0 {
		k.Release()
		return nil, e
	}
	return k, nil
}

func (k *linux) Wait(ev []Event, ms int, yield bool) (int, Errno) {
	var n uintptr
	var e syscall.Errno
	p := uintptr(unsafe.Pointer(&ev[0]))
	if yield {
		n, _, e = syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(k.epfd), p, uintptr(len(ev)), uintptr(ms), 0, 0)
	} else {
		n, _, e = syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(k.epfd), p, uintptr(len(ev)), uintptr(ms), 0, 0)
	}
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

func (k *linux) ctl(op int, fd int32, want Readiness, gen int32) Errno {
	ev := unix.EpollEvent{Events: uint32(want), Fd: fd, Pad: gen}
	_, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(k.epfd), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	return e
}

func (k *linux) Add(fd int32, want Readiness, gen int32) Errno {
	return k.ctl(unix.EPOLL_CTL_ADD, fd, want, gen)
}

func (k *linux) Modify(fd int32, want Readiness, gen int32) Errno {
	return k.ctl(unix.EPOLL_CTL_MOD, fd, want, gen)
}

func (k *linux) Remove(fd int32) Errno { return k.ctl(unix.EPOLL_CTL_DEL, fd, 0, 0) }

func (k *linux) Wake() {
	one := uint64(1)
	syscall.RawSyscall(unix.SYS_WRITE, uintptr(k.wakefd), uintptr(unsafe.Pointer(&one)), 8)
}

func (k *linux) Woken() {
	var x uint64
	syscall.RawSyscall(unix.SYS_READ, uintptr(k.wakefd), uintptr(unsafe.Pointer(&x)), 8)
}

func (k *linux) IsWake(ev *Event) bool { return ev.Gen == wakeGen }

// Peek implements Kernel.
func (k *linux) Peek(fd int32, p []byte) (int, Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_PEEK, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

func (k *linux) Recv(fd int32, p []byte) (int, Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

func (k *linux) Send(fd int32, p []byte, more bool) (int, Errno) {
	flags := uintptr(unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT)
	if more {
		flags |= unix.MSG_MORE
	}
	n, _, e := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

func (k *linux) Accept(fd int32) (int32, netip.AddrPort, Errno) {
	var sa unix.RawSockaddrAny
	size := uint32(unsafe.Sizeof(sa))
	n, _, e := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if e != 0 {
		return -1, netip.AddrPort{}, e
	}
	return int32(n), decodeAddr(&sa), 0
}

func (k *linux) Socket(family, kind int) (int32, Errno) {
	n, _, e := syscall.RawSyscall(unix.SYS_SOCKET, uintptr(family), uintptr(kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC), 0)
	if e != 0 {
		return -1, e
	}
	return int32(n), 0
}

func (k *linux) SendBatch(fd int32, b []Datagram) (int, Errno) {
	n := min(len(b), batchMax)
	for i := range n {
		k.vectors[i] = unix.Iovec{Base: unsafe.SliceData(b[i].Data), Len: uint64(len(b[i].Data))}
		k.headers[i] = mmsghdr{header: unix.Msghdr{Name: &b[i].To.raw[0], Namelen: b[i].To.length, Iov: &k.vectors[i], Iovlen: 1}}
	}
	r, _, e := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&k.headers[0])), uintptr(n), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

func (k *linux) Connect(fd int32, to *Sockaddr) Errno {
	_, _, e := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&to.raw[0])), uintptr(to.length))
	return e
}

func (k *linux) Bind(fd int32, at *Sockaddr) Errno {
	_, _, e := syscall.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&at.raw[0])), uintptr(at.length))
	return e
}

func (k *linux) SetDevice(fd int32, name string) Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, uintptr(unsafe.Pointer(unsafe.StringData(name))), uintptr(len(name)), 0)
	return e
}

func (k *linux) Close(fd int32) Errno {
	_, _, e := syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	return e
}

func (k *linux) Shutdown(fd int32, how int) Errno {
	_, _, e := syscall.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), uintptr(how), 0)
	return e
}

func (k *linux) SetOption(fd int32, level, option, value int) Errno {
	if level == unix.SOL_SOCKET && option == unix.SO_LINGER {
		l := unix.Linger{Onoff: 1, Linger: int32(value)}
		_, _, e := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&l)), unsafe.Sizeof(l), 0)
		return e
	}
	v := int32(value)
	_, _, e := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&v)), 4, 0)
	return e
}

func (k *linux) SocketError(fd int32) Errno {
	var v, size int32 = 0, 4
	_, _, e := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ERROR, uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&size)), 0)
	if e != 0 {
		return e
	}
	return Errno(v)
}

func (k *linux) LocalAddr(fd int32) netip.AddrPort {
	var sa unix.RawSockaddrAny
	size := uint32(unsafe.Sizeof(sa))
	_, _, e := syscall.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)))
	if e != 0 {
		return netip.AddrPort{}
	}
	return decodeAddr(&sa)
}

func (k *linux) Release() {
	k.Close(k.epfd)
	k.Close(k.wakefd)
}

// decodeAddr returns the zero value for unix sockets. IPv4-mapped addresses
// of dual-stack listeners come out as IPv4, as the reference reports them.
func decodeAddr(sa *unix.RawSockaddrAny) netip.AddrPort {
	switch sa.Addr.Family {
	case unix.AF_INET:
		p := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(p.Addr), hostOrder(p.Port))
	case unix.AF_INET6:
		p := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom16(p.Addr).Unmap(), hostOrder(p.Port))
	}
	return netip.AddrPort{}
}

func hostOrder(port uint16) uint16 { return port>>8 | port<<8 }
