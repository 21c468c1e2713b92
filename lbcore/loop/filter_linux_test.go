package loop

import (
	"net"
	"testing"
	"time"
)

// TestDropSYN: a listener that drops SYNs is silent to who connects, keeps what was
// accepted and what waits, and takes the client's next try when the filter is gone.
func TestDropSYN(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		var plain net.ListenConfig
		plain.SetMultipathTCP(false) // as those of the loops are
		l, err := plain.Listen(t.Context(), "tcp", at)
		if err != nil {
			t.Skip("install a kernel with IPv6 on loopback")
		}
		defer l.Close()
		raw, err := l.(*net.TCPListener).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		with := func(f func(int) error) {
			t.Helper()
			_ = raw.Control(func(fd uintptr) { err = f(int(fd)) })
			if err != nil {
				t.Fatal(err)
			}
		}
		before, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer before.Close()
		with(TakeSYN) // nothing there yet
		with(DropSYN)
		if c, err := net.DialTimeout("tcp", l.Addr().String(), 200*time.Millisecond); err == nil {
			c.Close()
			t.Fatal("a connection came about")
		} else if e, ok := err.(net.Error); !ok || !e.Timeout() {
			t.Fatal("refused, not dropped:", err)
		}
		waiting, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer waiting.Close()
		if _, err := before.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := waiting.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		tried := make(chan error, 1)
		go func() { // its first SYN may be dropped, the next one comes a second later
			c, err := net.DialTimeout("tcp", l.Addr().String(), 5*time.Second)
			if err == nil {
				c.Close()
			}
			tried <- err
		}()
		with(TakeSYN)
		if err := <-tried; err != nil {
			t.Fatal(err)
		}
	}
}
