package loop

import "golang.org/x/sys/unix"

// The socket filter of a listener that takes no new connection. It sees a segment
// from its TCP header on.
//
//	ldb  [13]        the flags
//	jset #SYN, drop
//	ret  all
//	drop: ret 0
var noSYN = [...]unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},
	{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 0x02, Jt: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

// DropSYN has the kernel drop, without an answer, every segment that would open a new
// connection to a listening socket of TCP: the client sends it again, and may reach
// another machine then. Handshakes under way and the accept queue are not touched.
// Any goroutine; the socket, of which others may hold copies, keeps it.
func DropSYN(fd int) error {
	filter := noSYN
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// TakeSYN undoes DropSYN. Any goroutine.
func TakeSYN(fd int) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
	if err == unix.ENOENT { // it has none
		return nil
	}
	return err
}
