//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"fmt"
	"math/bits"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"gohap/lbcore/cli"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// This file has the words about threads, which are event loops here, and the
// words of bind lines that mean something to sockets of commands alone.

const maxThreads = 64 // of a group; there is one group

// threadGroupRows are the words about groups of threads, of which there is one.
func threadGroupRows() []keyword.Row {
	rows := []keyword.Row{
		globalRow("thread-groups", "<number>", "there is one group", "thread-groups 1", func(b *Builder, st *config.Statement) {
			n, err := strconv.Atoi(st.Word(1))
			switch {
			case b.tooMany(st, 2):
			case err != nil:
				b.Alertf(st, "'thread-groups' passed a missing or unparsable integer value in '%s'", st.Word(1))
			case n < 1, n > 32:
				b.Alertf(st, "'thread-groups' value must be between 1 and 32 (was %d)", n)
			case n > 1:
				b.Alertf(st, "'thread-groups' : gohap has one group of up to %d threads.", maxThreads)
			}
		}, "thread-groups", "thread-groups 0", "thread-groups x", "thread-groups 2"),
		globalRow("thread-group", "<group> [<range>…]", "there is one group", "thread-group 1 1-64", func(b *Builder, st *config.Statement) {
			n, err := strconv.Atoi(st.Word(1))
			switch {
			case err != nil:
				b.Alertf(st, "'thread-group' passed a missing or unparsable integer value in '%s'", st.Word(1))
				return
			case n != 1:
				b.Alertf(st, "'thread-group' : gohap has one group of up to %d threads.", maxThreads)
				return
			}
			for _, w := range st.Words[min(2, len(st.Words)):] {
				if low, high, err := readRange(w, 1024); err != nil || low < 1 || high < 1 || low > 1024 || high > 1024 {
					b.Alertf(st, "'thread-group 1' passed an unparsable or invalid thread number '%s' (valid range is 1 to 1024)", w)
					return
				}
			}
		}, "thread-group", "thread-group x", "thread-group 2 1", "thread-group 1 x"),
	}
	for i := range rows {
		rows[i].Flags |= keyword.NoEffect
	}
	return rows
}

// Loops returns how many event loops there will be.
func (g *Global) Loops() int { return loopsOn(g.Threads, runtime.NumCPU()) }

// loopsOn is what nbthread says, 0 for nothing, or one a processor as far as the
// group goes.
func loopsOn(threads, processors int) int {
	if threads > 0 {
		return threads
	}
	return min(processors, maxThreads)
}

// numbers is a set of numbers from 1 to 64, a bit each.
type numbers uint64

const (
	allNumbers numbers = 1<<64 - 1
	oddNumbers numbers = 0x5555555555555555 // 1, 3, …
)

// between returns the numbers from low to high, in any order.
func between(low, high int) numbers {
	if low > high {
		low, high = high, low
	}
	return allNumbers << (low - 1) & (allNumbers >> (maxThreads - high))
}

// namedNumbers are the sets that have names.
var namedNumbers = map[string]numbers{"all": allNumbers, "odd": oddNumbers, "even": oddNumbers << 1}

// readRange reads a number or a range, which most ends where its end is not said. The
// two come as written, in any order.
func readRange(text string, most int) (low, high int, err error) {
	first, last, isRange := strings.Cut(text, "-")
	low, err = strconv.Atoi(first)
	switch {
	case err != nil || !isRange:
		return low, low, err
	case last == "":
		return low, most, nil
	}
	high, err = strconv.Atoi(last)
	return low, high, err
}

// readNumbers reads "all", "odd", "even", a number or a range of cpu-map; the error
// is the reference's.
func readNumbers(text string) (numbers, error) {
	if set, ok := namedNumbers[text]; ok {
		return set, nil
	}
	low, high, err := readRange(text, maxThreads)
	switch {
	case err != nil && text != "":
		return 0, fmt.Errorf("'%s' is not a valid number/range.", text)
	case low < 1, low > maxThreads, high < 1, high > maxThreads:
		return 0, fmt.Errorf("'%s' is not a valid number/range. It supports numbers from 1 to %d.\n", text, maxThreads)
	}
	return between(low, high), nil
}

// maxCPU is the greatest number of a processor.
const maxCPU = 1023

// readCPUs reads one word of processors, ranges between commas.
func readCPUs(word string, set *unix.CPUSet) error {
	for part := range strings.SplitSeq(word, ",") {
		if part == "" {
			continue
		}
		low, high, err := readRange(part, maxCPU)
		switch {
		case err != nil, low < 0, high < 0:
			return fmt.Errorf("'%s' is not a CPU range.", part)
		case low > maxCPU, high > maxCPU:
			return fmt.Errorf("supports CPU numbers from 0 to %d.", maxCPU)
		}
		for n := min(low, high); n <= max(low, high); n++ {
			set.Set(n)
		}
	}
	return nil
}

// cpuMap reads cpu-map. A later line replaces what an earlier one said of a thread.
func cpuMap(b *Builder, st *config.Statement) {
	text, auto := strings.CutPrefix(st.Word(1), "auto:")
	if text == "" || len(st.Words) < 3 {
		b.Alertf(st, "cpu-map expects a thread group number  ('all', 'odd', 'even', a number from 1 to %d or a range),  followed by a list of CPU ranges with numbers from 0 to %d.", maxThreads, maxThreads-1)
		return
	}
	group, thread, hasThread := strings.Cut(text, "/")
	groups, err := readNumbers(group)
	threads := allNumbers
	if err == nil && hasThread {
		threads, err = readNumbers(thread)
	}
	var cpus unix.CPUSet
	for _, word := range st.Words[2:] {
		if err == nil {
			err = readCPUs(word, &cpus)
		}
	}
	if err != nil {
		b.Alertf(st, "cpu-map : %s", err)
		return
	}
	if groups&1 == 0 {
		return // of groups that there are not
	}
	next := 0
	for threads != 0 {
		n := bits.TrailingZeros64(uint64(threads))
		threads &^= 1 << n
		if !auto {
			b.Global.CPUs[n] = cpus
			continue
		}
		for next <= maxCPU && !cpus.IsSet(next) {
			next++
		}
		if next > maxCPU {
			break // reference: those that are left get none
		}
		b.Global.CPUs[n] = unix.CPUSet{}
		b.Global.CPUs[n].Set(next)
		next++
	}
}

// warnCPUs tells of threads that cpu-map forgot.
func (b *Builder) warnCPUs() {
	bound, free, firstBound, firstFree := 0, 0, -1, -1
	for n := range b.Global.Loops() {
		if b.Global.CPUs[n].Count() > 0 {
			if bound++; firstBound < 0 {
				firstBound = n
			}
		} else if free++; firstFree < 0 {
			firstFree = n
		}
	}
	if bound > 0 && free > 0 {
		b.Diag.Rawf(config.Warning, "Found %d thread(s) mapped to a CPU and %d thread(s) not mapped to any CPU. This will result in some threads being randomly assigned to the same CPU, which will occasionally cause severe performance degradation. First thread bound is %d and first thread not bound is %d. Please either bind all threads or none (maybe some cpu-map directives are missing?).",
			bound, free, firstBound, firstFree)
	}
}

// threadSet is what "thread" of a bind line says: the threads of the one group that
// there is, and the groups that there are not.
type threadSet struct {
	loops  numbers
	others []int // numbers of groups, in order
}

// readThreads reads the words between commas of "thread".
func readThreads(text string) (t threadSet, err error) {
	for part := range strings.SplitSeq(text, ",") {
		group, most := 0, 1024
		if g, rest, ok := strings.Cut(part, "/"); ok {
			if group, err = strconv.Atoi(g); err != nil || group < 1 || group > 16 {
				return t, fmt.Errorf("invalid group number '%s', permitted range is 1..16 in '%s'.", g, part)
			}
			part, most = rest, maxThreads
		}
		set, low, high, err := threadRange(part, most)
		switch {
		case err != nil:
			return t, err
		case group > 1:
			t.others = append(t.others, group)
		case set != 0:
			t.loops |= set
		case low <= maxThreads:
			t.loops |= between(low, min(high, maxThreads))
		}
	}
	return t, nil
}

// threadRange reads one part of "thread": either a set, or a range of numbers up to most.
func threadRange(part string, most int) (set numbers, low, high int, err error) {
	if part == "" { // reference
		part = "all"
	}
	if set, ok := namedNumbers[part]; ok {
		return set, 0, 0, nil
	}
	first, last, isRange := strings.Cut(part, "-")
	if low, err = strconv.Atoi(first); err != nil || low < 1 || low > most {
		return 0, 0, 0, fmt.Errorf("invalid first thread number '%s', permitted range is 1..%d, or 'all', 'odd', 'even'.", first, most)
	}
	high = low
	if isRange && last == "" {
		high = most
	} else if isRange {
		if high, err = strconv.Atoi(last); err != nil || high < 1 || high > most {
			return 0, 0, 0, fmt.Errorf("invalid last thread number '%s', permitted range is 1..%d.", last, most)
		}
	}
	return 0, min(low, high), max(low, high), nil
}

// checkThreads tells of a bind line that no thread would serve.
func (b *Builder) checkThreads(s *section, l *bindLine) {
	t, said := b.threads[l.Bind]
	if !said {
		return
	}
	there := between(1, b.Global.Loops())
	l.Loops = uint64(t.loops & there)
	if !l.first {
		return // told already
	}
	where := fmt.Sprintf("in 'bind %s' at [%s:%d]", l.text, l.File, l.Line)
	switch {
	case len(t.others) > 0:
		b.Diag.Rawf(config.Alert, "%s '%s': 'thread' directive references non-existing thread group %d %s.", s.noun(), s.name, t.others[0], where)
	case t.loops&there == 0:
		b.Diag.Rawf(config.Alert, "%s '%s': 'thread' directive only references non-existing threads %s.", s.noun(), s.name, where)
	}
}

// threadRows are the words of bind lines; those about levels, severities and
// descriptors are checked everywhere and mean something to command sockets.
func threadRows() []keyword.Row {
	row := func(name, args, example, summary string, f BindFunc, bad ...string) keyword.Row {
		return keyword.Row{Class: keyword.Bind, Name: name, Args: args, Summary: summary, Good: []keyword.Example{{Config: "bind :8080 " + example}}, Bad: bad, Impl: f}
	}
	argument := func(w []string) string {
		if len(w) < 2 {
			return ""
		}
		return w[1]
	}
	checked := func(read func(arg string) error) BindFunc {
		return func(_ *Builder, _ *config.Statement, _ *proxy.Bind, w []string) (int, error) {
			return 2, read(argument(w))
		}
	}
	return []keyword.Row{
		row("thread", "[<group>/]<set>[,…]", "thread 1", "the event loops that serve the line", func(b *Builder, _ *config.Statement, to *proxy.Bind, w []string) (int, error) {
			t, err := readThreads(argument(w))
			b.threads[to] = t
			return 2, err
		}, "bind :8080 thread x", "bind :8080 thread 0"),
		row("shards", "<number>|by-thread|by-group", "shards by-thread", "how many listening sockets the line has", func(b *Builder, _ *config.Statement, to *proxy.Bind, w []string) (n int, err error) {
			if len(w) < 2 {
				return 0, fmt.Errorf("'shards' : missing value")
			}
			to.Shards, err = readShards(w[1])
			return 2, err
		}, "bind :8080 shards", "bind :8080 shards 0", "bind :8080 shards x"),
		row("user", "<name>", "user root", "owner of a unix socket, by name", func(_ *Builder, _ *config.Statement, to *proxy.Bind, w []string) (_ int, err error) {
			to.UID, err = socketUser("user", argument(w))
			return 2, err
		}, "bind :8080 user", "bind :8080 user no-such-user"),
		row("group", "<name>", "group root", "group of a unix socket, by name", func(_ *Builder, _ *config.Statement, to *proxy.Bind, w []string) (_ int, err error) {
			to.GID, err = socketGroup("group", argument(w))
			return 2, err
		}, "bind :8080 group", "bind :8080 group no-such-group"),
		row("level", "user|operator|admin", "level admin", "what a command socket allows", checked(func(arg string) error {
			_, err := readLevel(arg)
			return err
		}), "bind :8080 level", "bind :8080 level x"),
		row("severity-output", "none|number|string", "severity-output number", "how a command socket shows the severity of its messages", checked(func(arg string) error {
			_, err := readSeverity(arg)
			return err
		}), "bind :8080 severity-output", "bind :8080 severity-output x"),
		row("expose-fd", "listeners", "expose-fd listeners", "a command socket hands the listening sockets over", checked(readExposed), "bind :8080 expose-fd", "bind :8080 expose-fd x"),
	}
}

// readShards reads a number of listening sockets: 0 for one a thread.
func readShards(text string) (int, error) {
	switch text {
	case "by-thread":
		return 0, nil
	case "by-group":
		return 1, nil
	}
	n, _ := strconv.Atoi(text)
	if n < 1 || n > 1024 {
		return 0, fmt.Errorf("'shards' : invalid value %d, allowed range is 1..1024 or 'by-thread'", n)
	}
	return n, nil
}

func readLevel(arg string) (cli.Level, error) {
	level, err := cli.ParseLevel(arg)
	switch {
	case arg == "":
		err = fmt.Errorf("'level' : missing level")
	case err != nil:
		err = fmt.Errorf("'level' only supports 'user', 'operator', and 'admin' (got '%s')", arg)
	}
	return level, err
}

func readSeverity(arg string) (cli.SeverityOutput, error) {
	out, err := cli.ParseSeverityOutput(arg)
	switch {
	case arg == "":
		err = fmt.Errorf("'severity-output' : missing severity format")
	case err != nil:
		err = fmt.Errorf("'severity-output' only supports 'none', 'number', and 'string' (got '%s')", arg)
	}
	return out, err
}

func readExposed(arg string) error {
	switch arg {
	case "listeners":
		return nil
	case "":
		return fmt.Errorf("'expose-fd' : missing fd type")
	}
	return fmt.Errorf("'expose-fd' only supports 'listeners' (got '%s')", arg)
}
