package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gohap/e2e/oracle"
)

// options are the command line.
type options struct {
	profiles        map[string]bool // none: all
	rounds          int
	duration        time.Duration
	json            bool
	write           string
	ours, reference string
	prototype       string // a command line with {port}
	backends        []string
	collect         string // command that makes gohap collect
	idle            int    // connections
	entries         int    // of the table of the profiles with a peer
}

func main() {
	o, list, err := parseOptions()
	if err == nil && list {
		for _, p := range profiles {
			fmt.Printf("%-12s %s\n", p.name, p.what)
		}
		return
	}
	if err == nil {
		// An interrupted run leaves no proxies behind.
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx, o)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseOptions() (o options, list bool, err error) {
	names := flag.String("profile", "", "comma-separated profiles, default all")
	backends := flag.String("backends", "9001,9002", "ports of the servers")
	flag.BoolVar(&list, "list", false, "list the profiles")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each profile, odd for a true median")
	flag.DurationVar(&o.duration, "duration", 3*time.Second, "of one turn of one proxy")
	flag.BoolVar(&o.json, "json", false, "print JSON with every round instead of the table")
	flag.StringVar(&o.write, "write", "", "file whose table section is replaced")
	flag.StringVar(&o.ours, "ours", "", "gohap's binary, default bin/gohap-node")
	flag.StringVar(&o.reference, "reference", "", "the reference's binary")
	flag.StringVar(&o.collect, "collect", "debug gc", "command that makes gohap collect its garbage")
	flag.IntVar(&o.idle, "idle", 5000, "connections of the idle profile")
	flag.IntVar(&o.entries, "entries", 1_000_000, "entries of the tables and expiry profiles, at most 2,000,000")
	flag.Parse()
	o.prototype = os.Getenv("BENCH_PROTOTYPE")
	o.backends = strings.Split(*backends, ",")
	o.profiles = map[string]bool{}
	if *names != "" {
		for _, name := range strings.Split(*names, ",") {
			if profileNamed(name) == nil {
				return o, list, fmt.Errorf("no profile %q (-list)", name)
			}
			o.profiles[name] = true
		}
	}
	if o.entries < 1 || o.entries > 2_000_000 {
		return o, list, fmt.Errorf("-entries %d", o.entries)
	}
	if o.rounds < 1 || o.duration < time.Second {
		return o, list, fmt.Errorf("at least one round of a second")
	}
	if list {
		return o, list, nil
	}
	for _, p := range []struct {
		path *string
		find func() (string, error)
	}{{&o.ours, oracle.Gohap}, {&o.reference, oracle.Haproxy}} {
		if *p.path != "" {
			continue
		}
		if *p.path, err = p.find(); err != nil {
			return o, list, err
		}
	}
	return o, list, nil
}

func run(ctx context.Context, o options) error {
	root, err := oracle.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tools, err := build(ctx, filepath.Join(root, "e2e/bench/c"), dir)
	if err != nil {
		return err
	}
	if err := writeCerts(dir); err != nil {
		return err
	}
	servers, err := startServers(ctx, tools.backend, o.backends)
	if err != nil {
		return err
	}
	defer servers.stop()
	b := &bench{options: o, dir: dir, tools: tools}
	results := &results{When: time.Now().UTC().Format("2006-01-02"), Machine: machine(), Rounds: o.rounds,
		Seconds: o.duration.Seconds(), Versions: b.versions(ctx)}
	var failed []error // the others are measured all the same
	for i := range profiles {
		p := &profiles[i]
		if len(o.profiles) > 0 && !o.profiles[p.name] {
			continue
		}
		if err := b.profile(ctx, p, results); err != nil {
			err = fmt.Errorf("%s: %w", p.name, err)
			fmt.Fprintln(os.Stderr, err)
			failed = append(failed, err)
			results.note("%v", err)
			if ctx.Err() != nil {
				break // interrupted
			}
		}
	}
	return errors.Join(append(failed, results.emit(o, root))...)
}
