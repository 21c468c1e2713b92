package loop

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// passed is what one message with a descriptor in it needs, kept so that neither
// way allocates.
type passed struct {
	header  unix.Msghdr
	vector  unix.Iovec
	data    [2]byte // reference: two zero bytes go along
	control [24]byte
}

// rights is the size of a control message with one descriptor, unpadded.
const rights = unix.SizeofCmsghdr + 4

// arm points the header at its parts; the kernel has changed it since last time.
func (p *passed) arm() {
	p.vector = unix.Iovec{Base: &p.data[0], Len: uint64(len(p.data))}
	p.header = unix.Msghdr{Iov: &p.vector, Iovlen: 1, Control: &p.control[0], Controllen: uint64(len(p.control))}
}

// Receive implements Kernel. There is room for one descriptor: the kernel closes
// those that come with it. It becomes non-blocking, whatever its sender left.
func (k *linux) Receive(over int32) (int32, Errno) {
	p := &k.passed
	p.arm()
	n, _, e := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(over), uintptr(unsafe.Pointer(&p.header)), unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if e != 0 {
		return -1, e
	}
	c := (*unix.Cmsghdr)(unsafe.Pointer(&p.control[0]))
	if p.header.Controllen < rights || c.Level != unix.SOL_SOCKET || c.Type != unix.SCM_RIGHTS {
		if n == 0 {
			return -1, unix.ENOTCONN // the stream has ended
		}
		return -1, 0
	}
	// Of two, the alignment lets the second one in.
	for at := uint64(rights); at+4 <= c.Len; at += 4 {
		k.Close(*(*int32)(unsafe.Pointer(&p.control[at])))
	}
	fd := *(*int32)(unsafe.Pointer(&p.control[unix.SizeofCmsghdr]))
	flags, _, e := syscall.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFL, 0)
	if e == 0 && flags&unix.O_NONBLOCK == 0 {
		_, _, e = syscall.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_SETFL, flags|unix.O_NONBLOCK)
	}
	if e != 0 {
		k.Close(fd)
		return -1, 0
	}
	return fd, 0
}

// Pass implements Kernel.
func (k *linux) Pass(over int32) (int32, Errno) {
	var pair [2]int32
	if _, _, e := syscall.RawSyscall6(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, uintptr(unsafe.Pointer(&pair)), 0, 0); e != 0 {
		return -1, e
	}
	p := &k.passed
	p.arm()
	p.data, p.control = [2]byte{}, [24]byte{}
	c := (*unix.Cmsghdr)(unsafe.Pointer(&p.control[0]))
	c.Level, c.Type, c.Len = unix.SOL_SOCKET, unix.SCM_RIGHTS, rights
	*(*int32)(unsafe.Pointer(&p.control[unix.SizeofCmsghdr])) = pair[1]
	_, _, e := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(over), uintptr(unsafe.Pointer(&p.header)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	k.Close(pair[1])
	if e != 0 {
		k.Close(pair[0])
		return -1, e
	}
	return pair[0], 0
}
