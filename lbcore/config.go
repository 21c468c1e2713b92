package lbcore

import (
	"io"
	"os"
	"strconv"

	"gohap/lbcore/build"
	"gohap/lbcore/catalog"
	"gohap/lbcore/cli"
	"gohap/lbcore/config"
	"gohap/lbcore/control"
	"gohap/lbcore/keyword"
	"gohap/lbcore/stats"
)

// The version: the level of HAProxy that gohap is compatible with, and its own.
const (
	Level       = "3.2.0"
	Release     = "gohap0.1.0"
	Version     = Level + "-" + Release
	ReleaseDate = "2026/11/23"
	Name        = "gohap"
)

// Features are the names that -vv lists, with a plus or a minus, and feature()
// knows: those of the reference's builds, true where gohap can do what the name
// stands for, and FLEET.
var Features = map[string]bool{
	"ACCEPT4": true, "CRYPT_H": true, "EPOLL": true, "FLEET": true, "LIBCRYPT": true, "LINUX_SPLICE": true, "LINUX_TPROXY": true,
	"NETFILTER": true, "OPENSSL": true, "PROMEX": true, "SSL": true, "TFO": true, "THREAD": true, "TPROXY": true,
	"51DEGREES": false, "ACME": false, "BACKTRACE": false, "CLOSEFROM": false, "CPU_AFFINITY": false, "DEVICEATLAS": false,
	"DL": false, "ENGINE": false, "EVPORTS": false, "GETADDRINFO": false, "KQUEUE": false, "LIBATOMIC": false, "LINUX_CAP": false,
	"LUA": false, "MATH": false, "MEMORY_PROFILING": false, "NS": false, "OBSOLETE_LINKER": false, "OPENSSL_AWSLC": false,
	"OPENSSL_WOLFSSL": false, "OT": false, "PCRE": false, "PCRE2": false, "PCRE2_JIT": false, "PCRE_JIT": false, "POLL": false,
	"PRCTL": false, "PROCCTL": false, "PTHREAD_EMULATION": false, "QUIC": false, "QUIC_OPENSSL_COMPAT": false, "RT": false,
	"SHM_OPEN": false, "SLZ": false, "STATIC_PCRE": false, "STATIC_PCRE2": false, "THREAD_DUMP": false, "WURFL": false, "ZLIB": false,
}

// Options say how to load.
type Options struct {
	Paths     []string // -f
	Stderr    io.Writer
	Env       []string // the process's environment
	LocalPeer string
	PeerFixed bool // LocalPeer is from -L
	// OnlyIPv4: names of hosts have addresses of IPv4 alone.
	OnlyIPv4 bool
	Quiet    bool // -q
	Loud     bool // -V or -d
	Diagnose bool // -dD
	ZeroWarn bool // -dW
	Maxconn  int64
	NoSplice bool // -dS
	// NoReusePort is -dR.
	NoReusePort bool
	// PerProxy is the maxconn of frontends that have none (-N); zero: the process's.
	PerProxy int64
	// Dump gets the configuration as it was read (-dC), nil for nobody.
	Dump   io.Writer
	Path   string // of the executable, for messages
	Master bool   // a master started the process
	// Builtin is a configuration that is read behind the files, for demo.
	Builtin string
	// Files are where the files of the configuration are; nil is the disk.
	Files config.Files
	Words *keyword.Set // nil: those of catalog.New

	// read is what Discover has read, for the Load behind it.
	read config.Texts
	// Secrets are those of the configuration that this one replaces (Config.Certs),
	// so that TLS sessions outlive a reload; nil makes new ones.
	Secrets []byte
}

// Config is a configuration that was read without errors.
type Config struct {
	*build.Result
	// PerProxy is Options.PerProxy.
	PerProxy int64
	// States are what state files say about the servers.
	States *control.States
	// Inherited are the listening sockets of the process before, nil for none;
	// Open takes those that it has lines for and closes the others.
	Inherited *Sockets
	// Blocked is asked when an address is in use whether to try it again; nil is no.
	Blocked func(try int) bool
	// Takeover tells that a process or instance before this one goes on until this
	// one serves: it teaches peers sections what it knows.
	Takeover bool
	// FreeBind lets listeners have addresses that the machine does not have, or not yet.
	FreeBind bool
	// Parting and Deaf are how far a node that is drained has come, see Instance.Part
	// and Instance.Deafen: what replaces an instance goes on there.
	Parting, Deaf bool
	Set           *keyword.Set
	// Mesh reaches the fleet's other nodes; nil: this is a node of its own.
	Mesh Mesh
	// Fleet has other nodes execute commands, nil for a process that is in no fleet.
	Fleet cli.Fleet
	// Metrics are the exporter's beside its own, see stats.Instance.More.
	Metrics func() []stats.Metric
	// Names are those of its files, in their order.
	Names []string
	Diag  *config.Diagnostics
	Env   *config.Environ
}

// Diagnostics returns where messages of this load go.
func (o *Options) Diagnostics() *config.Diagnostics {
	return &config.Diagnostics{Out: o.Stderr, Pid: os.Getpid(), Version: Version, Path: o.Path, Program: Name,
		Quiet: o.Quiet, Loud: o.Loud, Diagnose: o.Diagnose, ZeroWarning: o.ZeroWarn}
}

// words are the words that there are.
func (o *Options) words() *keyword.Set {
	if o.Words != nil {
		return o.Words
	}
	return catalog.New()
}

// load gives a source the files: those that Discover has read, or else by reading
// them.
func (o *Options) load(src *config.Source) bool {
	if o.read == nil {
		return src.Load()
	}
	src.Take(o.read)
	o.read = nil // a later Load sees what has changed since
	return true
}

// Facts is what .if and -cc may ask.
func Facts(words *keyword.Set) *config.Facts {
	return &config.Facts{Version: Level, Features: Features, Words: words,
		Enabled: map[string]bool{"POLL": true, "EPOLL": true, "SPLICE": true, "REUSEPORT": true, "GETADDRINFO": true}}
}

// Load reads and checks a configuration. The error has been told to the
// diagnostics; nil means that it is valid.
func Load(o *Options) (*Config, *config.Diagnostics) {
	diag := o.Diagnostics()
	env := config.NewEnviron(o.Env)
	env.SetStartup(Version, "3.2", o.Master)
	env.Set("HAPROXY_LOCALPEER", o.LocalPeer)
	set := o.words()
	b := build.New(set, diag, env)
	b.LocalPeer, b.PeerFixed = o.LocalPeer, o.PeerFixed
	if o.Files != nil {
		b.From(o.Files)
	}
	b.OnlyIPv4 = o.OnlyIPv4
	if o.Secrets != nil {
		if err := b.Inherit(o.Secrets); err != nil {
			diag.Rawf(config.Warning, "TLS sessions begin anew: %s.", err)
		}
	}
	src := &config.Source{Paths: o.Paths, From: o.Files, Env: env, Diag: diag, Facts: Facts(set), Words: set, IsSection: b.IsSection, Refused: b.Refused, Dump: o.Dump,
		BetweenPasses: func(env *config.Environ) { env.Set("HAPROXY_LOCALPEER", b.LocalPeer) }}
	if !o.load(src) {
		return nil, diag
	}
	if o.Builtin != "" {
		src.Add("built-in", o.Builtin)
	}
	if len(src.Files()) == 0 || !src.Parse(b) {
		return nil, diag
	}
	r := b.Finish()
	if r == nil {
		return nil, diag
	}
	if o.NoSplice {
		r.Global.Limits.NoSplice = true
	}
	if o.NoReusePort {
		r.Global.NoReusePort = true
	}
	var sockets []string
	for i := range r.Global.Sockets {
		sockets = append(sockets, r.Global.Sockets[i].String())
	}
	env.SetServing(sockets)
	if o.Maxconn > 0 {
		r.Global.Maxconn = o.Maxconn
	}
	states := control.ReadStates(r.Proxies, r.Global.StateFile, r.Global.StateBase, diag.Add)
	if diag.RefuseWarnings() {
		return nil, diag
	}
	return &Config{Result: r, Names: src.Files(), PerProxy: max(o.PerProxy, 0), States: states, Set: set, Diag: diag, Env: env}, diag
}

// ServeMaster makes the process serve commands that its master passes over a unix
// socket, as connections. lost is closed when the master is gone.
func (c *Config) ServeMaster(fd int) (lost <-chan struct{}) {
	gone := make(chan struct{})
	c.Global.Sockets = append(c.Global.Sockets, build.StatsSocket{Lost: gone,
		Socket: cli.Socket{Network: "sockpair", Address: strconv.Itoa(fd), UID: -1, GID: -1, Level: cli.Admin, ExposeFDs: true, Internal: true}})
	return gone
}

// HasListeners tells whether anything would be served.
func (c *Config) HasListeners() bool {
	for _, p := range c.Proxies {
		if len(p.Binds) > 0 {
			return true
		}
	}
	for _, p := range c.Peers {
		if p.Bind != nil {
			return true
		}
	}
	return false
}

// DumpKeywords writes the implemented words of classes in the reference's -dK
// form.
func DumpKeywords(w io.Writer, classes []string) error {
	return keyword.Dump(w, catalog.New(), classes)
}
