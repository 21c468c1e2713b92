package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// calls are the system calls of one request, by strace.
type calls struct{ Data, All float64 }

// results are what a run found, by profile and program; --json prints them.
type results struct {
	When        string
	Machine     string
	Versions    map[string]string
	Rounds      int
	Seconds     float64 // of a turn
	Turns       map[string]map[string][]turn
	Percentiles map[string]map[string][]percentiles
	IdleBytes   map[string]map[string]float64
	Calls       map[string]calls
	Scaling     map[string]map[string][]turn // by layout and program
	Sharing     map[string]map[string][]sharing
	Joined      map[string]map[string][]turn // a node alone and in a fleet
	Notes       []string
}

func (r *results) add(p *profile, program string, t turn) {
	appendTo(&r.Turns, p.name, program, t)
	progress("%s %s %.2f µs, %.0f requests/s", p.name, program, t.CPUMicros, float64(t.Requests)/t.Seconds)
}

func (r *results) addPercentiles(p *profile, program string, got percentiles) {
	appendTo(&r.Percentiles, p.name, program, got)
	progress("%s %s p99 %d µs, p99.9 %d µs at %.0f/s", p.name, program, got.P99, got.P999, got.Rate)
	if got.CollectAnswer != "" {
		r.note("latency: no forced collections, %s", got.CollectAnswer)
	}
}

func (r *results) addIdle(p *profile, program string, bytes float64) {
	if r.IdleBytes == nil {
		r.IdleBytes = map[string]map[string]float64{}
	}
	if r.IdleBytes[p.name] == nil {
		r.IdleBytes[p.name] = map[string]float64{}
	}
	r.IdleBytes[p.name][program] = bytes
	progress("%s %s %.0f bytes", p.name, program, bytes)
}

func (r *results) addCalls(p *profile, program string, data, all float64) {
	if r.Calls == nil {
		r.Calls = map[string]calls{}
	}
	r.Calls[program] = calls{data, all}
	progress("%s %s %.2f data, %.2f in all", p.name, program, data, all)
}

func (r *results) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}

func appendTo[T any](m *map[string]map[string][]T, profile, program string, v T) {
	if *m == nil {
		*m = map[string]map[string][]T{}
	}
	if (*m)[profile] == nil {
		(*m)[profile] = map[string][]T{}
	}
	(*m)[profile][program] = append((*m)[profile][program], v)
}

// progress is for whoever waits; the result goes to standard output.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

// column picks one number of each of a program's rounds.
func column[T any](rounds []T, pick func(T) float64) []float64 {
	values := make([]float64, len(rounds))
	for i, round := range rounds {
		values[i] = pick(round)
	}
	return values
}

func cpuMicros(t turn) float64 { return t.CPUMicros }

// table is the text of a run, no line over 80 columns.
func (r *results) table() string {
	var s strings.Builder
	r.requestTable(&s)
	r.counterTable(&s)
	r.scalingTable(&s)
	r.latencyTable(&s)
	r.sharingTable(&s)
	r.fleetTable(&s)
	if r.IdleBytes != nil {
		fmt.Fprintf(&s, "%-30s %10s %10s %7s %11s %7s\n", "", reference, gohap, "ratio", "", "proto")
		for _, p := range profiles {
			if by := r.IdleBytes[p.name]; by != nil {
				fmt.Fprintf(&s, "%-30s %10.0f %10.0f %7s %11s %7s\n", p.what, by[reference], by[gohap],
					ratio(by[reference], by[gohap]), "", ratio(by[reference], by[prototype]))
			}
		}
		s.WriteByte('\n')
	}
	if r.Calls != nil {
		fmt.Fprintf(&s, "%-30s %10s %10s\n", "system calls per request", reference, gohap)
		fmt.Fprintf(&s, "%-30s %10.2f %10.2f\n", "  data", r.Calls[reference].Data, r.Calls[gohap].Data)
		fmt.Fprintf(&s, "%-30s %10.2f %10.2f\n\n", "  all", r.Calls[reference].All, r.Calls[gohap].All)
	}
	for _, note := range r.Notes {
		fmt.Fprintln(&s, note)
	}
	return strings.TrimRight(s.String(), "\n") + "\n"
}

// requestTable has one line a profile. The ratio is the median of the rounds', whose
// two turns follow each other and see the same machine; beside it is their range.
func (r *results) requestTable(s *strings.Builder) {
	if r.Turns == nil {
		return
	}
	fmt.Fprintf(s, "%-30s %10s %10s %7s %11s %7s\n", "CPU µs per request", reference, gohap, "ratio", "rounds", "proto")
	for _, p := range profiles {
		by := r.Turns[p.name]
		if by == nil {
			continue
		}
		theirs, ours := column(by[reference], cpuMicros), column(by[gohap], cpuMicros)
		var each []float64
		for i := range min(len(theirs), len(ours)) {
			each = append(each, theirs[i]/ours[i])
		}
		fmt.Fprintf(s, "%-30s %10.2f %10.2f %7s %11s %7s\n", p.what, median(theirs), median(ours),
			fmt.Sprintf("%.2f", median(each)), fmt.Sprintf("%.2f-%.2f", slices.Min(each), slices.Max(each)),
			ratio(median(theirs), median(column(by[prototype], cpuMicros))))
	}
	s.WriteByte('\n')
}

// counterTable has gohap's own counters where it publishes them.
func (r *results) counterTable(s *strings.Builder) {
	first := true
	for _, p := range profiles {
		ours := r.Turns[p.name][gohap]
		if len(ours) == 0 || ours[0].Calls == 0 {
			continue
		}
		if first {
			fmt.Fprintf(s, "%-30s %10s %10s\n", "gohap's own count per request", "data calls", "mallocs")
			first = false
		}
		fmt.Fprintf(s, "%-30s %10.2f %10.4f\n", p.what, median(column(ours, func(t turn) float64 { return t.Calls })),
			median(column(ours, func(t turn) float64 { return t.Mallocs })))
	}
	if !first {
		s.WriteByte('\n')
	}
}

func (r *results) latencyTable(s *strings.Builder) {
	for _, p := range profiles {
		by := r.Percentiles[p.name]
		if by == nil {
			continue
		}
		rate, forced := 0.0, 0
		for _, got := range by[gohap] {
			rate, forced = got.Rate, forced+got.Collected
		}
		title := fmt.Sprintf("µs at %.0f requests/s", rate)
		if p.kind == expiring {
			title = fmt.Sprintf("µs at %.0f/s, %s", rate, p.what)
		}
		fmt.Fprintf(s, "%-30s %10s %10s %7s %11s %7s\n", title, reference, gohap, "ratio", "", "proto")
		for _, q := range []struct {
			name string
			pick func(percentiles) float64
		}{
			{"p50", func(g percentiles) float64 { return float64(g.P50) }},
			{"p99", func(g percentiles) float64 { return float64(g.P99) }},
			{"p99.9", func(g percentiles) float64 { return float64(g.P999) }},
			{"max", func(g percentiles) float64 { return float64(g.Max) }},
		} {
			theirs, ours := median(column(by[reference], q.pick)), median(column(by[gohap], q.pick))
			fmt.Fprintf(s, "%-30s %10.0f %10.0f %7s %11s %7s\n", "  "+q.name, theirs, ours, ratio(theirs, ours), "",
				ratio(theirs, median(column(by[prototype], q.pick))))
		}
		if p.kind == atRate {
			fmt.Fprintf(s, "  %d collections forced in gohap\n", forced)
		}
		s.WriteByte('\n')
	}
}

// ratio is reference / ours; above 1.00 ours is cheaper.
func ratio(theirs, ours float64) string {
	if ours <= 0 || theirs <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", theirs/ours)
}

// emit prints the results and, where asked, replaces the section of a file.
func (r *results) emit(o options, root string) error {
	if o.json {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(r); err != nil {
			return err
		}
	} else {
		fmt.Print(r.table())
	}
	if o.write == "" {
		return nil
	}
	path := o.write
	if !filepath.IsAbs(path) {
		path = filepath.Join(root, path)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := replaceSection(string(old), r.section())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

func (r *results) section() string {
	return fmt.Sprintf("Measured %s on %s; %d rounds of %.0f s.\n\n- reference: %s\n- gohap: %s\n\n```\n%s```\n",
		r.When, r.Machine, r.Rounds, r.Seconds, r.Versions[reference], r.Versions[gohap], r.table())
}

// Marks around the section that make bench writes.
const (
	sectionBegin = "<!-- make bench writes from here -->\n"
	sectionEnd   = "<!-- to here -->\n"
)

func replaceSection(text, section string) (string, error) {
	before, rest, begins := strings.Cut(text, sectionBegin)
	_, after, ends := strings.Cut(rest, sectionEnd)
	if !begins || !ends {
		return "", fmt.Errorf("no lines %q and %q to write between", strings.TrimSpace(sectionBegin), strings.TrimSpace(sectionEnd))
	}
	return before + sectionBegin + section + sectionEnd + after, nil
}
