package proxy

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"gohap/lbcore/sample"
	"gohap/lbcore/transport"
)

// Process is what all proxies of an instance share: the global limits, gauges
// and totals. Every field may be read by any goroutine.
type Process struct {
	Maxconn     atomic.Int64
	HardMaxconn int64
	MaxConnRate atomic.Int64
	MaxSessRate atomic.Int64
	Conn        Gauge // connections of all frontends
	Streams     Gauge
	ConnRate    Rate
	SessRate    Rate
	Totals      *Counters // CumConns, CumReq, BytesOut, …
	MaxReached  atomic.Int64
	Dropped     atomic.Int64 // log lines
	Malformed   atomic.Int64 // messages that broke their protocol
	StreamID    atomic.Uint64
	Stopping    atomic.Bool
	Parting     atomic.Bool // connections end after their request: the node is drained
	// PartFrom is when a soft stop began, monotonic ns; PartTime how long connections
	// are closed from then on, ns: all at once with zero, none below it
	// (close-spread-time).
	PartFrom atomic.Int64
	PartTime int64
	SSL      SSL
	Facts    *sample.Process
	// Resumers are told when a connection slot of the process is freed while
	// listeners are paused for want of one.
	Waiting atomic.Int32
}

// Parts tells whether a soft stop has come to a connection by now, monotonic ns: seed
// is its share of the time, any number.
func (p *Process) Parts(seed, now int64) bool {
	switch {
	case !p.Stopping.Load():
		return false
	case p.PartTime == 0:
		return true
	case p.PartTime < 0:
		return false
	}
	share := float64(uint64(seed)*0x9e3779b97f4a7c15>>11) / (1 << 53)
	return float64(now-p.PartFrom.Load()) >= share*float64(p.PartTime)
}

// SSL counts the TLS connections of the process, those of both sides unless a
// field says otherwise.
type SSL struct {
	Conns     Gauge
	Total     atomic.Int64
	Most      atomic.Int64 // maxsslconn, zero for no limit
	MostRate  atomic.Int64 // maxsslrate
	Rate      Rate         // of clients' connections
	FrontKeys Rate         // of those, full handshakes
	BackKeys  Rate         // full handshakes with servers
}

// Alive counts connections that come (1) or go (-1).
func (s *SSL) Alive(n int64) {
	if n < 0 {
		s.Conns.Dec()
		return
	}
	s.Conns.Inc()
	s.Total.Add(1)
}

// Accept counts a client's connection whose handshake begins, at now (monotonic ns).
func (s *SSL) Accept(now int64) { s.Rate.Count(now) }

// Front counts a client's handshake that is over, at now (monotonic ns).
func (s *SSL) Front(now int64, resumed bool) {
	if !resumed {
		s.FrontKeys.Count(now)
	}
}

// Back counts a handshake with a server.
func (s *SSL) Back(now int64, resumed bool) {
	if !resumed {
		s.BackKeys.Count(now)
	}
}

// MaxSock is how many sockets the process is expected to need at most (reference:
// two a connection, and some).
func (p *Process) MaxSock() int { return int(2*p.HardMaxconn) + 22 }

// Limits are the tune.* values that streams need.
type Limits struct {
	LogURILen  int // tune.http.logurilen
	CookieLen  int
	BufSize    int
	MaxRewrite int
	NoSplice   bool // nosplice: bytes are always copied
	PipeSize   int  // tune.pipesize, zero for sizes by need
	Client     SocketSizes
	Server     SocketSizes
	LogSend    int // tune.sndbuf.backend: the send buffer of sockets for log lines
	// NoPrivilegedPorts is harden.reject-privileged-ports.tcp.
	NoPrivilegedPorts bool
	// StickCounters is how many entries of stick tables a connection or a stream
	// may track (tune.stick-counters).
	StickCounters int
	Records       transport.Records // of TLS
	// RulesAtOnce is tune.max-rules-at-once, zero for no bound.
	RulesAtOnce int
	// ErrCodes and FailCodes are the statuses of a server's answer that are an error
	// of the client, and a failure of the server.
	ErrCodes, FailCodes StatusSet
	// Vars is how much memory variables may take.
	Vars VarLimits
}

// VarLimits are the sizes of the variables of sessions, bytes, zero for no limit: each
// scope's with those of the scopes inside it (tune.vars.*-max-size).
type VarLimits struct {
	Sess, Txn, ReqRes int
	On                bool // there is one, of the process's or the whole too
}

// StatusSet is a set of statuses from 100 to 599.
type StatusSet [8]uint64

// Has tells whether a status is in the set.
func (t *StatusSet) Has(code int) bool {
	i := uint(code - 100)
	return i < 500 && t[i>>6]&(1<<(i&63)) != 0
}

// StandardCodes are the two sets without http-err-codes and http-fail-codes.
func StandardCodes() (errors, failures StatusSet) {
	errors.Put(400, 499, true)
	failures.Put(500, 599, true)
	failures.Put(501, 501, false)
	failures.Put(505, 505, false)
	return errors, failures
}

// Put adds the statuses from low to high, or takes them out.
func (t *StatusSet) Put(low, high int, in bool) {
	for i := low - 100; i <= high-100; i++ {
		if in {
			t[i>>6] |= 1 << (i & 63)
		} else {
			t[i>>6] &^= 1 << (i & 63)
		}
	}
}

// SocketSizes are sizes of what the kernel holds for a connection, bytes, zero for
// its own choice.
type SocketSizes struct{ Receive, Send, Unsent int }

// Each calls set for the options of a socket that differ from the kernel's choice.
func (z *SocketSizes) Each(set func(level, option, value int)) {
	if z.Receive > 0 {
		set(unix.SOL_SOCKET, unix.SO_RCVBUF, z.Receive)
	}
	if z.Send > 0 {
		set(unix.SOL_SOCKET, unix.SO_SNDBUF, z.Send)
	}
	if z.Unsent > 0 {
		set(unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, z.Unsent)
	}
}

// IdleRules are the process's rules for idle server connections.
type IdleRules struct {
	Apart     bool // loops do not use each other's (tune.idle-pool.shared off)
	LowRatio  int  // tune.pool-low-fd-ratio, percent
	HighRatio int  // tune.pool-high-fd-ratio, percent
}
