package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	shareOfMaximum = 0.7 // the slower one's maximum
	collections    = 10  // forced in gohap during its run
	rateSeconds    = 10
	overloaded     = 5_000 // µs at the median: the rate was not kept
)

// percentiles are one run at a fixed rate, in µs; what c/load.c prints.
type percentiles struct {
	Rate          float64
	Counted       int64 `json:"counted"`
	Errors        int64 `json:"errors"`
	P50           int64 `json:"p50"`
	P99           int64 `json:"p99"`
	P999          int64 `json:"p999"`
	Max           int64 `json:"max"`
	Waited        int64 `json:"waited"` // requests that were due at once and found no connection
	Collected     int   // forced collections that the proxy confirmed
	CollectAnswer string
}

// latency finds the rate that each proxy can keep, then runs all of them at the
// same one.
func (b *bench) latency(ctx context.Context, p *profile, list []*proxy, out *results) error {
	slowest := 0.0
	for _, x := range list {
		if x.name == prototype {
			continue
		}
		rate, err := b.maximum(ctx, p, x)
		if err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		if slowest == 0 || rate < slowest {
			slowest = rate
		}
	}
	rate := slowest * shareOfMaximum
	for range b.rounds {
		for _, x := range list {
			stop := make(chan struct{})
			done := make(chan collected, 1)
			go func() { done <- b.forceCollections(x, stop) }()
			got, err := b.atRate(ctx, p, x, rate, rateSeconds)
			close(stop)
			forced := <-done
			if err != nil {
				return fmt.Errorf("%s: %w", x.name, err)
			}
			got.Collected, got.CollectAnswer = forced.n, forced.answer
			if got.P50 > overloaded {
				out.note("latency: %s fell behind the rate in a run, its figures say nothing (is the machine busy?)", x.name)
			}
			out.addPercentiles(p, x.name, got)
		}
	}
	return nil
}

// collected tells how many collections a proxy confirmed, or what it answered.
type collected struct {
	n      int
	answer string
}

// forceCollections spreads the collections over the run; gohap alone knows them.
func (b *bench) forceCollections(x *proxy, stop chan struct{}) (c collected) {
	if x.name != gohap || b.collect == "" {
		return c
	}
	every := time.NewTicker(rateSeconds * time.Second / (collections + 1))
	defer every.Stop()
	for range collections {
		select {
		case <-stop:
			return c
		case <-every.C:
		}
		answer, err := x.command(b.collect)
		if err != nil {
			c.answer = err.Error()
			return c
		}
		if strings.HasPrefix(answer, "Unknown command") {
			c.answer = "it does not know " + b.collect
			return c
		}
		c.n++
	}
	return c
}

// maximum is the highest rate of arrivals that a proxy keeps up with, to a
// sixteenth. Closed loops go faster than that: they never have a queue.
func (b *bench) maximum(ctx context.Context, p *profile, x *proxy) (float64, error) {
	load := *p
	load.connections = 64
	t, err := b.turn(ctx, &load, x, b.duration)
	if err != nil {
		return 0, err
	}
	closed := float64(t.Requests) / t.Seconds
	kept, lost := 0.0, closed
	for lost-kept > closed/16 {
		rate := (kept + lost) / 2
		got, err := b.atRate(ctx, p, x, rate, 2)
		if err != nil {
			return 0, err
		}
		if got.P50 > overloaded {
			lost = rate
		} else {
			kept = rate
		}
	}
	return kept, nil
}

func (b *bench) atRate(ctx context.Context, p *profile, x *proxy, rate float64, seconds int) (got percentiles, err error) {
	request := "GET " + p.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + x.port + "\r\n" +
		strings.Join(browser, "\r\n") + "\r\n\r\n"
	cmd := exec.CommandContext(ctx, "taskset", "-c", loadCPU, b.tools.load, x.port, fmt.Sprintf("%.1f", rate),
		fmt.Sprint(seconds), fmt.Sprint(p.connections), request)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return got, fmt.Errorf("load: %w", err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return got, fmt.Errorf("load printed %q: %w", text, err)
	}
	if got.Errors > 0 {
		return got, fmt.Errorf("%d of %d answers are no success", got.Errors, got.Counted)
	}
	got.Rate = rate
	return got, nil
}
