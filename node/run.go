package node

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"gohap/lbcore"
	"gohap/lbcore/catalog"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// Run is the whole program; it returns the exit code.
func Run(args []string, stdout, stderr io.Writer) int {
	b, err := readBirth()
	if err != nil {
		fmt.Fprintf(stderr, "[ALERT]    (%d) : %s\n", os.Getpid(), err)
		return 1
	}
	findInherited(b)
	if len(args) > 0 && args[0] == "demo" {
		return runDemo(args[1:], stdout, stderr)
	}
	if len(args) > 0 && args[0] == "join" {
		return runJoin(args[1:], b, stdout, stderr)
	}
	if len(args) > 0 && args[0] == "ready" {
		return runReady(args[1:], stdout, stderr)
	}
	f, err := parseFlags(catalog.New(Register), args)
	switch {
	case errors.Is(err, errUsage), err == nil && len(args) == 0:
		fmt.Fprint(stderr, usage())
		return 1
	case err != nil:
		fmt.Fprintf(stderr, "[ALERT]    (%d) : %s\n", os.Getpid(), err)
		return 1
	case f.version > 0:
		printVersion(stdout, f.version > 1, f.words)
		return 0
	case f.hasCond:
		return evalCondition(f, stderr)
	}
	if f.chdir != "" {
		if err := os.Chdir(f.chdir); err != nil {
			fmt.Fprintf(stderr, "[ALERT]    (%d) : Could not change to directory %s : %s\n", os.Getpid(), f.chdir, err)
			return 1
		}
	}
	if f.hasDump {
		if code := dumpWords(f, stdout, stderr); code != 0 || len(f.paths) == 0 {
			return code
		}
	}
	if f.memory > 0 {
		debug.SetMemoryLimit(f.memory << 20)
	}
	p := &process{flags: f, birth: b, calls: make(chan func()), stdout: stdout, stderr: stderr,
		log: slog.New(slog.NewTextHandler(stderr, nil))}
	return p.run()
}

func printVersion(w io.Writer, long bool, words *keyword.Set) {
	fmt.Fprintf(w, "gohap version %s %s - compatible with HAProxy 3.2\n", lbcore.Version, lbcore.ReleaseDate)
	fmt.Fprintf(w, "Running on: %s/%s, %s\n", runtime.GOOS, runtime.GOARCH, runtime.Version())
	if !long {
		return
	}
	var names []string
	for name, on := range lbcore.Features {
		names = append(names, map[bool]string{true: "+", false: "-"}[on]+name)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(a[1:], b[1:]) })
	fmt.Fprintf(w, "\nFeature list : %s\n\n", strings.Join(names, " "))
	fmt.Fprint(w, "Available polling systems :\n      epoll : pref=300,  test result OK\nTotal: 1 (1 usable), will use epoll.\n\n")
	fmt.Fprint(w, "Available multiplexer protocols :\n         h1 : mode=HTTP  side=FE|BE  mux=H1\n  <default> : mode=TCP   side=FE|BE  mux=PASS\n\n")
	fmt.Fprintf(w, "Available services : %s\n", strings.Join(words.Names(keyword.Service), " "))
	fmt.Fprint(w, "Available filters :\n")
	for _, r := range words.Rows(keyword.Filter) {
		fmt.Fprintf(w, "\t[%5s] %s\n", strings.Join(r.Tags, " "), r.Name)
	}
	fmt.Fprintln(w)
}

func evalCondition(f *flags, stderr io.Writer) int {
	o := f.options(stderr)
	s := &config.Source{Diag: o.Diagnostics(), Env: config.NewEnviron(os.Environ()), Facts: lbcore.Facts(f.words)}
	return s.EvalCommand(f.cond)
}

func dumpWords(f *flags, stdout, stderr io.Writer) int {
	classes := strings.Split(f.dumpWords, ",")
	if f.dumpWords == "all" {
		classes = dumpClasses
	}
	if f.dumpWords == "" || f.dumpWords == "help" {
		fmt.Fprintf(stdout, "Supported -dK arguments: all, %s\n", strings.Join(dumpClasses, ", "))
		return 0
	}
	if err := lbcore.DumpKeywords(stdout, classes); err != nil {
		fmt.Fprintf(stderr, "[ALERT]    (%d) : -dK: %s\n", os.Getpid(), err)
		return 1
	}
	return 0
}

func (f *flags) options(stderr io.Writer) *lbcore.Options {
	path, _ := os.Executable()
	host, _ := os.Hostname()
	if f.peer != "" {
		host = f.peer
	}
	return &lbcore.Options{Paths: f.paths, Stderr: stderr, Env: os.Environ(), LocalPeer: host, PeerFixed: f.peer != "", OnlyIPv4: f.only4,
		Quiet: f.quiet, Loud: f.verbose || f.debug, Words: f.words, Diagnose: f.diagnose, ZeroWarn: f.zeroWarn,
		Maxconn: f.maxconn, NoSplice: f.noSplice, NoReusePort: f.noReuse, PerProxy: f.perProxy, Path: path}
}
