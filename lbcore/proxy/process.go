package proxy

import (
	"sync/atomic"

	"gohap/lbcore/sample"
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
	StreamID    atomic.Uint64
	Stopping    atomic.Bool
	Facts       *sample.Process
	// Resumers are told when a connection slot of the process is freed while
	// listeners are paused for want of one.
	Waiting atomic.Int32
}

// Limits are the tune.* values that streams need.
type Limits struct {
	LogURILen  int // tune.http.logurilen
	CookieLen  int
	BufSize    int
	MaxRewrite int
	NoSplice   bool // nosplice: bytes are always copied
	PipeSize   int  // tune.pipesize, zero for sizes by need
}

// IdleRules are the process's rules for idle server connections.
type IdleRules struct {
	Apart     bool // loops do not use each other's (tune.idle-pool.shared off)
	LowRatio  int  // tune.pool-low-fd-ratio, percent
	HighRatio int  // tune.pool-high-fd-ratio, percent
}
