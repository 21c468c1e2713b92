package loop

import (
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gohap/lbcore/clock"
)

// interrupting is a kernel whose first waits end as the runtime's signal ends
// them; what is sent is counted.
type interrupting struct {
	Kernel
	left  int
	waits []int
	sent  int
}

func (k *interrupting) Wait(_ []Event, ms int, _ bool) (int, Errno) {
	k.waits = append(k.waits, ms)
	if k.left > 0 {
		k.left--
		return 0, unix.EINTR
	}
	return 0, 0
}

func (k *interrupting) Socket(int, int) (int32, Errno) { return 7, 0 }

func (k *interrupting) SendBatch(_ int32, b []Datagram) (int, Errno) {
	k.sent += len(b)
	return len(b), 0
}

// A signal that ends the short wait for company does not leave datagrams
// behind until the next event.
func TestDatagramsSurviveInterruptions(t *testing.T) {
	k := &interrupting{left: 1}
	l := New(0, k, clock.NewFake(time.Unix(1_800_000_000, 0)), 4096, slog.Default())
	d := NewDatagrams(l)
	d.Send(&Sockaddr{Family: unix.AF_INET}, []byte("line"))
	l.hasLazy = true
	l.wait()
	if k.sent != 0 || len(k.waits) != 1 {
		t.Fatalf("sent %d, waits %v: the turn should begin again", k.sent, k.waits)
	}
	l.wait()
	if k.sent != 1 {
		t.Errorf("sent %d after a quiet wait, waits %v", k.sent, k.waits)
	}
}
