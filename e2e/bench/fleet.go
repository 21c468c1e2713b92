package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gohap/cluster/admin"
)

// What a node's traffic costs more when it is one of a fleet at rest: gossip, heartbeats
// and their collections take their time from the same processor.

// Columns of the fleet's table.
const (
	alone  = "alone"
	joined = "in a fleet"
)

// fleetSize is how many nodes the fleet has; traffic goes through the first.
const fleetSize = 3

// inFleet measures a node by itself and one of a fleet in turns.
func (b *bench) inFleet(ctx context.Context, p *profile, out *results) error {
	dir, err := os.MkdirTemp(b.dir, "fleet")
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "cfg")
	// One text for all; ports and sockets are in the environment.
	if err := os.WriteFile(config, []byte(p.config(`"${PORT}"`, `"${SOCKET}"`, "", b.dir, b.backends)), 0o600); err != nil {
		return err
	}
	one, err := b.node(ctx, p, dir, alone, proxyCPU, "-db", "-f", config)
	if err != nil {
		return err
	}
	defer one.proc.stop()
	var peers []string
	for range fleetSize {
		port, err := freePort()
		if err != nil {
			return err
		}
		peers = append(peers, "127.0.0.1:"+port)
	}
	var nodes []*proxy
	defer func() {
		for _, x := range nodes {
			x.proc.stop()
		}
	}()
	for i, at := range peers {
		name, cpus := fmt.Sprint("lb", i+1), loadCPU
		if i == 0 {
			cpus = proxyCPU
		}
		_, port, _ := strings.Cut(at, ":")
		x, err := b.node(ctx, p, dir, name, cpus, "join", "--name", name, "--peers", strings.Join(peers, ","), "--bind", "127.0.0.1", "--port", port,
			"--data-dir", filepath.Join(dir, name), "-f", config)
		if err != nil {
			return err
		}
		nodes = append(nodes, x)
	}
	if err := whole(ctx, filepath.Join(dir, "lb1", admin.Socket)); err != nil {
		return err
	}
	return b.inTurns(ctx, p, map[string]*proxy{alone: one, joined: nodes[0]}, out)
}

// node starts gohap with what its configuration takes from the environment.
func (b *bench) node(ctx context.Context, p *profile, dir, name, cpus string, args ...string) (*proxy, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	x := &proxy{name: name, port: port, socket: filepath.Join(dir, name+".sock")}
	stderr, err := os.Create(filepath.Join(dir, name+".stderr"))
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	line := append([]string{"env", "PORT=" + port, "SOCKET=" + x.socket, b.ours}, args...)
	if x.proc, _, err = pinned(ctx, cpus, stderr, line...); err != nil {
		return nil, err
	}
	x.pid = x.proc.cmd.Process.Pid // taskset and env have become the program
	if err := x.awaitAnswer(p); err != nil {
		x.proc.stop()
		said, _ := os.ReadFile(stderr.Name())
		return nil, fmt.Errorf("%s: %w\n%s", name, err, said)
	}
	return x, nil
}

// whole waits until all nodes serve the fleet's configuration.
func whole(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		s, err := admin.NewClient(socket).Status(ctx)
		if err == nil && s.Healthy && len(s.Nodes) == fleetSize {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the fleet does not come about: %v", err)
		}
	}
}

func (b *bench) inTurns(ctx context.Context, p *profile, nodes map[string]*proxy, out *results) error {
	for round := range b.rounds {
		order := []string{alone, joined}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, name := range order {
			t, err := b.turn(ctx, p, nodes[name], b.duration)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			appendTo(&out.Joined, p.name, name, t)
			progress("%s %s %.2f µs, %.0f requests/s", p.name, name, t.CPUMicros, float64(t.Requests)/t.Seconds)
		}
	}
	return nil
}

// fleetTable has the medians, and the median of what each round's two turns differ by.
func (r *results) fleetTable(s *strings.Builder) {
	for _, p := range profiles {
		by := r.Joined[p.name]
		if by == nil {
			continue
		}
		one, three := column(by[alone], cpuMicros), column(by[joined], cpuMicros)
		var each []float64
		for i := range min(len(one), len(three)) {
			each = append(each, (three[i]/one[i]-1)*100)
		}
		fmt.Fprintf(s, "%-30s %10s %10s %7s %11s\n", "CPU µs per request of a node", alone, joined, "more", "rounds")
		fmt.Fprintf(s, "%-30s %10.2f %10.2f %7s %11s\n\n", p.what, median(one), median(three),
			fmt.Sprintf("%.1f %%", median(each)), fmt.Sprintf("%.1f-%.1f", slices.Min(each), slices.Max(each)))
	}
}
