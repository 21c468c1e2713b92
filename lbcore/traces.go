package lbcore

import (
	"gohap/lbcore/clock"
	"gohap/lbcore/log"
	"gohap/lbcore/trace"
)

// traceRing is the size of the ring that traces may go to, in bytes (reference).
const traceRing = 1 << 20

// prepareTraces makes the sources of traces, which are off, and their sinks: the
// standard outputs, a ring in memory and the rings of the configuration. What nobody
// chooses takes nothing.
func (in *Instance) prepareTraces() {
	in.traces = trace.New(clock.Wall)
	in.buf0 = log.NewRing("buf0", traceRing)
	in.buf0.Desc = "in-memory ring buffer"
	in.traces.Outlets = []trace.Outlet{
		{Name: "stdout", Desc: "standard output (fd#1)", Open: func() trace.Sink { return in.output(1) }},
		{Name: "stderr", Desc: "standard output (fd#2)", Open: func() trace.Sink { return in.output(2) }}, // reference
		{Name: in.buf0.Name, Desc: in.buf0.Desc, Dated: true, Open: func() trace.Sink { return in.buf0 }},
	}
	for _, r := range in.Config.RingOrder {
		in.traces.Outlets = append(in.traces.Outlets, trace.Outlet{Name: r.Name, Desc: r.Desc, Dated: true, Open: func() trace.Sink { return r }})
	}
}

// output returns what writes to a descriptor, made on first use.
func (in *Instance) output(fd int) *log.Writer {
	in.writing.Lock()
	defer in.writing.Unlock()
	w := in.outputs[fd]
	if w == nil {
		w = log.NewWriter(log.Descriptor(fd))
		in.outputs[fd] = w
	}
	return w
}
