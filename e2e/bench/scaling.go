package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// A layout is a way to spread one load over loops. A second process shares the
// port and nothing else: what two loops of one process cost more than two
// processes is the price of what loops share; what two processes cost more than
// one is the machine's, whose load generator then has a processor less.
type layout struct {
	name      string
	processes int
	loops     int // of each
}

var layouts = []layout{
	{"one loop", 1, 1},
	{"two loops", 1, 2},
	{"two processes, a loop each", 2, 1},
}

// crew is the processes of one program in one layout.
type crew struct {
	layout  layout
	program string
	members []*proxy
}

// scaling measures every layout of every program in turns.
func (b *bench) scaling(ctx context.Context, p *profile, out *results) error {
	var crews []*crew
	defer func() {
		for _, c := range crews {
			for _, x := range c.members {
				x.proc.stop()
			}
		}
	}()
	for _, l := range layouts {
		for _, program := range []string{reference, gohap} {
			c := &crew{layout: l, program: program}
			crews = append(crews, c)
			if err := b.muster(ctx, p, c); err != nil {
				return fmt.Errorf("%s, %s: %w", program, l.name, err)
			}
		}
	}
	for round := range b.rounds {
		order := slices.Clone(crews)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, c := range order {
			t, err := b.crewTurn(ctx, p, c)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", c.program, c.layout.name, err)
			}
			out.addScaling(c, t)
		}
	}
	return nil
}

// muster starts a crew's processes on one port.
func (b *bench) muster(ctx context.Context, p *profile, c *crew) error {
	like := *p
	like.loops = c.layout.loops
	port := ""
	for range c.layout.processes {
		cpus := proxyCPU
		if c.layout.processes*c.layout.loops > 1 {
			cpus = bothCPUs
		}
		x, err := b.startOn(ctx, c.program, &like, "", port, cpus)
		if err != nil {
			return err
		}
		port = x.port
		c.members = append(c.members, x)
	}
	return nil
}

func (b *bench) crewTurn(ctx context.Context, p *profile, c *crew) (turn, error) {
	cpu := func() (sum float64, err error) {
		for _, x := range c.members {
			d, err := x.cpu()
			if err != nil {
				return 0, err
			}
			sum += float64(d.Microseconds())
		}
		return sum, nil
	}
	before, err := cpu()
	if err != nil {
		return turn{}, err
	}
	requests, seconds, err := wrk(ctx, p, c.members[0].port, b.duration)
	if err != nil {
		return turn{}, err
	}
	after, err := cpu()
	return turn{Requests: requests, Seconds: seconds, CPUMicros: (after - before) / float64(requests)}, err
}

func (r *results) addScaling(c *crew, t turn) {
	appendTo(&r.Scaling, c.layout.name, c.program, t)
	progress("%s, %s: %.2f µs, %.0f requests/s", c.program, c.layout.name, t.CPUMicros, float64(t.Requests)/t.Seconds)
}

// scalingTable has a line a layout, then what one more loop costs.
func (r *results) scalingTable(s *strings.Builder) {
	if r.Scaling == nil {
		return
	}
	micros := func(l, program string) float64 { return median(column(r.Scaling[l][program], cpuMicros)) }
	fmt.Fprintf(s, "%-30s %10s %10s %7s\n", "CPU µs per request, 64 conns", reference, gohap, "ratio")
	for _, l := range layouts {
		theirs, ours := micros(l.name, reference), micros(l.name, gohap)
		fmt.Fprintf(s, "%-30s %10.2f %10.2f %7s\n", "  "+l.name, theirs, ours, ratio(theirs, ours))
	}
	one, two, apart := layouts[0].name, layouts[1].name, layouts[2].name
	for _, of := range []struct{ what, than string }{{"  two loops / one", one}, {"  two loops / two processes", apart}} {
		fmt.Fprintf(s, "%-30s %10s %10s\n", of.what, ratio(micros(two, reference), micros(of.than, reference)),
			ratio(micros(two, gohap), micros(of.than, gohap)))
	}
	s.WriteByte('\n')
}
