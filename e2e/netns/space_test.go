package netns

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// space is a network namespace.
type space struct {
	t    *testing.T
	name string
	fd   int
}

// command runs a program to its end.
func command(t *testing.T, words ...string) {
	t.Helper()
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", words, err, out)
	}
}

// spaces counts namespaces: fleets of one process run side by side.
var spaces atomic.Int32

// newSpace makes a namespace that is gone at the test's end.
func newSpace(t *testing.T, name string) *space {
	t.Helper()
	s := &space{t: t, name: fmt.Sprintf("gohap-%d-%d-%s", os.Getpid(), spaces.Add(1), name)}
	command(t, "ip", "netns", "add", s.name)
	t.Cleanup(func() { command(t, "ip", "netns", "del", s.name) })
	fd, err := unix.Open("/run/netns/"+s.name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.fd = fd
	t.Cleanup(func() { unix.Close(fd) })
	s.ip("link", "set", "lo", "up")
	return s
}

// ip runs the program ip in the namespace.
func (s *space) ip(words ...string) {
	s.t.Helper()
	command(s.t, append([]string{"ip", "-n", s.name}, words...)...)
}

// command is a program that is to run in the namespace.
func (s *space) command(words ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", s.name}, words...)...)
}

// within runs f in the namespace: the sockets that it makes are there.
func (s *space) within(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := unix.Setns(s.fd, unix.CLONE_NEWNET); err != nil {
			s.t.Error(err)
			return
		}
		f()
	}()
	<-done
}

// dial connects from the namespace.
func (s *space) dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	s.within(func() { c, err = new(net.Dialer).DialContext(ctx, network, address) })
	return c, err
}

// listen listens in the namespace.
func (s *space) listen(address string) (l net.Listener) {
	s.t.Helper()
	s.within(func() {
		var err error
		if l, err = net.Listen("tcp", address); err != nil {
			s.t.Error(err)
		}
	})
	return l
}

// bridge joins namespaces: each has eth0, whose other end is in the switch by the name
// of its place.
func bridge(t *testing.T, at func(i int) string, all ...*space) (sw *space) {
	t.Helper()
	sw = newSpace(t, "sw")
	sw.ip("link", "add", "br0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
	sw.ip("link", "set", "br0", "up")
	for i, s := range all {
		sw.ip("link", "add", port(i), "type", "veth", "peer", "name", "eth0", "netns", s.name)
		sw.ip("link", "set", port(i), "master", "br0", "up")
		s.ip("addr", "add", at(i)+"/24", "dev", "eth0")
		s.ip("link", "set", "eth0", "up")
	}
	return sw
}

func port(i int) string { return fmt.Sprint("port", i) }

// drop loses what comes in from some addresses: all of it, or a share in percent. What
// a socket of any kind would get is what is lost; ARP is not.
func (s *space) drop(percent int, from ...string) {
	s.t.Helper()
	rule := "add rule inet fault in ip saddr { " + strings.Join(from, ", ") + " } "
	if percent < 100 {
		rule += fmt.Sprint("numgen random mod 100 < ", percent, " ")
	}
	cmd := s.command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader("add table inet fault\nadd chain inet fault in { type filter hook input priority 0; }\n" + rule + "drop\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%q: %v\n%s", rule, err, out)
	}
}

// mend ends what drop does.
func (s *space) mend() {
	s.t.Helper()
	command(s.t, s.command("nft", "delete", "table", "inet", "fault").Args...)
}
