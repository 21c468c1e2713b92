package node

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// flags are the command line.
type flags struct {
	paths     []string
	check     bool
	cond      string // -cc
	hasCond   bool
	version   int // 1 -v, 2 -vv
	debug     bool
	daemon    bool
	noDaemon  bool // -db
	verbose   bool // -V
	quiet     bool
	diagnose  bool   // -dD
	zeroWarn  bool   // -dW
	dumpWords string // -dK classes
	hasDump   bool
	peer      string
	maxconn   int64
	memory    int64 // MiB
	chdir     string
}

// errUsage asks for the usage text.
var errUsage = errors.New("usage")

// dumpClasses are the letters of -dK and what they dump.
var dumpClasses = []string{"acl", "cfg", "cli", "cnv", "flt", "smp", "svc"}

// parseFlags reads the reference's command line.
func parseFlags(args []string) (*flags, error) {
	f := &flags{}
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		if a == "--" {
			f.paths = append(f.paths, args...)
			break
		}
		if !strings.HasPrefix(a, "-") {
			return nil, errUsage
		}
		value := func() (string, error) {
			if len(args) == 0 {
				return "", errUsage
			}
			v := args[0]
			args = args[1:]
			return v, nil
		}
		if err := f.one(a, value); err != nil {
			return nil, err
		}
		// Reference: several files may follow one -f.
		for a == "-f" && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
			f.paths = append(f.paths, args[0])
			args = args[1:]
		}
	}
	return f, nil
}

func (f *flags) one(a string, value func() (string, error)) (err error) {
	var v string
	switch a {
	case "-v":
		f.version = 1
	case "-vv":
		f.version = 2
	case "-c":
		f.check = true
	case "-cc":
		f.hasCond = true
		f.cond, err = value()
	case "-d":
		f.debug = true
	case "-D":
		f.daemon = true
	case "-db":
		f.noDaemon = true
	case "-V":
		f.verbose = true
	case "-q":
		f.quiet = true
	case "-dD":
		f.diagnose = true
	case "-dW":
		f.zeroWarn = true
	case "-f":
		if v, err = value(); err == nil {
			f.paths = append(f.paths, v)
		}
	case "-L":
		f.peer, err = value()
	case "-C":
		f.chdir, err = value()
	case "-n":
		if v, err = value(); err == nil {
			f.maxconn, err = strconv.ParseInt(v, 10, 64)
		}
	case "-m":
		if v, err = value(); err == nil {
			f.memory, err = strconv.ParseInt(v, 10, 64)
		}
	default:
		return f.long(a)
	}
	return err
}

// long reads flags with something glued to them.
func (f *flags) long(a string) error {
	switch {
	case strings.HasPrefix(a, "-dK"):
		f.hasDump, f.dumpWords = true, a[3:]
		return nil
	case strings.HasPrefix(a, "-dM"), a == "-dr", a == "-dV", a == "-dS", a == "-dZ", a == "-dL":
		return nil // debugging aids of the reference's allocator, resolver and kernel interfaces: see docs/differences.md
	}
	for _, known := range []string{"-W", "-Ws", "-S", "-p", "-sf", "-st", "-x", "-N", "-de", "-dp", "-dt", "-dF", "-dG", "-dI", "-dR", "-dC", "-dc", "-4"} {
		if a == known {
			return fmt.Errorf("flag '%s' is known to HAProxy, not implemented by gohap", a)
		}
	}
	return errUsage
}

const usage = `gohap-node: a load balancer that takes HAProxy's configuration and command line.

Usage: gohap-node [-f <file|directory>]* [options]
       gohap-node demo           sample servers and a node in front of them
  -c             check the configuration and end      -V  say that it is valid
  -cc <cond>     evaluate a condition: exit code 0 true, 1 false, 2 bad
  -v, -vv        version, version and features
  -d, -db        stay in the foreground               -q  say nothing
  -dD            tell suspicious statements           -dW warnings are fatal
  -dK<classes>   list the implemented words: all, or acl,cfg,cli,cnv,flt,smp,svc
  -L <name>      local peer name                      -C <dir>  change directory
  -n <number>    most connections of the process      -m <MiB>  memory limit
`
