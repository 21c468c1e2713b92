package proxy

import (
	"net/netip"
	"sync/atomic"
	"time"

	"gohap/lbcore/acl"
	"gohap/lbcore/auth"
	"gohap/lbcore/balance"
	"gohap/lbcore/certs"
	"gohap/lbcore/h1"
	"gohap/lbcore/loop"
	"gohap/lbcore/mux"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// Mode is a proxy's mode.
type Mode uint8

// The modes.
const (
	TCP Mode = iota
	HTTP
)

// String returns the mode's word.
func (m Mode) String() string {
	if m == HTTP {
		return "http"
	}
	return "tcp"
}

// Options are a proxy's on/off options.
type Options uint64

// The options.
const (
	OptServerClose Options = 1 << iota // http-server-close
	OptClose                           // httpclose
	OptPretend                         // http-pretend-keepalive
	OptForwardFor
	OptOriginalTo
	OptBufferRequest
	OptAbortOnClose
	OptDontLogNull
	OptDontLogNormal
	OptLogAsap
	OptLogSeparateErrors
	OptIgnoreProbes
	OptNoLinger
	OptTCPKAClient
	OptTCPKAServer
	OptRelaxedRequest
	OptRelaxedResponse
	OptSocketStats
	OptContStats
	OptRedispatch
	OptAllBackups
	OptLogHealthChecks
	OptPersist
	OptPreferLastServer
	OptHTTPNoDelay
	OptIndependentStreams
	OptRestrictNamesDelete
	OptRestrictNamesReject
	OptHTTPLog
	OptTCPLog
	OptSpliceRequest
	OptSpliceResponse
	OptSpliceAuto
	OptCheckCache
	OptCaseClient // h1-case-adjust-bogus-client
	OptCaseServer
	OptTransparent
)

// Timeouts are a proxy's time-outs; zero means none was set.
type Timeouts struct {
	Client, Server, Connect, Queue      time.Duration
	HTTPRequest, KeepAlive, Tarpit      time.Duration
	Tunnel, ClientFin, ServerFin, Check time.Duration
	ClientHS                            time.Duration
}

// Capture is one captured header, in order of declaration.
type Capture struct {
	Name []byte // lower-case
	Len  int
}

// CookieCapture is "capture cookie".
type CookieCapture struct {
	Prefix []byte
	Len    int
}

// Switch is one use_backend rule: a backend, or a name computed for each
// request.
type Switch struct {
	Cond    *acl.Cond
	Backend *Proxy
	Name    *sample.Format
	Line    int
}

// Forwarded is option forwardfor or originalto in one section.
type Forwarded struct {
	Header []byte // lower-case
	Except []netip.Prefix
	IfNone bool
}

// ForwardedHeader is option forwarded (RFC 7239): which parameters the field that a
// server gets has, and what they are made of where it is not the plain thing.
type ForwardedHeader struct {
	Proto, Host, By, ByPort, For, ForPort              bool
	HostExpr, ByExpr, ByPortExpr, ForExpr, ForPortExpr *sample.Expr
}

// Proxy is a frontend, a backend or both.
type Proxy struct {
	Name string
	ID   int
	// ForcedID: the configuration gives ID.
	ForcedID bool
	UUID     string
	GUID     string // of its counters in statistics files, "" for none
	Desc     string
	File     string
	Line     int

	IsFrontend, IsBackend bool
	Kind                  string // the section's word, for messages
	Mode                  Mode
	Disabled              bool
	Options               Options
	Timeouts              Timeouts

	// Frontend side.
	Binds          []*Bind
	Maxconn        atomic.Int64 // zero: the process's limit
	MaxSessRate    atomic.Int64 // rate-limit sessions
	Backlog        int
	DefaultBackend *Proxy
	Switches       []Switch
	SessionConns   int // max-session-srv-conns
	MonitorURI     []byte
	MonitorFail    []*acl.Cond
	ReqCaptures    []Capture
	ResCaptures    []Capture
	CookieCapture  *CookieCapture
	Client         mux.ClientConfig

	// Backend side.
	// StateFrom is where the states of servers are read from at the start, StateFile
	// its own file for them.
	StateFrom StateSource
	StateFile string
	// Direct is where requests go that no persistence names a server for, in place of a
	// policy (dispatch, option transparent); nil for none. It is among no servers.
	Direct    *Server
	Algorithm string         // the word of balance
	Balancing balance.Config // what else the policies are made from
	Hashing   Hashing
	Retries   int
	// RedispatchEvery is the argument of option redispatch.
	RedispatchEvery int
	Fullconn        int
	KeepAliveQueue  int64 // how many may wait for the server that a client had last, -1 for no limit
	Reuse           Reuse
	RetryOn         RetryOn
	ServerDecode    h1.Options
	Cookie          *Cookie // nil without
	PersistRules    []PersistRule
	UseServers      []UseServer
	StickRules      []StickRule  // stick on, match and store-request
	StoreRules      []StickRule  // stick store-response
	RDPCookie       *sample.Expr // the value of the cookie of persist rdp-cookie, nil without
	SendName        []byte       // http-send-name-header, lower-case

	// Both.
	// Userlists are those that are asked before the rules, for what cannot wait.
	Userlists      []*auth.List
	TCPConnRules   rule.Set
	TCPSessRules   rule.Set
	TCPReqRules    rule.Set
	TCPResRules    rule.Set
	HTTPReqRules   rule.Set
	RedirectRules  rule.Set
	HTTPResRules   rule.Set
	HTTPAfterRules rule.Set
	InspectDelay   time.Duration
	InspectResp    time.Duration
	ForwardFor     *Forwarded
	OriginalTo     *Forwarded
	Forwarded      *ForwardedHeader // option forwarded, nil without
	Pages          rule.Pages       // errorfile, errorloc, errorfiles, http-error
	Stats          *StatsPage       // nil without a stats line
	Logging        *Logging
	UniqueID       *sample.Format
	UniqueIDHeader []byte
	Filters        []any // stream.Filter, in order of declaration

	// Run time.
	Queue      Queue
	FE, BE     *Counters
	Table      *Table // the stick table that it declares, nil without one
	FEConn     Gauge  // connections on the frontend side: scur, smax
	BEConn     Gauge  // streams on the backend side
	ConnRate   Rate
	SessRate   Rate
	ReqRate    Rate
	BESessRate Rate
	LastSess   atomic.Int64 // wall seconds of the backend's last stream
	LastChange atomic.Int64 // wall seconds of the backend's last change of state
	DownTime   atomic.Int64 // seconds, without the present downtime
	Downs      atomic.Int64 // times that the backend lost its last server
	isDown     atomic.Bool
	State      atomic.Int32 // State
	Reachable  int64        // sum of maxconn of the frontends that reach this backend
	Unlimited  int64        // how many of them have the process's maxconn, zero with a fullconn of its own
	set        atomic.Pointer[ServerSet]
	MaxTimes   MaxTimes
	Paused     atomic.Bool
	LogLines   atomic.Int64 // traffic lines written so far (%lc)
	// The last messages that broke their protocol, see LastMalformed.
	badRequest, badResponse atomic.Pointer[Malformed]
}

// State is a frontend's state as statistics show it.
type State int32

// The states.
const (
	Open State = iota
	Paused
	Stopped
)

// Reuse is http-reuse's mode.
type Reuse uint8

// The reuse modes.
const (
	ReuseSafe Reuse = iota
	ReuseNever
	ReuseAggressive
	ReuseAlways
)

// RetryOn is a set of failures.
type RetryOn uint32

// The failures of retry-on.
const (
	RetryConn RetryOn = 1 << iota
	RetryEmpty
	RetryJunk
	RetryTimeout
	RetryEarly
	Retry401
	Retry403
	Retry404
	Retry408
	Retry421
	Retry425
	Retry429
	Retry500
	Retry501
	Retry502
	Retry503
	Retry504

	// RetryAll is all-retryable-errors.
	RetryAll = RetryConn | RetryEmpty | RetryJunk | RetryTimeout | RetryEarly | Retry500 | Retry502 | Retry503 | Retry504
	// retryStatus are those that a response head decides.
	retryStatus = Retry401 | Retry403 | Retry404 | Retry408 | Retry421 | Retry425 | Retry429 | Retry500 | Retry501 | Retry502 | Retry503 | Retry504
)

// Late tells whether requests may have to be sent again: they have to be kept.
func (r RetryOn) Late() bool { return r&^RetryConn != 0 }

// Status tells whether an answer with this status is a failure to try again.
func (r RetryOn) Status(code int) bool {
	if r&retryStatus == 0 {
		return false
	}
	switch code {
	case 401:
		return r&Retry401 != 0
	case 403:
		return r&Retry403 != 0
	case 404:
		return r&Retry404 != 0
	case 408:
		return r&Retry408 != 0
	case 421:
		return r&Retry421 != 0
	case 425:
		return r&Retry425 != 0
	case 429:
		return r&Retry429 != 0
	case 500:
		return r&Retry500 != 0
	case 501:
		return r&Retry501 != 0
	case 502:
		return r&Retry502 != 0
	case 503:
		return r&Retry503 != 0
	case 504:
		return r&Retry504 != 0
	}
	return false
}

// String returns the mode's word.
func (r Reuse) String() string {
	return [...]string{"safe", "never", "aggressive", "always"}[r]
}

// MaxTimes are the highest times seen, ms.
type MaxTimes struct{ Queue, Connect, Response, Total clockMax }

// SetFullconn sets a fullconn that was not configured: 10 % of what reaches the
// backend, at least 1. maxconn is the process's, zero while it is not known. To be
// called while the instance is made.
func (p *Proxy) SetFullconn(maxconn int64) {
	p.Fullconn = int(max(1, (p.Reachable+p.Unlimited*maxconn+9)/10))
}

// Has tells whether all bits are set.
func (p *Proxy) Has(o Options) bool { return p.Options&o == o }

// ErrorPage returns the reply for a status that this proxy, or the frontend
// behind it, configured; nil means the built-in one.
func (p *Proxy) ErrorPage(status int) *rule.Reply { return p.Pages[status] }

// Bind is one address that a frontend listens on.
type Bind struct {
	Proxy *Proxy
	Name  string
	ID    int
	GUID  string // of its counters in statistics files, "" for none
	File  string
	Line  int

	Sockaddr                                         *loop.Sockaddr // nil for an inherited descriptor
	InheritFD                                        int            // fd@N or sockpair@N, -1 otherwise
	Passed                                           bool           // sockpair@: descriptors come over InheritFD
	UnixPath                                         string
	Mode                                             uint32 // of a unix socket, zero for the default
	UID, GID                                         int    // -1 for the default
	Proto                                            string // what clients speak, "" for what the mode says
	Interface                                        string
	Transparent, V6Only, V4V6, DeferAccept, FastOpen bool
	MSS, Backlog, Nice                               int
	UserTimeout                                      int // tcp-ut, milliseconds
	Maxconn                                          int64
	AcceptProxy                                      bool
	TLS                                              *certs.Front // nil for plain connections
	Shards                                           int          // listening sockets, zero for one a loop
	Loops                                            uint64       // that serve, a bit each from the first on; zero for all

	Counters *Counters
	Conn     Gauge
	FDs      []int // listening descriptors, at least one a loop unless Shared
	Shared   bool  // loops listen to the same ones
}
