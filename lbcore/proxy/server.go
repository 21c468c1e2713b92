package proxy

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"gohap/lbcore/certs"
	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/mux"
	"gohap/lbcore/sample"
	"gohap/lbcore/transport"
)

type clockMax = clock.Max

// Admin is a server's administrative state, a set of bits.
type Admin uint32

// Administrative states (reference: show servers state). ConfigMaint only
// remembers that the configuration disabled the server: ForcedMaint stands
// beside it and is what an operator clears.
const (
	ForcedMaint Admin = 1 << iota
	InheritedMaint
	ConfigMaint
	ForcedDrain
	InheritedDrain
	ResolutionMaint
	NameSet // no maintenance: the name is not that of the configuration any more
)

// Maint tells whether the server is in maintenance, for whatever cause.
func (a Admin) Maint() bool { return a&(ForcedMaint|InheritedMaint|ResolutionMaint) != 0 }

// Drain tells whether it takes no new traffic but what persists.
func (a Admin) Drain() bool { return a&(ForcedDrain|InheritedDrain) != 0 }

// Operational is a server's operational state as checks see it.
type Operational uint32

// Operational states, with the reference's numbers.
const (
	Down Operational = iota
	Starting
	Running
	Stopping
)

// Up tells whether a server works and takes new traffic, throttled or not.
func (o Operational) Up() bool { return o == Running || o == Starting }

// Server is one server of a backend.
type Server struct {
	GUID  string // of its counters in statistics files, "" for none
	Proxy *Proxy
	Name  string
	// NameBytes is the name for header fields.
	NameBytes []byte
	ID        int
	File      string
	Line      int

	at          atomic.Pointer[Address]
	FQDN        string     // the name that the configuration gives for its address, "" for none
	Resolving   *Resolving // how names are resolved while the instance runs; nil: they are not
	host        atomic.Pointer[string]
	unreached   atomic.Pointer[func()]
	demoted     atomic.Bool // see IsBackup
	ForcedID    bool        // the configuration gives ID
	Rise        int         // of its checks, also where there are none
	Fall        int
	Backup      bool
	Weight0     int // configured weight
	Slowstart   int // seconds, zero for none
	Maxconn     atomic.Int64
	Minconn     int
	Maxqueue    int
	Strict      bool // strict-maxconn
	Cookie      string
	SendProxy   *SendProxy // nil: none
	Check       *CheckConfig
	Agent       *AgentConfig
	Watch       Watch
	Config      mux.ServerConfig
	SNI         *sample.Expr      // names the server in TLS, nil for no name
	Source      *transport.Source // where connections come from, nil for the kernel's choice
	Spoof       *Spoof            // what decides it for each stream, nil for none
	CheckSource *transport.Source // where checks come from
	MaxIdle     int               // pool-max-conn, -1 for no limit
	LowIdle     int               // pool-low-conn
	MaxReuse    int               // -1 for no limit
	PurgeTime   time.Duration
	NonStick    bool
	Redir       []byte // what clients are redirected to, before the path; nil: it is connected to
	RingKey     uint32 // place on hash rings, see hash-key

	TLS      *certs.Back // what SetTLS switches on, nil for nothing
	Release  func()      // lets go of what the server uses of the configuration; nil for nothing
	ssl      ssl
	seated   atomic.Pointer[seat]
	life     life
	Dynamic  bool   // it was added while the instance ran
	Revision uint64 // servers that were deleted before it was added

	weight atomic.Int64 // user weight now, 0 to 256
	admin  atomic.Uint32
	oper   atomic.Uint32
	eff    atomic.Int64 // effective weight, what the policy sees
	warm   atomic.Int64 // seconds since it came up, while it is Starting

	checkAt, agentAt atomic.Pointer[Probe]

	mu       sync.Mutex // guards changes of state; readers use the atomics
	health   Health
	agent    Health
	checks   checkState
	watched  watched
	onChange func(*Server)
	onWarm   func()

	line     line         // requests that wait for this server, under Proxy.Queue.mu
	requeued atomic.Int64 // see Requeued

	Counters   *Counters
	Conn       Gauge // streams that use this server now
	Used       Gauge // connections in use
	Idle       Gauge // idle connections over all loops
	Safe       Gauge // those of them that were reused before
	Open       Gauge // connections, those that sessions keep included
	peak       clock.Max
	need       atomic.Int64 // see Need
	estimateAt atomic.Int64 // when it is due, monotonic ns
	SessRate   Rate
	MaxTimes   MaxTimes
	LastSess   atomic.Int64
	loops      []*loop.Loop // see Share
	limits     *IdleLimits
	pools      []idlePool
}

// SendProxy is the PROXY header that a server is sent first.
type SendProxy struct {
	Version int // 1 or 2
	// What version 2 says beyond the addresses.
	SSL, CertCN, Cipher, CertSig, CertKey bool
	Authority, UniqueID, Checksum         bool
	TLVs                                  []TLV // in front of all others
}

// TLV is one whose value is computed for each connection.
type TLV struct {
	Kind  byte
	Value *sample.Format
}

// Spoof is whose address a server is to see (usesrc).
type Spoof struct {
	Header *sample.Expr // the address in a header field; nil for the client's
	Port   bool         // the client's port too
}

// Address is where a server is. It is not changed; another one takes its place.
type Address struct {
	To   *loop.Sockaddr
	Text string // as statistics print it
	// Relative: the port is the client's plus Offset (reference: an address
	// without a port, or with +N).
	Relative bool
	Offset   int
	Lost     bool   // see WithoutAddress
	LostPort uint16 // likewise
	key      string // see Server.StickKey; set by Move
}

// Address returns where the server is now; any goroutine or loop.
func (s *Server) Address() *Address { return s.at.Load() }

// Move says where the server is from now on; any goroutine, of which a is none's
// any more. Connections that stand go on, idle ones are used no more.
func (s *Server) Move(a *Address) {
	a.key = a.stickKey()
	s.at.Store(a)
}

// stickKey is what names the address in stick tables. Reference: IPv6 addresses have
// no brackets.
func (a *Address) stickKey() string {
	switch {
	case a.To == nil:
		return ""
	case a.To.IP.Addr().IsValid():
		return a.To.IP.Addr().String() + ":" + strconv.Itoa(int(a.To.IP.Port()))
	}
	return a.To.Path
}

// CheckConfig is how a server is checked.
type CheckConfig struct {
	Type                        string // tcp, …
	Inter, FastInter, DownInter time.Duration
	Rise, Fall                  int
	Addr                        *loop.Sockaddr
	OwnAddr, OwnPort            bool          // Addr has them of its own, not the server's
	Timeout                     time.Duration // timeout check, zero when unset
	ConnectTime                 time.Duration
	Start                       time.Duration // spread of the first check
	// Plan is what is done on the connection, of package check; nil is to connect.
	Plan any
	// Init is init-state, "" for none.
	Init string
}

// Health is a server's check state. It is changed under Server.mu.
type Health struct {
	Value      int // 0 to Rise+Fall-1
	Status     string
	Verdict    Verdict
	Code       int
	Desc       string
	Duration   time.Duration
	LastChange int64 // wall seconds
	DownSince  int64
	DownTime   int64
	Fails      int64 // checks that failed while the server was up
	Downs      int64 // times that it went down
	InProgress bool
}

// Usable tells whether new traffic may go to the server; any goroutine.
func (s *Server) Usable() bool { return s.eff.Load() > 0 }

// UserWeight returns the weight now, 0 to 256; any goroutine.
func (s *Server) UserWeight() int { return int(s.weight.Load()) }

// Admin returns the administrative state; any goroutine.
func (s *Server) Admin() Admin { return Admin(s.admin.Load()) }

// Oper returns the operational state; any goroutine.
func (s *Server) Oper() Operational { return Operational(s.oper.Load()) }

// Health returns a copy of the check state; any goroutine.
func (s *Server) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}

// Init sets the state a server starts with: running, with one failure left
// when it is checked, or stopped in maintenance. onChange is told of every later
// change, under no lock.
func (s *Server) Init(wallSec int64, onChange func(*Server)) {
	s.onChange = onChange
	s.weight.Store(int64(s.Weight0))
	s.oper.Store(uint32(Running))
	s.health.LastChange = wallSec
	if s.Rise == 0 {
		s.Rise, s.Fall = 2, 3 // the defaults
	}
	s.health.Value = s.Rise // reference: also of a server without check, until a maintenance
	if s.Check != nil {
		s.health.Value = s.Check.Rise // reference: UP with health = rise
		s.health.Status = "INI"
		s.initState(wallSec)
	}
	s.initAgent(wallSec)
	if s.Dynamic { // reference: its checks wait for their own command, not for the maintenance's end
		s.checks.off.Store(true)
		s.checks.agentOff.Store(true)
	}
	if s.Admin().Maint() {
		s.checks.paused.Store(!s.Dynamic)
		s.stop(wallSec)
	}
	s.settle()
}

// settle recomputes the effective weight; the caller holds mu or the server
// is not shared yet.
func (s *Server) settle() {
	w := s.scaled() // reference: dynamic algorithms see weight x 16
	if a := s.Admin(); a.Maint() || a.Drain() || s.Oper() == Down || s.Oper() == Stopping {
		w = 0
	}
	s.eff.Store(w)
}

// changed settles and tells the owner.
func (s *Server) changed() {
	s.mu.Lock()
	s.settle()
	s.mu.Unlock()
	if s.onChange != nil {
		s.onChange(s)
	}
	s.requeued.Store(s.requeue())
}

// SetWeight changes the user weight, 0 to 256; any goroutine.
func (s *Server) SetWeight(w int) {
	s.weight.Store(int64(w))
	s.changed()
}

// SetAdmin sets and clears administrative bits; any goroutine. Reference: what
// enters maintenance is stopped, and counts as a time that it went down if it
// was not; what leaves it starts anew, with one failure left, whatever was known
// before.
func (s *Server) SetAdmin(set, clear Admin, wallSec int64) {
	s.SetOwnAdmin(set, clear, wallSec)
	for _, f := range s.Followers() {
		f.Inherit(wallSec)
	}
}

// SetOwnAdmin is SetAdmin without the servers that track this one: Inherit hands
// it on to each.
func (s *Server) SetOwnAdmin(set, clear Admin, wallSec int64) {
	s.mu.Lock()
	before := s.Admin()
	after := before&^clear | set
	s.admin.Store(uint32(after))
	switch was, is := before.Maint(), after.Maint(); {
	case is && !was:
		if s.Oper() != Down {
			s.health.Downs++
		}
		s.checks.paused.Store(!s.ChecksOff())
		s.stop(wallSec)
	case was && !is:
		s.restart(wallSec, s.checks.paused.Swap(false))
	}
	s.mu.Unlock()
	s.changed()
}

// stop makes the server one that is down; the caller holds mu or the server is
// not shared yet.
func (s *Server) stop(wallSec int64) {
	if s.Oper() == Down { // reference: what is known of it stays
		return
	}
	s.health.Value, s.health.LastChange, s.health.DownSince = 0, wallSec, wallSec
	s.oper.Store(uint32(Down))
}

// restart makes a stopped server run again; the caller holds mu. Reference: with
// checks that were not paused it runs with what they know of it, until one fails.
func (s *Server) restart(wallSec int64, paused bool) {
	h := &s.health
	h.DownTime += wallSec - h.DownSince
	h.LastChange = wallSec
	is := Running
	if t := s.Watch.Track; t != nil {
		is = t.Oper()
	}
	s.run(is)
	s.checks.forced = false
	switch {
	case s.Check == nil:
	case paused:
		h.Value = s.Check.Rise
		s.initState(wallSec)
	default:
		s.checks.unproven = h.Value < s.Check.Rise
	}
	if s.Agent != nil && s.agent.Value == 0 {
		s.oper.Store(uint32(Down))
	}
}

// SetInProgress marks a running check, which statistics show as "* ".
func (s *Server) SetInProgress(v bool) {
	s.mu.Lock()
	s.health.InProgress = v
	s.mu.Unlock()
}
