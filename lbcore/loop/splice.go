package loop

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"gohap/lbcore/buffer"
)

// PipeBudget is what the pipes of all loops of this process may hold.
func PipeBudget() *buffer.Budget { return pipeBudget() }

// pipeBudget asks the kernel once. Beyond pipe-user-pages-soft an unprivileged
// user's pipes shrink to a page or two, those of other programs too: a quarter
// is left to them.
var pipeBudget = sync.OnceValue(func() *buffer.Budget {
	pages := int64(16384)
	if text, err := os.ReadFile("/proc/sys/fs/pipe-user-pages-soft"); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
			pages = n
		}
	}
	return buffer.NewBudget(pages * int64(os.Getpagesize()) / 4 * 3)
})

// SpliceIn moves up to n bytes from a socket into a pipe.
func (l *Loop) SpliceIn(fd int32, p *buffer.Pipe, n int) (int, Errno) {
	l.Stats.Splices++
	n, e := l.Kernel.Splice(fd, p.In, n)
	p.W += n
	l.Stats.BytesIn += int64(n)
	return n, e
}

// SpliceOut moves what a pipe holds to a socket, as far as it takes it.
func (l *Loop) SpliceOut(fd int32, p *buffer.Pipe) (int, Errno) {
	l.Stats.Splices++
	n, e := l.Kernel.Splice(p.Out, fd, p.Len())
	p.R += n
	l.Stats.BytesOut += int64(n)
	l.Stats.Spliced += int64(n)
	return n, e
}

// Splice implements Kernel.
func (k *linux) Splice(from, to int32, n int) (int, Errno) {
	r, _, e := syscall.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n), unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// OpenPipe implements buffer.PipeKernel.
func (k *linux) OpenPipe() (in, out int32, size int, ok bool) {
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC) != nil {
		return 0, 0, 0, false
	}
	size, err := unix.FcntlInt(uintptr(fds[1]), unix.F_GETPIPE_SZ, 0)
	if err != nil || size < 16*os.Getpagesize() { // the user has too many: such a pipe costs more than it saves
		unix.Close(fds[0])
		unix.Close(fds[1])
		return 0, 0, 0, false
	}
	return int32(fds[1]), int32(fds[0]), size, true
}

// ResizePipe implements buffer.PipeKernel.
func (k *linux) ResizePipe(in int32, size int) int {
	unix.FcntlInt(uintptr(in), unix.F_SETPIPE_SZ, size) // refused: it stays as it is
	now, err := unix.FcntlInt(uintptr(in), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		return 16 * os.Getpagesize()
	}
	return now
}

// ClosePipe implements buffer.PipeKernel.
func (k *linux) ClosePipe(in, out int32) {
	unix.Close(int(in))
	unix.Close(int(out))
}
