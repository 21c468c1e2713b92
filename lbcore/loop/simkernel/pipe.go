package simkernel

import (
	"golang.org/x/sys/unix"

	"gohap/lbcore/loop"
)

// pipe is a kernel pipe; both of its descriptors lead to it.
type pipe struct {
	held []byte
	size int
}

// OpenPipe implements loop.Kernel.
func (k *Kernel) OpenPipe() (in, out int32, size int, ok bool) {
	p := &pipe{size: 64 << 10}
	if k.pipes == nil {
		k.pipes = map[int32]*pipe{}
	}
	in, out = k.next+1, k.next+2
	k.next += 2
	k.Opened += 2
	k.pipes[in], k.pipes[out] = p, p
	return in, out, p.size, true
}

// ResizePipe implements loop.Kernel.
func (k *Kernel) ResizePipe(in int32, size int) int {
	k.pipes[in].size = size
	return size
}

// ClosePipe implements loop.Kernel.
func (k *Kernel) ClosePipe(in, out int32) {
	delete(k.pipes, in)
	delete(k.pipes, out)
	k.Closed += 2
}

// Splice implements loop.Kernel.
func (k *Kernel) Splice(from, to int32, n int) (int, loop.Errno) {
	if p := k.pipes[to]; p != nil {
		room := make([]byte, min(n, p.size-len(p.held)))
		if len(room) == 0 {
			return 0, unix.EAGAIN
		}
		n, e := k.Recv(from, room)
		p.held = append(p.held, room[:n]...)
		return n, e
	}
	p := k.pipes[from]
	n, e := k.Send(to, p.held[:min(n, len(p.held))], false)
	p.held = append(p.held[:0], p.held[n:]...)
	return n, e
}
