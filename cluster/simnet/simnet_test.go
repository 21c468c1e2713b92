package simnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

var a, b = netip.MustParseAddrPort("10.0.0.1:9410"), netip.MustParseAddrPort("10.0.0.2:9410")

func pair(t *testing.T, n *Net) (from, to net.Conn) {
	t.Helper()
	l, err := n.Listen(b)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	from, err = n.Dial(t.Context(), a.Addr(), b)
	if err != nil {
		t.Fatal(err)
	}
	to, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return from, to
}

// TestStream: in order, after the delay, whole before the end.
func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		defer n.Close()
		n.Delay(10*time.Millisecond, 5*time.Millisecond)
		from, to := pair(t, n)
		text := bytes.Repeat([]byte("0123456789"), 50_000)
		begin := time.Now()
		go func() {
			from.Write(text)
			from.Close()
		}()
		got, err := io.ReadAll(to)
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if took := time.Since(begin); took < 50*time.Millisecond || took > time.Second {
			t.Errorf("after %v", took)
		}
		to.Close()
	})
}

// TestCut: one way alone stands still, and goes on.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		defer n.Close()
		from, to := pair(t, n)
		n.Cut(a.Addr(), b.Addr(), true)
		from.Write([]byte("x"))
		to.Write([]byte("y"))
		one := make([]byte, 1)
		if _, err := from.Read(one); err != nil || one[0] != 'y' {
			t.Error(err)
		}
		to.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := to.Read(one); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := n.Dial(ctx, a.Addr(), b); err == nil {
			t.Error("a connection across a cut")
		}
		cancel()
		n.Cut(a.Addr(), b.Addr(), false)
		to.SetReadDeadline(time.Time{})
		if _, err := to.Read(one); err != nil || one[0] != 'x' {
			t.Error(err)
		}
		if _, err := n.Dial(t.Context(), a.Addr(), b); err == nil {
			t.Error("nobody listens")
		}
		n.Crash(b.Addr())
		if _, err := from.Read(one); err != io.EOF {
			t.Error(err)
		}
		from.Write([]byte("x"))
		time.Sleep(time.Second)
		if _, err := from.Write([]byte("x")); !errors.Is(err, errReset) {
			t.Error(err)
		}
		from.Close()
	})
}

// TestPackets: some are lost, the others come in time.
func TestPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(7)
		defer n.Close()
		n.Loss(0.2)
		n.Delay(time.Millisecond, time.Millisecond)
		p, err := n.ListenPacket(a)
		if err != nil {
			t.Fatal(err)
		}
		q, err := n.ListenPacket(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.ListenPacket(a); err == nil {
			t.Error("one address twice")
		}
		for range 1000 {
			p.WriteTo([]byte("x"), q.LocalAddr())
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		if got := len(q.in); got < 700 || got > 900 {
			t.Errorf("%d of 1000 arrived", got)
		}
		buf := make([]byte, 10)
		if k, from, err := q.ReadFrom(buf); k != 1 || err != nil || from.String() != "10.0.0.1:9410" {
			t.Errorf("%d %v %v", k, from, err)
		}
		n.Crash(b.Addr())
		if _, _, err := q.ReadFrom(buf); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		p.Close()
	})
}
