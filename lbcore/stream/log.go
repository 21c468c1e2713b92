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
)

// String returns the word that %OG prints.
func (o LogOrigin) String() string {
	return [...]string{"unspec", "sess_error", "txn_request", "txn_connect", "txn_response", "txn_close", "sess_killed"}[o]
}

// logAt writes the traffic line before the end when all that it prints is
// known, or with option logasap, which marks what is not known yet by a "+".
// Reference: after the response's head, in mode tcp after the connect. It writes
// a format of the request line alone twice, with the request and the response:
// here that is one line, with the request.
func (s *Stream) logAt(o LogOrigin) {
	lg := s.FE.Logging
	if s.logged || lg == nil || lg.Format == nil {
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
	if format != nil {
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
	lg := s.FE.Logging
	if len(lg.Loggers) == 0 {
		return
	}
	s.logged = true // first: a panic below must not come here again
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
	var sd []byte
	if lg.SD != nil {
		sd = s.Arena.Keep(lg.SD.Append(s.Arena.Rest(512), &s.Ctx))
	}
	s.W.line = format.Append(s.W.line[:0], &s.Ctx)
	s.W.Logs.Emit(lg.Loggers, &log.Message{Level: level, Time: s.W.wall(), Tag: lg.Tag, SD: sd, Text: s.W.line})
	s.FE.LogLines.Add(1)
}
