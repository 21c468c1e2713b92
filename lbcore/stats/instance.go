package stats

import (
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/keyword"
	"gohap/lbcore/log"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/trace"
	"gohap/resolvers"
)

// Host is what a cli.Server's Host must offer for the commands of this
// package.
type Host interface{ Stats() *Instance }

// Instance is what statistics are asked of: one running configuration and the
// process around it. The fields are set before the first command; what may
// change while it runs is a function, called on the goroutine of the
// connection that asks.
type Instance struct {
	Proxies []*proxy.Proxy // in the order of the configuration
	Rings   []*log.Ring    // likewise
	// Resolvers are the sections whose name servers are asked, likewise.
	Resolvers []*resolvers.Section
	Trace     *trace.Set // what the commands for traces set
	Process   *proxy.Process
	Group     *loop.Group
	Clock     clock.Source // nil means the machine's clock

	// Words is the registry: a column, field or modifier that was taken out of
	// it is not there. nil means all.
	Words *keyword.Set

	Name        string // "gohap"
	Version     string // "3.2.0-gohap0.1.0"
	ReleaseDate string // yyyy/mm/dd
	BuildInfo   string
	Node        string // the keyword node or the host's name
	Description string
	PID         int
	Started     int64 // wall seconds
	StartedMono int64 // monotonic ns
	BootTime    time.Duration
	MemMax      int64 // bytes of -m, zero for none
	ULimitN     int
	MaxSock     int
	Maxpipes    int

	// More are metrics of others for the exporter, nil for none. It is called on loops
	// and must not wait; what it returned does not change.
	More func() []Metric

	// Live facts; nil counts as zero.
	Jobs      func() int
	Listeners func() int
	// CommandsNow and CommandsTotal are the connections of command sockets, present
	// and since the start: fields count them as the reference does.
	CommandsNow   func() int
	CommandsTotal func() int64

	Warnings   func() int64 // emitted since the start
	Environ    func() []string
	StartupLog func() string
	// Pools are the pools that "show pools" lists beside the loops' buffers.
	Pools func() []PoolInfo
	// Streams walks the streams of one loop; see StreamWalker. nil means none.
	Streams StreamWalker
	// Descriptors walks the descriptors of one loop; nil means none.
	Descriptors DescriptorWalker

	// Operator does what the forms of statistics pages ask for; nil refuses all.
	Operator Operator
	// Operations is where it is done.
	Operations Operations

	meter meter
}

// has tells whether a word is in the registry.
func (in *Instance) has(c keyword.Class, name string) bool {
	return in.Words == nil || in.Words.Lookup(c, name) != nil
}

// modifiers returns which of the words are modifiers of "show info" and "show
// stat"; others are passed over (reference).
func (in *Instance) modifiers(words []string) map[string]bool {
	m := map[string]bool{}
	for _, w := range words {
		m[w] = in.has(keyword.StatModifier, w)
	}
	return m
}

// PoolInfo is one line of "show pools".
type PoolInfo struct {
	Name      string
	Size      int // bytes of one object
	Allocated int
	Used      int
}

// StreamWalker visits the streams of a loop for "show sess". It is called on
// that loop, with at nil first, fills into for each stream and calls visit,
// until visit returns false; it returns where to go on, nil at the end. Between
// two calls the loop turns: streams end and their objects serve others, so what
// it returns must be safe to go on from, a stream's number and not its address.
// into is reused between calls of visit; whatever visit keeps it copies.
type StreamWalker func(l *loop.Loop, at any, into *StreamInfo, visit func() bool) (next any)
