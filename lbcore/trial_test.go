package lbcore

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestListeners: what the kernel says to listen has our own socket, by its address and
// with an inode.
func TestListeners(t *testing.T) {
	for family, host := range map[byte]string{unix.AF_INET: "127.0.0.1", unix.AF_INET6: "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Logf("no %s: %v", host, err)
			continue
		}
		want := l.Addr().(*net.TCPAddr).AddrPort()
		found := 0
		for _, k := range listeners(family) {
			if k.at == want && k.inode != 0 {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%v is there %d times", want, found)
		}
		l.Close()
	}
}

// TestTryInet: an address that is taken is refused, one that this process shares is not.
func TestTryInet(t *testing.T) {
	try := func(a netip.AddrPort) error {
		return tryInet(unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}, nil)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	if err := try(at); err == nil || !strings.Contains(err.Error(), "cannot bind socket (Address already in use) for [127.0.0.1:") {
		t.Errorf("shared with nobody: %v", err)
	}
	l.Close()
	if err := try(at); err != nil {
		t.Error(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	if err := try(at); err != nil {
		t.Errorf("its own: %v", err)
	}
	if err := tryUnix(t.TempDir()+"/no/such/folder", ""); err == nil {
		t.Error("a socket in no folder")
	}
	if err := tryInet(unix.AF_INET, &unix.SockaddrInet4{Port: 1, Addr: [4]byte{192, 0, 2, 1}}, nil); err == nil {
		t.Error("an address that is nobody's")
	}
}
