package stream

import (
	"net/netip"

	"gohap/lbcore/buffer"
	"gohap/lbcore/certs"
	"gohap/lbcore/loop"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/lbcore/trace"
	"gohap/lbcore/transport"
)

// Phase is where a stream stands.
type Phase uint8

// The phases, in order.
const (
	phaseInspect Phase = iota // tcp-request content rules of the frontend
	phaseMonitor
	phaseFrontRules
	phaseSwitch
	phaseBackInspect
	phaseBackRules
	phaseRewrite
	phaseServer
	phaseQueue    // waiting for a slot of a server
	phaseConnect  // dialing
	phaseRetry    // waiting before another attempt
	phaseSend     // the server connection stands
	phaseForward  // request sent or on its way, response head awaited
	phaseResponse // response rules
	phaseData     // response body
	phaseTunnel
	phaseTarpit
	ended
)

var phaseNames = [...]string{"frontend content rules", "monitor", "frontend rules", "switching", "backend content rules", "backend rules", "rewriting",
	"server", "queue", "connect", "retry", "send", "forward", "response rules", "data", "tunnel", "tarpit", "ended"}

// String names the phase.
func (p Phase) String() string { return phaseNames[p] }

// Times are the moments of a stream's life in monotonic ns; zero when not
// reached.
type Times struct {
	Begin    int64 // of the request's first byte, or of the accept
	Request  int64 // head complete
	Rules    int64 // backend known, waiting for a server begins
	Queue    int64 // left the queue: connect begins
	Connect  int64 // connected
	Response int64 // response head complete
	Tarpit   int64
}

// Stream is one exchange. Exported fields are for fetches, actions and logs;
// they run on its loop.
type Stream struct {
	W      *Worker
	Sess   *Session
	FE, BE *proxy.Proxy
	Server *proxy.Server
	ID     uint64
	Times  Times
	Term   [4]byte // termination state
	Status int     // status for the log, -1 when there is none
	Req    *message.Head
	Res    *message.Head
	Ctx    sample.Context
	Arena  buffer.Arena

	// What the log line needs after the heads are gone; all in Arena.
	Method, URI, Version []byte
	Major, Minor         uint8
	ResMajor, ResMinor   uint8 // of the server's response
	ReqCaptured          [][]byte
	ResCaptured          [][]byte
	ReqCookie, ResCookie []byte
	UniqueID             []byte
	LogLevel             int8 // 0 none set, -1 silent, else level+1
	Nice                 int16
	Reply                *rule.Reply
	Conns                [5]int64 // actconn, feconn, beconn, srv_conn, retries at the end
	BytesIn, BytesOut    int64
	piped                [2]int64 // of these, through a pipe
	Retries              int
	Redispatched         bool // it went to another server than it was given first
	loose                bool // persistence does not choose any more
	leaving              bool // behind the pause that runs another server is chosen
	former               former
	Direct               bool // persistence chose the server, not the policy
	retryLimit           retryLimit
	NoRetry              bool // the request is not sent twice (disable-l7-retry)
	Forced               bool // it stays with that server whatever its state (force-persist)
	cookie               cookieState
	stores               []store // keys that stick rules took
	Early                bool    // the line may be written before the end: option logasap
	LogOrigin            LogOrigin
	QueueSrv, QueueBE    int   // how many were served from the line before it, itself included
	ServerTimeout        int64 // ns, as set-timeout may have changed them
	TunnelTimeout        int64
	ClientTimeout        int64

	phase    Phase
	ruleAt   int
	open     bool // counted among the frontend's open streams
	backDone bool // backend side of the present response rules is through
	cl       mux.Endpoint
	exchange mux.ClientEndpoint // cl where it carries requests, nil in mode tcp
	sv       mux.Endpoint
	h1s      *mux.H1Server
	pass     *tcpSides
	backErr  *certs.Problem // what was wrong with the last connection to a server
	look     inspection
	// hashing: a goroutine hashes the request's password; wrong are the digests
	// of those that were wrong (credentials.go).
	hashing   bool
	sought    sought // the name that do-resolve waits for
	wrong     [][32]byte
	marks     *transport.Source // mark and type of service towards the server, nil without
	stands    int               // the error that the answer from here stands for, 0: its own status
	challenge []byte            // value of www-authenticate that the answer gets
	// challenging: the answer has it; it counts as an error once the rules have seen
	// the answer (reference).
	challenging bool
	applet      applet
	service     service
	parked      any // see Park
	pageRule    int // the rule of the statistics page that waits
	pageFound   bool
	pageAdmin   bool          // see pageAdmins
	reqHead     *message.Head // the client mux's head: Req while it is there
	resHead     message.Head  // head of a reply from here
	first       *buffer.Buffer
	claim       *claim         // an idle connection of another loop is awaited
	kept        kept           // the request as it was sent, for retry-on
	held        *buffer.Buffer // further request body held back, linked by Next
	heldLen     int

	reqEnd     bool // the request was read to its end
	reqSent    bool // the request was written to its end
	resEnd     bool // the response was read to its end
	resSent    bool // and written
	reqWait    bool // the server side is blocked: request body waits
	suspended  bool
	svLocal    netip.AddrPort // where the log wants it: the server's connection goes before the line
	holding    bool           // waiting for the request's body: option http-buffer-request
	bodyState  mux.ReadState  // how an early look at the request's body ended, More when well
	bodyUntil  int64          // deadline of a rule that waits for a body
	bodyDue    bool           // the wait of that rule is over
	tallyAt    int64          // when its bytes are counted next: option contstats, 0 without
	told       [2]int64       // those counted so far
	pauseUntil int64          // end of a rule's pause
	yielded    bool           // rules go on in the next turn: tune.max-rules-at-once
	buffered   bool           // option http-buffer-request has had its way
	vanished   bool           // the client must not see the end: silent-drop
	left       bool           // the client ended its direction while its body was awaited
	resHeld    pieces         // response body held back for rules
	resState   mux.ReadState  // how the last read for them ended, More when there may be more
	local      bool           // the response is from here
	counted    bool           // response status is counted
	logged     bool
	refused    bool // it never became a request
	asked      bool // it is counted as a request
	reused     bool // on a connection that served before
	deaf       bool // the tunnel's server ended its direction and takes nothing any more
	// resChunked: the response came, or will be made, in chunks.
	resChunked bool
	// resUntilClose: it ends with the connection.
	resUntilClose bool

	timer      loop.Timer
	wake       int64 // deadline of a wait: connect, retry, tarpit, rule
	clDeadline int64 // client inactivity
	svDeadline int64 // server inactivity
	backend    proxy.Lease
	server     proxy.Slot
	waiter     *proxy.Waiter  // in phaseQueue
	Priority   proxy.Priority // in line
	avoid      *proxy.Server  // server that just failed
	process    proxy.Lease
	be, srv    *proxy.LoopCounters
	slots      *slots // entries that it counts on, nil without
	filters    []filterInst
	stuck      [2]stuck
	txnVars    sample.Store
	reqVars    sample.Store
	resVars    sample.Store
	prev, next *Stream
	queued     bool
}

func (w *Worker) stream(ss *Session) *Stream {
	var s *Stream
	if n := len(w.streams); n > 0 {
		s = w.streams[n-1]
		w.streams = w.streams[:n-1]
	} else {
		s = &Stream{W: w}
		s.timer.Owner = s
	}
	now := w.Loop.Now()
	s.Sess, s.FE, s.BE = ss, ss.FE, nil
	s.ID = w.Proc.StreamID.Add(1)
	s.phase, s.ruleAt, s.avoid = phaseInspect, 0, nil
	s.Status = -1
	s.Term = [4]byte{'-', '-', '-', '-'}
	if ss.FE.IsBackend { // until it goes to another one
		s.cookieLetters(ss.FE)
	}
	s.Times = Times{Begin: now}
	s.ClientTimeout = int64(ss.FE.Timeouts.Client)
	s.process.Take(&w.Proc.Streams)
	c := &s.Ctx
	c.Stream, c.Session, c.Arena = s, ss, &s.Arena
	c.Process, c.Clock, c.Thread = w.Proc.Facts, w.Loop.Clock(), w.Loop.ID
	c.Vars = sample.Vars{Session: ss, Txn: &s.txnVars, Req: &s.reqVars, Res: &s.resVars}
	c.Dir, c.Final = sample.Request, true
	if ss.FE.Has(proxy.OptContStats) {
		s.tallyAt = now + tallyPeriod
	}
	if w.Limits.Vars.On {
		s.limitVars()
	}
	w.active.push(s)
	if w.Trace.Stream.On() {
		s.tell(trace.StreamNew, trace.State, "new stream")
	}
	return s
}

// Phase returns where the stream stands, for show sess.
func (s *Stream) Phase() Phase { return s.phase }

// Client and ServerSide return the endpoints, for fetches; either may be nil.
func (s *Stream) Client() mux.Endpoint { return s.cl }

// ServerSide returns the server's endpoint, nil before there is one.
func (s *Stream) ServerSide() mux.Endpoint { return s.sv }

// Event implements mux.Upper.
func (s *Stream) Event(side mux.Side, ev mux.Event) {
	if s.phase == ended {
		return
	}
	if ev == mux.Crashed {
		s.Panicked(nil)
		return
	}
	sound := false
	defer s.unless(&sound)
	s.inject()
	if side == mux.Client {
		s.clientEvent(ev)
	} else {
		s.serverEvent(ev)
	}
	if s.phase != ended {
		s.watch()
	}
	sound = true
}

func (s *Stream) clientEvent(ev mux.Event) {
	switch ev {
	case mux.Broken:
		s.clientGone()
	case mux.Writable:
		s.touchClient()
		if s.over() {
			s.halfClosed()
		} else if s.phase >= phaseData && s.phase < ended {
			s.forwardResponse()
		} else if s.phase == phaseForward && s.Status == 100 {
			s.forwardRequest()
		}
	case mux.Readable:
		s.clientReadable()
	}
}

func (s *Stream) clientReadable() {
	switch {
	case s.holding, s.look.waiting:
		s.run()
	case s.suspended && s.bodyUntil != 0 && s.phase < phaseServer:
		s.Resume()
	case !s.reqEnd && s.phase >= phaseForward && s.phase < phaseTarpit:
		s.forwardRequest()
	case s.cl.HungUp() && s.abortsOnClose() && s.phase >= phaseServer && s.phase < phaseData:
		s.clientAborts()
	case s.cl.HungUp() && s.abortsOnClose() && s.phase == phaseData && s.h1s != nil && s.resUntilClose && !s.exchange.WasReset():
		s.h1s.EndRequest() // reference: as in a tunnel, the client's end is the server's business
	case s.cl.HungUp() && s.abortsOnClose() && s.phase == phaseData && !s.resSent && !s.local:
		s.clientGone() // reference: with the response under way there is no other answer
	}
}

func (s *Stream) serverEvent(ev mux.Event) {
	switch ev {
	case mux.Connected:
		s.connected()
	case mux.Headed:
		s.headed()
	case mux.Readable:
		if s.phase >= phaseData {
			s.touchServer()
			s.forwardResponse()
		} else if s.look.response.held {
			s.headed()
		} else if s.suspended && s.bodyUntil != 0 {
			s.Resume()
		}
	case mux.Writable:
		s.touchServer()
		if s.over() || s.reqSent && s.abrupt() {
			s.halfClosed()
		} else if !s.reqSent {
			s.forwardRequest()
		}
	case mux.Broken:
		s.serverBroken()
	}
}

// Resume goes on with a suspended rule. Loop only; whoever works elsewhere
// posts it.
func (s *Stream) Resume() {
	if s.phase == ended || !s.suspended {
		return
	}
	s.proceed()
	if s.phase != ended {
		s.watch()
	}
}

// proceed goes on at the rule that suspended.
func (s *Stream) proceed() {
	s.suspended = false
	if s.phase == phaseResponse {
		s.responseRules()
		return
	}
	s.run()
}

// Run implements loop.Runner: a forwarding that used up its budget goes on.
func (s *Stream) Run() {
	s.queued = false
	if s.phase == ended {
		return
	}
	if s.yielded {
		s.yielded = false
		s.proceed()
	}
	if !s.reqSent && s.phase >= phaseForward && s.phase < phaseTarpit {
		s.forwardRequest()
	}
	if s.phase >= phaseData && s.phase < phaseTarpit {
		s.forwardResponse()
	}
	if s.phase != ended {
		s.watch()
	}
}

func (s *Stream) again() {
	if !s.queued {
		s.queued = true
		s.W.Loop.Queue(s)
	}
}

// Panicked aborts the stream whose work panicked.
func (s *Stream) Panicked(any) {
	if s.phase == ended {
		return
	}
	defer func() {
		if s.phase != ended { // the clean-up panicked as well: do what it did not reach
			s.logged = true
			s.abort()
		}
	}()
	s.Term[0], s.Term[1] = 'I', s.letter()
	s.count(proxy.InternalErrors)
	s.abort()
}

// unless gives the stream up on the way of a panic out of it: the connection
// whose event led here may have let go of it already.
func (s *Stream) unless(sound *bool) {
	if !*sound {
		s.Panicked(nil)
	}
}

// count adds one to a counter of the frontend, and of the backend and server
// where the stream has reached them.
func (s *Stream) count(k proxy.Counter) {
	s.Sess.count(k, 1)
	if s.be != nil {
		s.be.Add(k, 1)
	}
	if s.srv != nil {
		s.srv.Add(k, 1)
	}
}

// countBackend adds one on the backend's and server's side only.
func (s *Stream) countBackend(k proxy.Counter) {
	if s.be != nil {
		s.be.Add(k, 1)
	}
	if s.srv != nil {
		s.srv.Add(k, 1)
	}
}

// letter is the second letter of the termination state: the phase.
func (s *Stream) letter() byte {
	switch {
	case s.phase < phaseServer:
		return 'R'
	case s.phase == phaseServer, s.phase == phaseQueue:
		return 'Q'
	case s.phase <= phaseSend:
		return 'C'
	case s.phase <= phaseResponse:
		return 'H'
	case s.phase == phaseTarpit:
		return 'T'
	case s.phase == phaseData && s.resSent && !s.resUntilClose:
		return 'L' // reference: not where the close is the response's end
	default:
		return 'D'
	}
}

// terminate sets the first two letters unless something already did.
func (s *Stream) terminate(cause, phase byte) {
	if s.Term[0] != '-' {
		return
	}
	s.Term[0], s.Term[1] = cause, phase
	if s.W.Trace.Stream.On() {
		s.tell(trace.StreamErr, trace.User, "stream ends early")
	}
}
