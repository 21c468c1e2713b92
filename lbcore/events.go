package lbcore

import (
	"fmt"
	"io"

	"gohap/lbcore/clock"
	"gohap/lbcore/config"
	"gohap/lbcore/log"
	"gohap/lbcore/proxy"
)

// tell writes an event to standard error; any goroutine but a loop's.
// Reference: what is worse than an alert is one there, all else warns.
func (in *Instance) tell(level log.Level, text string) {
	in.telling.Lock()
	defer in.telling.Unlock()
	severity := config.Warning
	if level == log.Emerg {
		severity = config.Alert
	}
	in.Config.Diag.Tell(severity, text)
}

// logFor writes an event to the log targets of a proxy; any goroutine but a
// loop's.
func (in *Instance) logFor(p *proxy.Proxy, level log.Level, text string) {
	if lg := p.Logging; lg != nil {
		in.shared.Emit(lg.Loggers, &log.Message{Level: level, Time: clock.Wall(), Tag: lg.Tag, Text: []byte(text)})
	}
}

// both tells and logs.
func (in *Instance) both(p *proxy.Proxy, level log.Level, text string) {
	in.tell(level, text)
	in.logFor(p, level, text)
}

// global tells whether there is a frontend GLOBAL, that of the command sockets.
func (in *Instance) global() bool { return len(in.Config.Global.Sockets) > 0 }

// DumpStates writes a line for each server and each proxy, as SIGHUP asks a
// process that nobody supervises; on the goroutine of signals.
func (in *Instance) DumpStates() {
	in.tell(log.Notice, "SIGHUP received, dumping servers states.")
	if in.global() {
		in.tell(log.Notice, fmt.Sprintf("SIGHUP: Proxy GLOBAL has no servers. Conn: act(FE+BE): %d+0, 0 pend (0 unass), tot(FE+BE): %d+0.",
			in.commands.Conns(), in.commands.Total()))
	}
	for _, p := range in.Config.Proxies {
		in.logFor(p, log.Notice, fmt.Sprintf("SIGHUP received, dumping servers states for proxy %s.", p.Name))
		for _, s := range p.Set().All {
			in.both(p, log.Notice, serverState(s))
		}
		in.both(p, log.Notice, proxyState(p))
	}
}

func serverState(s *proxy.Server) string {
	state := "UP"
	if s.Oper() == proxy.Down {
		state = "DOWN"
	}
	return fmt.Sprintf("SIGHUP: Server %s/%s is %s. Conn: %d act, %d pend, %d tot.",
		s.Proxy.Name, s.Name, state, s.Conn.Load(), s.QueueLen(), s.Counters.Sum(proxy.CumSess))
}

func proxyState(p *proxy.Proxy) string {
	state := "has no servers."
	switch a := p.Availability(); {
	case len(p.Set().All) == 0:
	case a.Active > 0:
		state = fmt.Sprintf("has %d active servers and %d backup servers available.", a.Active, a.Backup)
	case a.Backup > 0:
		state = "is running on backup servers !"
	default:
		state = "has no server available !"
	}
	return fmt.Sprintf("SIGHUP: Proxy %s %s Conn: act(FE+BE): %d+%d, %d pend (%d unass), tot(FE+BE): %d+%d.",
		p.Name, state, p.FEConn.Load(), p.BEConn.Load(), p.Queue.All.Load(), p.QueueGauge().Load(), p.FE.Sum(proxy.CumConns), p.BE.Sum(proxy.CumSess))
}

// DumpPools writes the use of buffers, as SIGQUIT asks; on the goroutine of
// signals.
func (in *Instance) DumpPools(w io.Writer) { in.Stats().WritePools(w) }

// SetListening pauses (SIGTTOU) or resumes (SIGTTIN) all listeners; on the
// goroutine of signals.
func (in *Instance) SetListening(on bool) {
	in.listens(on, all)
	in.commands.Pause(!on)
	if in.global() {
		in.tell(log.Warning, map[bool]string{true: "Resumed", false: "Paused"}[on]+" frontend GLOBAL.")
	}
}

// TellHardStop says that a soft stop lasts too long and whose connections are going
// to be closed.
func (in *Instance) TellHardStop() {
	in.tell(log.Warning, "soft-stop running for too long, performing a hard-stop.")
	for _, p := range in.Config.Proxies {
		if n := p.FEConn.Load(); n > 0 {
			in.both(p, log.Warning, fmt.Sprintf("Proxy %s hard-stopped (%d remaining conns will be closed).", p.Name, n))
		}
	}
}

// tellStopped says of proxies that they stop: those that listened first.
func (in *Instance) tellStopped(which func(*proxy.Proxy) bool) {
	for _, listening := range []bool{true, false} {
		for _, p := range in.Config.Proxies {
			if len(p.Binds) > 0 == listening && !p.Disabled && which(p) {
				in.both(p, log.Warning, fmt.Sprintf("Proxy %s stopped (cumulated conns: FE: %d, BE: %d).",
					p.Name, p.FE.Sum(proxy.CumConns), p.BE.Sum(proxy.CumSess)))
			}
		}
	}
}
