package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A turn is one proxy's part of one round.
type turn struct {
	Requests  int64
	Seconds   float64
	CPUMicros float64 // of one request
	Calls     float64 `json:",omitempty"` // data system calls a request, by the proxy's own count
	Mallocs   float64 `json:",omitempty"`
}

// profile measures one profile with every program.
func (b *bench) profile(ctx context.Context, p *profile, out *results) error {
	switch p.kind {
	case byLoops:
		return b.scaling(ctx, p, out)
	case sharedTable:
		return b.share(ctx, p, out)
	case expiring:
		return b.expiry(ctx, p, out)
	case ofFleet:
		return b.inFleet(ctx, p, out)
	}
	var logAddr string
	var sink net.PacketConn
	if p.log {
		var err error
		if sink, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			return err
		}
		defer sink.Close()
		logAddr = sink.LocalAddr().String()
	}
	var list []*proxy
	defer func() {
		for _, x := range list {
			x.proc.stop()
		}
	}()
	for _, name := range b.programs(p) {
		x, err := b.start(ctx, name, p, logAddr)
		if err != nil {
			return err
		}
		list = append(list, x)
		if sink != nil {
			if err := awaitLog(sink); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	switch p.kind {
	case atRate:
		return b.latency(ctx, p, list, out)
	case idleMemory:
		return b.idleBytes(p, list, out)
	case perCall:
		return b.systemCalls(ctx, p, list, out)
	}
	for round := range b.rounds {
		order := slices.Clone(list)
		if round%2 == 1 { // whoever comes first shall not always
			slices.Reverse(order)
		}
		for _, x := range order {
			t, err := b.turn(ctx, p, x, b.duration)
			if err != nil {
				return fmt.Errorf("%s: %w", x.name, err)
			}
			out.add(p, x.name, t)
		}
	}
	return nil
}

// awaitLog reads up to the line of the request that start has made. What comes
// later is not read: the kernel drops it, at the same price for all.
func awaitLog(sink net.PacketConn) error {
	line := make([]byte, 8192)
	sink.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		n, _, err := sink.ReadFrom(line)
		if err != nil {
			return fmt.Errorf("no log line of a request arrives: %w", err)
		}
		if strings.Contains(string(line[:n]), "\"GET ") {
			return nil
		}
	}
}

// turn loads one proxy with wrk for a while.
func (b *bench) turn(ctx context.Context, p *profile, x *proxy, d time.Duration) (turn, error) {
	calls, mallocs, counts := x.activity()
	before, err := x.cpu()
	if err != nil {
		return turn{}, err
	}
	load := wrk
	if p.resume != 0 {
		load = resumed
	}
	requests, seconds, err := load(ctx, p, x.port, d)
	if err != nil {
		return turn{}, err
	}
	after, err := x.cpu()
	if err != nil {
		return turn{}, err
	}
	t := turn{Requests: requests, Seconds: seconds, CPUMicros: float64((after - before).Microseconds()) / float64(requests)}
	if calls2, mallocs2, ok := x.activity(); ok && counts {
		t.Calls = float64(calls2-calls) / float64(requests)
		t.Mallocs = float64(mallocs2-mallocs) / float64(requests)
	}
	return t, nil
}

var (
	wrkDone   = regexp.MustCompile(`(?m)^\s+(\d+) requests in ([0-9.]+)(ms|s|m)`)
	wrkErrors = regexp.MustCompile(`(?m)^\s+(Non-2xx or 3xx responses|Socket errors): (.*)$`)
)

// wrk runs one thread of wrk and returns the requests that it counted. An answer
// that is no success makes the run worthless.
func wrk(ctx context.Context, p *profile, port string, d time.Duration) (requests int64, seconds float64, err error) {
	args := []string{"-c", loadCPU, "wrk", "-t1", fmt.Sprintf("-c%d", p.connections),
		fmt.Sprintf("-d%ds", int(d.Round(time.Second).Seconds()))}
	for _, h := range slices.Concat(browser, p.headers) {
		args = append(args, "-H", h)
	}
	out, err := exec.CommandContext(ctx, "taskset", append(args, p.url(port))...).CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	return parseWrk(string(out))
}

func parseWrk(out string) (requests int64, seconds float64, err error) {
	if m := wrkErrors.FindStringSubmatch(out); m != nil {
		return 0, 0, fmt.Errorf("wrk counts %s: %s", strings.ToLower(m[1]), m[2])
	}
	m := wrkDone.FindStringSubmatch(out)
	if m == nil {
		return 0, 0, fmt.Errorf("wrk's report is not understood:\n%s", out)
	}
	if requests, err = strconv.ParseInt(m[1], 10, 64); err != nil {
		return 0, 0, err
	}
	if seconds, err = strconv.ParseFloat(m[2], 64); err != nil {
		return 0, 0, err
	}
	switch m[3] {
	case "ms":
		seconds /= 1000
	case "m":
		seconds *= 60
	}
	if requests == 0 {
		return 0, 0, fmt.Errorf("not one request was answered")
	}
	return requests, seconds, nil
}
