package transport

import (
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/loop/simkernel"
)

// recorder is a Binder that remembers.
type recorder struct {
	options map[[2]int]int
	bound   *loop.Sockaddr
	device  string
	answer  loop.Errno
}

func (r *recorder) Bind(_ int32, at *loop.Sockaddr) loop.Errno { r.bound = at; return r.answer }

func (r *recorder) SetDevice(_ int32, name string) loop.Errno { r.device = name; return unix.ENODEV }

func (r *recorder) SetOption(_ int32, level, option, value int) loop.Errno {
	if r.options == nil {
		r.options = map[[2]int]int{}
	}
	r.options[[2]int{level, option}] = value
	return 0
}

func at(text string) *loop.Sockaddr { return loop.IPSockaddr(netip.MustParseAddrPort(text)) }

func TestSourceApply(t *testing.T) {
	var none *Source
	var r recorder
	if e := none.Apply(&r, 3, unix.AF_INET); e != 0 || r.options != nil || r.bound != nil {
		t.Errorf("no source: %v, %+v", e, r)
	}
	for _, c := range []struct {
		name   string
		source Source
		family int
		answer loop.Errno
		want   loop.Errno
		bound  string
		option [2]int
		value  int
	}{
		{"address", Source{From: at("127.0.0.5:0")}, unix.AF_INET, 0, 0, "127.0.0.5:0", [2]int{unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT}, 1},
		{"port", Source{From: at("127.0.0.5:7")}, unix.AF_INET, 0, 0, "127.0.0.5:7", [2]int{unix.SOL_SOCKET, unix.SO_REUSEADDR}, 1},
		{"range", Source{From: at("127.0.0.5:0"), Ports: &PortRange{Low: 7, High: 9}}, unix.AF_INET, unix.EADDRINUSE, ErrPorts, "127.0.0.5:7", [2]int{unix.SOL_SOCKET, unix.SO_REUSEADDR}, 1},
		{"not ours", Source{From: at("192.0.2.1:0")}, unix.AF_INET, unix.EADDRNOTAVAIL, ErrSource, "192.0.2.1:0", [2]int{unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT}, 1},
		{"foreign", Source{From: at("192.0.2.1:0"), Foreign: true}, unix.AF_INET, unix.EPERM, ErrForeign, "192.0.2.1:0", [2]int{unix.IPPROTO_IP, unix.IP_TRANSPARENT}, 1},
		{"foreign v6", Source{From: at("[2001:db8::1]:0"), Foreign: true}, unix.AF_INET6, 0, 0, "[2001:db8::1]:0", [2]int{unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT}, 1},
		{"user timeout", Source{UserTimeout: 5000}, unix.AF_INET, 0, 0, "", [2]int{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT}, 5000},
		{"mark", Source{Mark: 7, HasMark: true}, unix.AF_INET, 0, 0, "", [2]int{unix.SOL_SOCKET, unix.SO_MARK}, 7},
		{"type of service", Source{TOS: 32, HasTOS: true}, unix.AF_INET, 0, 0, "", [2]int{unix.IPPROTO_IP, unix.IP_TOS}, 32},
		{"type of service v6", Source{TOS: 32, HasTOS: true}, unix.AF_INET6, 0, 0, "", [2]int{unix.IPPROTO_IPV6, unix.IPV6_TCLASS}, 32},
	} {
		r := recorder{answer: c.answer}
		if e := c.source.Apply(&r, 3, c.family); e != c.want {
			t.Errorf("%s: %v, want %v", c.name, e, c.want)
		}
		got := ""
		if r.bound != nil {
			got = r.bound.IP.String()
		}
		if got != c.bound || r.options[c.option] != c.value {
			t.Errorf("%s: bound to %q with %v, want %q with %v=%d", c.name, got, r.options, c.bound, c.option, c.value)
		}
	}
	r = recorder{}
	device := Source{Device: "nosuch0", From: at("127.0.0.5:0")}
	if e := device.Apply(&r, 3, unix.AF_INET); e != 0 || r.device != "nosuch0" {
		t.Errorf("a device that is not there: %v, device %q; reference: passed over", e, r.device)
	}
	r = recorder{}
	if e := device.Apply(&r, 3, unix.AF_UNIX); e != 0 || r.bound != nil || r.device != "" {
		t.Errorf("a unix socket: %v, %+v", e, r)
	}
}

func TestSourceSame(t *testing.T) {
	a, b := &Source{From: at("10.0.0.1:0"), Foreign: true}, &Source{From: at("10.0.0.1:0"), Foreign: true}
	var none *Source
	for _, c := range []struct {
		x, y *Source
		want bool
	}{{none, none, true}, {a, none, false}, {none, a, false}, {a, a, true}, {a, b, true},
		{a, &Source{From: at("10.0.0.2:0"), Foreign: true}, false}, {a, &Source{From: at("10.0.0.1:0")}, false}, {a, &Source{Foreign: true}, false}} {
		if got := c.x.Same(c.y); got != c.want {
			t.Errorf("%+v and %+v: %v", c.x, c.y, got)
		}
	}
}

// idle is a handler that nothing happens to.
type idle struct{ Raw }

func (*idle) Ready(loop.Readiness) {}
func (*idle) Panicked(any)         {}

func TestDialPortRange(t *testing.T) {
	k := simkernel.New()
	l := loop.New(0, k.Loop(), clock.NewFake(time.Unix(1_800_000_000, 0)), 32768, slog.New(slog.NewTextHandler(io.Discard, nil)))
	to := at("10.0.0.9:80")
	k.Serve(to.IP, simkernel.Slow)
	from := &Source{From: at("10.0.0.1:0"), Ports: &PortRange{Low: 5000, High: 5002}}
	k.Occupy(netip.MustParseAddrPort("10.0.0.1:5001"))
	var ports []uint16
	for range 4 {
		c := new(idle)
		if e := c.Dial(l, to, from, c); e != 0 {
			t.Fatal(e)
		}
		ports = append(ports, c.Local().Port())
	}
	if want := []uint16{5000, 5002, 5000, 5002}; !slices.Equal(ports, want) {
		t.Errorf("ports %v, want %v: a taken one is passed over", ports, want)
	}
	k.Occupy(netip.MustParseAddrPort("10.0.0.1:5000"))
	k.Occupy(netip.MustParseAddrPort("10.0.0.1:5002"))
	opened := k.Opened - k.Closed
	c := new(idle)
	if e := c.Dial(l, to, from, c); e != ErrPorts || c.Err() != ErrPorts {
		t.Errorf("all ports taken: %v, %v", e, c.Err())
	}
	if n := k.Opened - k.Closed; n != opened {
		t.Errorf("%d sockets leaked", n-opened)
	}
}
