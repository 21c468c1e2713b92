package lbcore

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"golang.org/x/sys/unix"

	"gohap/lbcore/proxy"
)

// Sockets are listening descriptors on their way from one process or instance to
// the next, by what they listen to. Who takes none of them closes them by Close.
type Sockets struct{ open map[string][]int }

// getSockets is the command that asks a process for its listening sockets.
const getSockets = "_getsocks\n"

// Receive asks the process at the other end of a command socket for its listening
// sockets, which has to allow it by "expose-fd listeners". conn stays open.
func Receive(conn *net.UnixConn) (*Sockets, error) {
	if _, err := conn.Write([]byte(getSockets)); err != nil {
		return nil, err
	}
	var names strings.Builder
	var fds []int
	buf, control := make([]byte, 65536), make([]byte, unix.CmsgSpace(4*64))
	for {
		n, oobn, _, _, err := conn.ReadMsgUnix(buf, control)
		names.Write(buf[:n])
		more, bad := descriptors(control[:oobn])
		fds = append(fds, more...)
		if err != nil || bad != nil || n == 0 {
			if err = errors.Join(err, bad); err != nil && !errors.Is(err, io.EOF) {
				closeAll(fds)
				return nil, err
			}
			break
		}
	}
	lines := strings.Split(strings.TrimRight(names.String(), "\n"), "\n")
	if len(fds) == 0 && lines[0] != "" {
		return nil, fmt.Errorf("no listening sockets were handed over: %s", lines[0])
	}
	if len(fds) == 0 { // it has none of its own
		return &Sockets{}, nil
	}
	if len(lines) != len(fds) {
		closeAll(fds)
		return nil, fmt.Errorf("%d names for %d descriptors", len(lines), len(fds))
	}
	s := &Sockets{open: map[string][]int{}}
	for i, fd := range fds {
		s.open[lines[i]] = append(s.open[lines[i]], fd)
	}
	return s, nil
}

func descriptors(control []byte) (fds []int, err error) {
	messages, err := unix.ParseSocketControlMessage(control)
	for i := range messages {
		some, bad := unix.ParseUnixRights(&messages[i])
		if bad != nil {
			return fds, bad
		}
		for _, fd := range some {
			unix.CloseOnExec(fd)
		}
		fds = append(fds, some...)
	}
	return fds, err
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// take returns the descriptors that listen to what a line says, which belong to
// the caller.
func (s *Sockets) take(b *proxy.Bind) []int {
	if s == nil {
		return nil
	}
	key := socketKey(b)
	fds := s.open[key]
	delete(s.open, key)
	return fds
}

// Close closes what nobody took.
func (s *Sockets) Close() {
	if s == nil {
		return
	}
	for _, fds := range s.open {
		closeAll(fds)
	}
	s.open = nil
}

// socketKey says what a socket listens to, in one line. Lines with the same one
// may take each other's sockets.
func socketKey(b *proxy.Bind) string {
	where := place(b)
	if b.UnixPath != "" {
		where = "unix@" + where
	}
	return fmt.Sprintf("%s interface=%q transparent=%v v6only=%v", where, b.Interface, b.Transparent, b.V6Only)
}

// ExposedSockets returns the listening sockets and what they listen to, by which
// the next process knows them, and the keys of session tickets; any goroutine. The
// descriptors stay the instance's. Inherited ones are not among them: whoever gave
// them gives them again.
func (in *Instance) ExposedSockets() (names []string, fds []int) {
	// Before opening, which loops take and which is no lock to wait for another with.
	certified := in.Config.Certs != nil && in.Config.Certs.Holds()
	in.opening.Lock()
	defer in.opening.Unlock()
	in.eachListener(all, func(fd int, b *proxy.Bind) {
		if b.InheritFD < 0 {
			names, fds = append(names, socketKey(b)), append(fds, fd)
		}
	})
	if fd := in.secretsFD(certified); fd >= 0 {
		names, fds = append(names, secretsName), append(fds, fd)
	}
	return names, fds
}

// HandOver returns copies of the listening sockets for an instance in the same
// process.
func (in *Instance) HandOver() (*Sockets, error) {
	s := &Sockets{open: map[string][]int{}}
	names, fds := in.ExposedSockets()
	for i, fd := range fds {
		copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.open[names[i]] = append(s.open[names[i]], copied)
	}
	return s, nil
}
