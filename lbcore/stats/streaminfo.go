package stats

import (
	"net/netip"
	"time"
)

// Never is a deadline that is not set.
const Never = time.Duration(-1)

// StreamInfo is one stream as "show sess" prints it. A StreamWalker fills it on
// the stream's loop; slices and strings that point into the stream's memory are
// valid until visit returns.
type StreamInfo struct {
	Ptr      uint64 // the identifier that "show sess 0x…" and "shutdown session" take
	ID       uint64 // number since the start, %rt's namesake
	Accepted time.Time
	Proto    string         // tcpv4, tcpv6, unix_stream
	Source   netip.AddrPort // invalid for a unix socket: printed as unix:Listener
	Age      time.Duration  // since the stream began
	Calls    int            // events handled so far
	Expire   time.Duration  // until the stream's own timer, Never

	Frontend, Backend, Server       string // "" where there is none yet
	FrontendID, BackendID, ServerID int
	FrontendMode, BackendMode       string
	Listener                        string // name of the bind line, "" prints ?
	ListenerID                      int
	ListenerAddr                    string

	Flags       uint32
	Retries     int           // connection attempts left before giving up
	RetryExpire time.Duration // until the connect time-out, Never
	Queued      bool          // waits in a server's or the backend's queue
	Loop        int

	HTTP     bool // the following four are of an HTTP exchange
	Method   string
	URI      string
	Status   int    // -1 before the response
	ReqState string // "data", "done", …
	RspState string

	Request, Response Channel
	Client, Upstream  Endpoint
}

// Channel is one direction of a stream.
type Channel struct {
	Flags     uint32
	Analysers uint32        // phases still to come
	Input     int           // bytes received, not forwarded yet
	Output    int           // bytes forwarded, not sent yet
	Total     int64         // bytes since the stream began
	ToForward int64         // bytes that may pass unseen, -1 for all
	Expire    time.Duration // until a phase's time-out, Never
	Size      int           // of the buffer
}

// Endpoint is one side of a stream.
type Endpoint struct {
	State    SideState
	Flags    uint32
	FD       int // -1 when there is none
	ReadExp  time.Duration
	WriteExp time.Duration
	Timeout  time.Duration // of input and output
	Mux      string        // H1, PASS, …; "" when there is no connection
	Applet   string        // instead of a connection
	Xprt     string        // RAW, SSL
}

// SideState is a side's state, with the reference's numbers.
type SideState uint8

// The states.
const (
	SideInit         SideState = iota // INI
	SideRequested                     // REQ
	SideQueued                        // QUE
	SideTurnAround                    // TAR: waits before the next attempt
	SideAssigned                      // ASS
	SideConnecting                    // CON
	SideConnError                     // CER
	SideReady                         // RDY
	SideEstablished                   // EST
	SideDisconnected                  // DIS
	SideClosed                        // CLO
)

var sideNames = [...]string{"INI", "REQ", "QUE", "TAR", "ASS", "CON", "CER", "RDY", "EST", "DIS", "CLO"}

func (s SideState) String() string { return sideNames[min(s, SideClosed)] }
