package build

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gohap/lbcore/certs"
	"gohap/lbcore/cli"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/resolvers"
)

// Global is what the global sections say.
type Global struct {
	Families        func() resolvers.Families // dns-accept-family; nil: both
	Launch          Launch
	Confinement     Confinement
	Threads         int
	Maxconn         int64
	MaxConnRate     int64
	MaxSessRate     int64
	UlimitN         int
	Node, Desc      string
	LogTargets      []*LogTarget
	LogTag          string
	LogHost         string
	SendHost        bool
	Sockets         []StatsSocket
	StatsTimeout    time.Duration
	StatsMaxconn    int
	HardStop        time.Duration
	CloseSpread     int64 // close-spread-time, ns; -1 for infinite
	UnixPrefix      string
	Unix            UnixDefaults
	Limits          proxy.Limits
	MaxPipes        int // maxpipes, zero for no bound
	MaxHeaders      int
	MaxAccept       int
	PeerUpdates     int  // tune.peers.max-updates-at-once, zero for the default
	InsecureTE      bool // h1-do-not-close-on-insecure-transfer-encoding
	refs            []heldRef
	ExternalCheck   int // whether, and with which environment
	ForkWanted      bool
	Idle            proxy.IdleRules
	BindTLS         certs.Settings
	ServerTLS       certs.Settings
	MaxSSLConn      int64
	MaxSSLRate      int64
	SpreadChecks    int // percent
	MaxSpreadChecks time.Duration
	CPUs            [maxThreads]unix.CPUSet // of the loops by number, empty for any
	FDLimit         int                     // fd-hard-limit, zero for the default
	LaxLimits       bool                    // no strict-limits
	StatsFile       string
	NoReusePort     bool
	Experimental    bool   // expose-experimental-directives
	AnyPayload      bool   // h1-accept-payload-with-any-method
	Shards          int    // tune.listener.default-shards: zero for one socket a loop
	StateFile       string // server-state-file
	StateBase       string // server-state-base
	OCSP            OCSPUpdates
	NeverLocal      bool // pp2-never-send-local
	CheckVars       int  // tune.vars.check-max-size, bytes
}

// StatsSocket is one "stats socket" line.
type StatsSocket struct {
	cli.Socket
	Pos config.Position
	// Lost is closed when nothing can come over the socket any more; nil for those
	// where that ends nothing.
	Lost chan struct{}
}

func (g *Global) init() {
	g.LogTag = "gohap"
	g.Confinement = Confinement{UID: -1, GID: -1}
	g.StatsTimeout = 10 * time.Second
	g.StatsMaxconn = 10
	g.Limits = proxy.Limits{LogURILen: 1024, CookieLen: 63, BufSize: 16384, MaxRewrite: 1024, StickCounters: 3}
	g.Limits.ErrCodes, g.Limits.FailCodes = proxy.StandardCodes()
	g.MaxHeaders = 101
	g.MaxAccept = 16
	g.Limits.Records.Idle = int64(time.Second)
	g.OCSP = OCSPUpdates{Least: 5 * time.Minute, Most: time.Hour}
	g.Idle = proxy.IdleRules{LowRatio: 20, HighRatio: 25}
	g.Node, _ = hostname()
}

func (b *Builder) globalLine(st *config.Statement) {
	word := st.Words[0]
	row := b.Set.Lookup(keyword.Global, word)
	if row == nil {
		if text := globalGone(word); text != "" {
			b.Alertf(st, "%s", text)
			return
		}
		b.unknown(st, keyword.Global, word, "keyword", "'global' section", b.Set.Names(keyword.Global))
		return
	}
	if (st.No || st.Default) && row.Flags&keyword.Negatable == 0 {
		b.Alertf(st, "negation/default currently supported only for options, log, busy-polling, set-dumpable, strict-limits, insecure-fork-wanted and numa-cpu-mapping.")
		return
	}
	if row.Flags&keyword.NoEffect != 0 {
		b.Diag.Diagf(st.Pos, "'%s' has no effect: %s.", word, row.Summary)
	}
	row.Impl.(GlobalFunc)(b, st)
}

// globalInt reads the one integer argument of a global keyword.
func (b *Builder) globalInt(st *config.Statement) (int64, bool) {
	if b.tooMany(st, 2) {
		return 0, false
	}
	if len(st.Words) < 2 {
		b.Alertf(st, "'%s' expects an integer argument.", st.Words[0])
		return 0, false
	}
	n, err := strconv.ParseInt(st.Words[1], 10, 64)
	if err != nil {
		b.Alertf(st, "cannot parse '%s' value '%s', an integer is expected.", st.Words[0], st.Words[1])
		return 0, false
	}
	return n, true
}

// number makes a GlobalFunc that stores an integer within bounds.
func number(low, high int64, store func(*Global, int64)) GlobalFunc {
	return func(b *Builder, st *config.Statement) {
		n, ok := b.globalInt(st)
		if !ok {
			return
		}
		if n < low || n > high {
			b.Alertf(st, "'%s' value must be between %d and %d (was %d)", st.Words[0], low, high, n)
			return
		}
		store(&b.Global, n)
	}
}

// readSize reads the number of bytes behind a global word.
func (b *Builder) readSize(st *config.Statement) (n uint32, ok bool) {
	n, err := config.ParseSize(st.Words[1])
	if err == nil {
		return n, true
	}
	rest := st.Words[1]
	if e, ok := err.(*config.CharError); ok {
		rest = e.Rest
	}
	b.Alertf(st, "unexpected '%s' after size passed to '%s'", rest, st.Words[0])
	return 0, false
}

// size makes a GlobalFunc that stores a number of bytes.
func size(low, high int64, store func(*Global, int64)) GlobalFunc {
	return func(b *Builder, st *config.Statement) {
		if b.tooMany(st, 2) {
			return
		}
		if len(st.Words) < 2 {
			b.Alertf(st, "'%s' expects an integer argument", st.Words[0])
			return
		}
		n, ok := b.readSize(st)
		if !ok {
			return
		}
		if n == 0 && low > 0 {
			b.Alertf(st, "'%s' expects a positive integer argument.", st.Words[0])
			return
		}
		if int64(n) < low || int64(n) > high {
			b.Alertf(st, "'%s' expects a value between %d and %d.", st.Words[0], low, high)
			return
		}
		store(&b.Global, int64(n))
	}
}

func maxHeaders(b *Builder, st *config.Statement) {
	if b.tooMany(st, 2) {
		return
	}
	n, err := strconv.Atoi(st.Word(1))
	switch {
	case st.Word(1) == "":
		b.Alertf(st, "'tune.http.maxhdr' expects an integer argument.")
	case err != nil, n < 1, n > 32767:
		b.Alertf(st, "'tune.http.maxhdr' expects a numeric value between 1 and 32767")
	default:
		b.Global.MaxHeaders = n
	}
}

// threads reads nbthread, whose texts are its own.
func threads(b *Builder, st *config.Statement) {
	if b.tooMany(st, 2) {
		return
	}
	n, err := strconv.Atoi(st.Word(1))
	switch {
	case err != nil:
		b.Alertf(st, "'nbthread' passed a missing or unparsable integer value in '%s'", st.Word(1))
	case n < 1, n > maxThreads:
		b.Alertf(st, "'nbthread' value must be between 1 and %d (was %d)", maxThreads, n)
	default:
		b.Global.Threads = n
	}
}

func hardStopAfter(b *Builder, st *config.Statement) {
	if len(st.Words) < 2 {
		b.Alertf(st, "'hard-stop-after' expects <time> as argument.")
		return
	}
	if _, err := config.ParseTime(st.Words[1], time.Millisecond); err != nil && !errors.Is(err, config.ErrTimeOverflow) {
		b.Alertf(st, "%s in argument to <hard-stop-after>.\n", err) // reference: with a line end
	} else if d, ok := b.time(st, st.Words[1], "hard-stop-after", time.Millisecond); ok {
		b.Global.HardStop = d
	}
}

// closeSpreadTime reads close-spread-time.
func closeSpreadTime(b *Builder, st *config.Statement) {
	text := st.Word(1)
	var bad *config.CharError
	switch _, err := config.ParseTime(text, time.Millisecond); {
	case text == "":
		b.Alertf(st, "'close-spread-time' expects <time> as argument.")
	case text == "infinite":
		b.Global.CloseSpread = -1
	case errors.As(err, &bad):
		b.Alertf(st, "unexpected character '%.1s' in argument to <close-spread-time>.", bad.Rest)
	default:
		if d, ok := b.time(st, text, "close-spread-time", time.Millisecond); ok {
			b.Global.CloseSpread = int64(d)
		}
	}
	b.tooMany(st, 2)
}

func statsTimeout(b *Builder, st *config.Statement) {
	text := st.Word(2)
	if _, err := config.ParseTime(text, time.Millisecond); err != nil && !errors.Is(err, config.ErrTimeOverflow) {
		b.Alertf(st, "'stats timeout' : %s", err)
	} else if d, ok := b.time(st, text, "stats timeout", time.Millisecond); ok && d == 0 {
		b.Alertf(st, "'stats timeout' expects a positive value")
	} else if ok {
		b.Global.StatsTimeout = d
	}
}

// nodeName is what a name of the node may be made of.
var nodeName = regexp.MustCompile(`^[0-9A-Za-z._-]+$`)

func globalNode(b *Builder, st *config.Statement) {
	if b.tooMany(st, 2) {
		return
	}
	if !nodeName.MatchString(st.Word(1)) {
		b.alertTight(st.Pos, "'node' requires valid node name - non-empty string with digits(0-9), letters(A-Z, a-z), dot(.), hyphen(-) or underscode(_).")
		return
	}
	b.Global.Node = st.Words[1]
}

// globalRow is a word of the global section with one example that is right and some
// that are not.
func globalRow(name, args, summary, good string, f GlobalFunc, bad ...string) keyword.Row {
	return keyword.Row{Class: keyword.Global, Name: name, Where: keyword.InGlobal, Args: args, Summary: summary,
		Good: []keyword.Example{{Config: good}}, Bad: bad, Impl: f}
}

func globalRows() []keyword.Row {
	row := globalRow
	return []keyword.Row{
		row("maxconn", "<number>", "most connections that the process takes", "maxconn 4000",
			number(1, math.MaxInt32, func(g *Global, n int64) { g.Maxconn = n }), "maxconn abc", "maxconn 10k"),
		row("maxconnrate", "<number>", "most connections a second", "maxconnrate 1000",
			number(0, math.MaxInt32, func(g *Global, n int64) { g.MaxConnRate = n }), "maxconnrate x"),
		row("maxsessrate", "<number>", "most sessions a second", "maxsessrate 1000",
			number(0, math.MaxInt32, func(g *Global, n int64) { g.MaxSessRate = n }), "maxsessrate x"),
		row("nbthread", "<number>", "number of event loops", "nbthread 2",
			threads, "nbthread x", "nbthread 0", "nbthread 65"),
		row("nosplice", "", "copies all bytes, whatever the options say", "nosplice",
			func(b *Builder, st *config.Statement) {
				b.tooMany(st, 1)
				b.Global.Limits.NoSplice = true
			}, "nosplice now"),
		row("tune.disable-fast-forward", "", "copies all bytes, as nosplice", "expose-experimental-directives\ntune.disable-fast-forward",
			func(b *Builder, st *config.Statement) {
				if !b.Global.Experimental {
					b.Alertf(st, "'tune.disable-fast-forward' directive is experimental, must be allowed via a global 'expose-experimental-directives'")
				} else if !b.tooMany(st, 1) {
					b.Global.Limits.NoSplice = true
				}
			}, "tune.disable-fast-forward"),
		row("maxpipes", "<number>", "most pipes for splicing, 0 for as many as their memory allows", "maxpipes 100",
			number(0, math.MaxInt32, func(g *Global, n int64) { g.MaxPipes = int(n) }), "maxpipes x"),
		row("tune.pipesize", "<size>", "capacity of a pipe for splicing; without it those of busy flows grow to 1 MiB", "tune.pipesize 256k",
			size(1, 1<<30, func(g *Global, n int64) { g.Limits.PipeSize = int(n) }), "tune.pipesize x"),
		row("ulimit-n", "<number>", "limit of file descriptors", "ulimit-n 10000",
			number(0, math.MaxInt32, func(g *Global, n int64) { g.UlimitN = int(n) })),
		row("node", "<name>", "name of this node in statistics", "node lb1", globalNode, "node", "node a/b"),
		row("description", "<text>", "text about this node in statistics", "description \"edge\"",
			func(b *Builder, st *config.Statement) {
				if b.Global.Desc = strings.Join(st.Words[1:], " "); b.Global.Desc == "" {
					b.alertTight(st.Pos, "'description' expects a string argument.")
				}
			}, "description"),
		row("log", "<target> [len <n>] [format <f>] [sample <r>:<n>] <facility> [<level> [<minlevel>]]",
			"where traffic and events are logged", "log 127.0.0.1:514 local0", globalLog, "log 127.0.0.1:514 nofacility"),
		row("log-tag", "<text>", "the tag of log lines", "log-tag lb", func(b *Builder, st *config.Statement) {
			if b.tooMany(st, 2) {
				return
			}
			if b.Global.LogTag = st.Word(1); b.Global.LogTag == "" {
				b.Alertf(st, "'log-tag' expects a tag for use in syslog.")
			}
		}, "log-tag"),
		row("log-send-hostname", "[<name>]", "puts the host's name into syslog headers", "log-send-hostname",
			func(b *Builder, st *config.Statement) {
				b.Global.SendHost, b.Global.LogHost = true, b.Global.Node
				if len(st.Words) > 1 {
					b.Global.LogHost = st.Words[1]
				}
			}),
		row("stats", "socket|timeout|maxconn …", "the command socket", "stats socket /run/gohap.sock level admin", globalStats, "stats nonsense"),
		row("hard-stop-after", "<time>", "longest duration of a soft stop", "hard-stop-after 30s",
			hardStopAfter, "hard-stop-after x"),
		row("close-spread-time", "<time>|infinite", "a soft stop closes connections one after another within this time", "close-spread-time 10s",
			closeSpreadTime, "close-spread-time", "close-spread-time x"),
		row("unix-bind", "[prefix <p>] [mode <m>] [user <u>] [uid <u>] [group <g>] [gid <g>]", "defaults of unix sockets",
			"unix-bind prefix /run/", globalUnixBind, "unix-bind nonsense 1"),
		row("zero-warning", "", "makes every warning fatal", "zero-warning", func(b *Builder, st *config.Statement) { b.tooMany(st, 1) }),
		row("quiet", "", "prints nothing while starting", "quiet", func(b *Builder, st *config.Statement) { b.tooMany(st, 1) }),
		row("tune.bufsize", "<size>", "size of a buffer: the largest head, and body held back", "tune.bufsize 32k",
			size(1024, 1<<24, func(g *Global, n int64) { g.Limits.BufSize = int(n) }), "tune.bufsize x"),
		row("tune.maxrewrite", "<size>", "room in a buffer that is kept for rewriting heads", "tune.maxrewrite 1024",
			size(0, 1<<24, func(g *Global, n int64) { g.Limits.MaxRewrite = int(n) }), "tune.maxrewrite x"),
		row("tune.http.maxhdr", "<number>", "most lines in a head", "tune.http.maxhdr 128",
			maxHeaders, "tune.http.maxhdr 40000", "tune.http.maxhdr x"),
		row("tune.http.logurilen", "<number>", "longest URI in logs", "tune.http.logurilen 2048",
			number(1, 1<<20, func(g *Global, n int64) { g.Limits.LogURILen = int(n) })),
		row("tune.http.cookielen", "<number>", "longest captured cookie", "tune.http.cookielen 63",
			number(1, 1<<16, func(g *Global, n int64) { g.Limits.CookieLen = int(n) })),
		row("tune.maxaccept", "<number>", "most connections that a listener accepts in a row", "tune.maxaccept 32",
			number(-1, 1024, func(g *Global, n int64) {
				if g.MaxAccept = int(n); n <= 0 {
					g.MaxAccept = 1024
				}
			})),
		row("h1-do-not-close-on-insecure-transfer-encoding", "",
			"keeps connections after requests with both transfer-encoding and content-length",
			"h1-do-not-close-on-insecure-transfer-encoding",
			func(b *Builder, st *config.Statement) {
				b.tooMany(st, 1)
				b.Global.InsecureTE = true
			}, "h1-do-not-close-on-insecure-transfer-encoding now"),
	}
}

func globalStats(b *Builder, st *config.Statement) {
	if b.statsAt < 0 {
		b.statsAt = len(b.sections)
	}
	switch st.Word(1) {
	case "socket":
		b.statsSocket(st)
	case "timeout":
		statsTimeout(b, st)
	case "bind-process":
		b.Alertf(st, "'stats bind-process' is not supported anymore.")
	case "maxconn":
		n, err := strconv.Atoi(st.Word(2))
		if err != nil || n <= 0 {
			b.Alertf(st, "'stats maxconn' expects a positive value")
			return
		}
		b.Global.StatsMaxconn = n
	default:
		b.Alertf(st, "'stats' only supports 'socket', 'maxconn', 'bind-process' and 'timeout' (got '%s')", st.Word(1))
	}
}

func (b *Builder) statsSocket(st *config.Statement) {
	if len(st.Words) < 3 {
		b.Alertf(st, "'stats socket' in global section expects an address or a path to a UNIX socket")
		return
	}
	a, err := config.ParseAddress(st.Words[2], b.rules(config.BindRules))
	if err != nil {
		b.Alertf(st, "'stats socket' : %s", err)
		return
	}
	k := StatsSocket{Pos: st.Pos, Socket: cli.Socket{UID: -1, GID: -1, Level: cli.Operator}}
	switch a.Family {
	case config.Unix:
		k.Network, k.Address = "unix", a.Path
	case config.Abstract, config.AbstractZ:
		k.Network, k.Address = "unix", "@"+a.AbstractName()
	case config.FD:
		k.Network, k.Address = "fd", strconv.Itoa(a.FD)
	case config.Sockpair:
		k.Network, k.Address = "sockpair", strconv.Itoa(a.FD)
	default:
		k.Network, k.Address = "tcp", bindText(a)
	}
	b.socketOptions(st, &k)
	b.Global.Sockets = append(b.Global.Sockets, k)
}

// ReadSocket reads a command socket from the words of flag -S: an address and its
// options. Reference: it is an administrator's unless it says otherwise.
func (b *Builder) ReadSocket(words []string) cli.Socket {
	st := &config.Statement{Pos: config.Position{File: "-S"}, Words: append([]string{"stats", "socket"}, words...)}
	b.statsSocket(st)
	if len(b.Global.Sockets) == 0 {
		return cli.Socket{}
	}
	k := b.Global.Sockets[0].Socket
	if !slices.Contains(words, "level") {
		k.Level = cli.Admin
	}
	return k
}

// socketOptions reads the words of a command socket, which are those of bind lines.
func (b *Builder) socketOptions(st *config.Statement, k *StatsSocket) {
	for i := 3; i < len(st.Words); i++ {
		word, arg := st.Words[i], st.Word(i+1)
		if b.Set.Lookup(keyword.Bind, word) == nil {
			b.unknownSocketWord(st, word)
			return
		}
		var err error
		switch word {
		case "level":
			k.Level, err = readLevel(arg)
		case "mode":
			var m uint64
			if m, err = strconv.ParseUint(arg, 8, 32); err == nil {
				k.Mode = modeOf(m)
			} else {
				err = fmt.Errorf("'mode' : missing or invalid mode '%s' (octal integer expected)", arg)
			}
		case "uid", "user":
			k.UID, err = socketUser(word, arg)
		case "gid", "group":
			k.GID, err = socketGroup(word, arg)
		case "severity-output":
			k.Severity, err = readSeverity(arg)
		case "expose-fd":
			err = readExposed(arg)
			k.ExposeFDs = true
		case "thread": // its connections are on no loop
			_, err = readThreads(arg)
		case "shards":
			_, err = readShards(arg)
		case "process": // an old form that the reference refuses
			b.Warnf(st, "'process' is not needed any more on 'stats socket' and is ignored; please remove it.")
		case "name":
		default:
			b.Alertf(st, "'stats socket' : %s.", keyword.Refusal("keyword '"+word+"' in 'stats socket' line"))
			return
		}
		i++
		if err != nil {
			b.Alertf(st, "'stats socket' : '%s'", err)
		}
	}
}

func (b *Builder) unknownSocketWord(st *config.Statement, word string) {
	if _, ok := keyword.Known(keyword.Bind, word); ok {
		b.Alertf(st, "'stats socket' : %s.", keyword.Refusal("keyword '"+word+"' in 'stats socket' line"))
		return
	}
	hint := keyword.DidYouMean(word, b.Set.Names(keyword.Bind))
	b.Alertf(st, "'stats socket' : unknown keyword '%s'.%s", word, strings.Replace(hint, "; did", " Did", 1))
}

// HardFileLimit returns the hard limit of file descriptors.
func HardFileLimit() uint64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	return r.Max
}

// FileLimit returns the soft limit of file descriptors.
func FileLimit() int {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 1024
	}
	return int(r.Cur)
}
