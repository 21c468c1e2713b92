package stream

import (
	"gohap/lbcore/log"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// LogOrigin is where in a stream's life its line is written (%OG).
type LogOrigin uint8

// The origins; OriginKilled is a connection whose handshake failed.
const (
	OriginUnspecified LogOrigin = iota
	OriginError
	OriginRequest
	OriginConnect
	OriginResponse
	OriginClose
	OriginKilled
	OriginAccept
	OriginHTTPReq // from here on by action do-log
	OriginHTTPRes
	OriginHTTPAfterRes
	OriginTCPReqConn
	OriginTCPReqSess
	OriginTCPReqCont
	OriginTCPResCont
)

// String returns the word that %OG prints.
func (o LogOrigin) String() string {
	return [...]string{"unspec", "sess_error", "txn_request", "txn_connect", "txn_response", "txn_close", "sess_killed", "txn_accept",
		"http-req", "http-res", "http-after-res", "tcp-req-conn", "tcp-req-sess", "tcp-req-cont", "tcp-res-cont"}[o]
}

// step returns the step that log-steps and profiles call it by.
func (o LogOrigin) step() log.Step {
	return [...]log.Step{log.StepAny, log.StepError, log.StepRequest, log.StepConnect, log.StepResponse, log.StepClose, log.StepError, log.StepAccept,
		log.StepHTTPReq, log.StepHTTPRes, log.StepHTTPAfterRes, log.StepTCPReqConn, log.StepTCPReqSess, log.StepTCPReqCont, log.StepTCPResCont}[o]
}

// logAt writes the traffic line before the end when all that it prints is
// known, or with option logasap, which marks what is not known yet by a "+".
// Reference: after the response's head, in mode tcp after the connect. It writes
// a format of the request line alone twice, with the request and the response:
// here that is one line, with the request.
func (s *Stream) logAt(o LogOrigin) {
	lg := s.FE.Logging
	if s.logged || lg == nil || lg.Format == nil || s.stepping() {
		return
	}
	switch known := lg.Format.Known(); {
	case o == OriginRequest && (known != sample.KnownWithRequest || s.FE.Mode == proxy.TCP):
		return
	case known == sample.KnownAtEnd && !s.FE.Has(proxy.OptLogAsap):
		return
	}
	s.snapshot()
	s.log(lg.Format, o)
}

// logEnd writes the line of a stream that ends, unless it is written.
func (s *Stream) logEnd() {
	lg := s.FE.Logging
	if s.logged || lg == nil || s.refused && s.logRefused(lg) || lg.Format == nil {
		return
	}
	if s.FE.Mode == proxy.TCP && s.FE.Has(proxy.OptDontLogNull) && s.BytesIn == 0 && s.BytesOut == 0 {
		return
	}
	if s.stepping() && lg.Steps&(1<<log.StepClose) == 0 {
		return
	}
	s.log(lg.Format, OriginClose)
}

// logRefused writes the line of what never became a request. Reference: these
// alone, and connections that fail before them, have error-log-format, whatever
// the manual says of failed requests; it needs no log-format beside it.
func (s *Stream) logRefused(lg *proxy.Logging) bool {
	format := lg.Error
	if format == nil {
		format = lg.Format
	}
	if format != nil || lg.Profiled {
		o := OriginError
		if s.Sess.Problem() != nil {
			o = OriginKilled
		}
		s.log(format, o)
	}
	return true
}

// failed tells whether the line is that of an error: dontlog-normal leaves the
// others out, log-separate-errors makes it more severe.
func (s *Stream) failed() bool {
	return s.refused || s.Status >= 500 || s.Retries > 0 || s.Redispatched || s.Term[0] != '-' && s.Term[0] != 'L'
}

// log writes the traffic line.
func (s *Stream) log(format *sample.Format, o LogOrigin) {
	if len(s.FE.Logging.Loggers) == 0 {
		return
	}
	s.logged = true // first: a panic below must not come here again
	s.write(format, o)
}

// write writes a line, if the options have such a one written.
func (s *Stream) write(format *sample.Format, o LogOrigin) {
	lg := s.FE.Logging
	if len(lg.Loggers) == 0 {
		return
	}
	s.inject()
	failed := s.failed()
	if s.LogLevel < 0 || !failed && s.FE.Has(proxy.OptDontLogNormal) {
		return
	}
	level := log.Info
	switch {
	case s.LogLevel > 0:
		level = log.Level(s.LogLevel - 1)
	case failed && s.FE.Has(proxy.OptLogSeparateErrors):
		level = log.Err
	}
	s.LogOrigin = o
	s.Early = s.FE.Has(proxy.OptLogAsap)
	s.lines(lg, format, level, o)
	s.FE.LogLines.Add(1)
}

// stepAt writes the line of a step that log-steps names.
func (s *Stream) stepAt(o LogOrigin) {
	lg := s.FE.Logging
	if lg == nil || !s.stepping() || lg.Steps&(1<<o.step()) == 0 || s.logged || lg.Format == nil {
		return
	}
	s.write(lg.Format, o)
	s.Conns = [len(s.Conns)]int64{} // the exchange goes on
}

// stepping tells whether lines are written at the steps that log-steps names.
// Reference: option logasap comes before it.
func (s *Stream) stepping() bool {
	return s.FE.Logging.Steps != 0 && !s.FE.Has(proxy.OptLogAsap)
}

// DoLog writes a line here and now, as action do-log asks: whatever the options say of
// lines, but not behind set-log-level silent.
func (s *Stream) DoLog(o LogOrigin) {
	lg := s.FE.Logging
	if lg == nil || len(lg.Loggers) == 0 || s.LogLevel < 0 {
		return
	}
	level := log.Info
	if s.LogLevel > 0 {
		level = log.Level(s.LogLevel - 1)
	}
	before, early := s.LogOrigin, s.Early
	s.LogOrigin, s.Early = o, s.FE.Has(proxy.OptLogAsap)
	s.lines(lg, lg.Format, level, o)
	s.LogOrigin, s.Early = before, early
}

// DoLog is that of a connection that has no stream yet. Reference: its line is that of
// a request that never was.
func (ss *Session) DoLog(o LogOrigin) {
	w := ss.W
	if w.aside == nil {
		w.aside = new(Stream)
	}
	s := w.aside
	s.Attach(w, ss, nil)
	s.Status, s.Term[0], s.Term[1] = 0, 'P', 'R'
	s.Times.Begin = ss.AcceptedAt
	s.DoLog(o)
	s.Arena.Reset()
	*s = Stream{Arena: s.Arena}
}

// lines writes a line to each logger, as its profile has it.
func (s *Stream) lines(lg *proxy.Logging, format *sample.Format, level log.Level, o LogOrigin) {
	if !lg.Profiled {
		if format != nil {
			s.line(lg.Loggers, format, lg.SD, lg.Tag, level)
		}
		return
	}
	for i, l := range lg.Loggers {
		f, sd, tag := format, lg.SD, lg.Tag
		if p := l.Profile; p != nil {
			st := p.At(o.step())
			if st.Drop {
				continue
			}
			if st.Format != nil {
				f = st.Format
			}
			if st.SD != nil {
				sd = st.SD
			}
			if p.Tag != "" {
				tag = p.Tag
			}
		}
		if f != nil {
			s.line(lg.Loggers[i:i+1], f, sd, tag, level)
		}
	}
}

func (s *Stream) line(to []*log.Logger, format, structured *sample.Format, tag string, level log.Level) {
	var sd []byte
	if structured != nil {
		sd = s.Arena.Keep(structured.Append(s.Arena.Rest(512), &s.Ctx))
	}
	s.W.line = format.Append(s.W.line[:0], &s.Ctx)
	s.W.Logs.Emit(to, &log.Message{Level: level, Time: s.W.wall(), Tag: tag, SD: sd, Text: s.W.line})
}
