package stats

import (
	"bytes"
	"runtime"
	"time"

	"gohap/lbcore/cli"
	"gohap/lbcore/loop"
)

// threadFacts is what "show threads" shows of one loop.
type threadFacts struct {
	stats         loop.Stats
	timers, tasks int
	answered      bool
}

// showThreads prints a block for each loop. One that makes no progress is marked by
// '>', and where it stands follows.
func showThreads(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	facts := ask(in, func(l *loop.Loop) threadFacts {
		timers, tasks := l.Waiting()
		return threadFacts{stats: l.Stats, timers: timers, tasks: tasks, answered: true}
	})
	stuck := false
	for i, l := range in.Group.Loops {
		f := &facts[i]
		mark := ' '
		if !f.answered {
			stuck, mark = true, '>'
			f.stats = l.Snapshot()
		}
		_, busy := l.Heartbeat()
		r.Printf("%c Thread %d : act=%d conns=%d wq=%d rq=%d\n", mark, i+1, bit(busy).n, l.Conns(), f.timers, f.tasks)
		r.Printf("      1/%d    loops=%d ctxsw=%d stuck=%d\n", i+1, f.stats.Turns, f.stats.Tasks+f.stats.Events+f.stats.Fired, bit(!f.answered).n)
		r.Printf("             in this turn for %s, longest wait for a processor %s\n",
			time.Duration(l.Stalled()).Round(time.Microsecond), time.Duration(f.stats.MaxStall).Round(time.Microsecond))
	}
	if stuck {
		r.WriteString("  call traces of the threads:\n")
		r.Write(loopTraces())
	}
}

// loopTraces are the call traces of the goroutines that run loops.
func loopTraces() []byte {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var out bytes.Buffer
	for trace := range bytes.SplitSeq(buf, []byte("\n\n")) {
		if !bytes.Contains(trace, []byte("loop.(*Loop).Run(")) {
			continue
		}
		for line := range bytes.SplitSeq(trace, []byte("\n")) {
			out.WriteString("             | ")
			out.Write(line)
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}
