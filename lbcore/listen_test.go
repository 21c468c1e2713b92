package lbcore

import (
	"testing"

	"golang.org/x/sys/unix"

	"gohap/lbcore/proxy"
)

// TestListenerOptions asks the kernel what bind lines made of their sockets:
// accepted connections inherit it.
func TestListenerOptions(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	is := func(name string, option, want int) {
		t.Helper()
		if got, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, option); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", name, got, err, want)
		}
	}
	p := &proxy.Proxy{Backlog: 77}
	setOptions(fd, &proxy.Bind{Proxy: p})
	is("nodelay", unix.TCP_NODELAY, 1)
	is("no tcp-ut", unix.TCP_USER_TIMEOUT, 0)
	is("no defer-accept", unix.TCP_DEFER_ACCEPT, 0)
	is("no tfo", unix.TCP_FASTOPEN, 0)
	setOptions(fd, &proxy.Bind{Proxy: p, UserTimeout: 30000, DeferAccept: true, FastOpen: true})
	is("tcp-ut", unix.TCP_USER_TIMEOUT, 30000)
	is("defer-accept", unix.TCP_DEFER_ACCEPT, 1)
	is("tfo", unix.TCP_FASTOPEN, 77)
}
