package proxy

import (
	"gohap/lbcore/loop"
	"gohap/lbcore/sample"
)

// Logging is how a proxy logs its traffic.
type Logging struct {
	// Format is the line of a finished stream; nil means the one line at
	// accept. Error replaces it for failed requests, SD is the structured data
	// of rfc5424.
	Format, Error, SD *sample.Format
	HTTP              bool // option httplog or a format that needs the exchange's end
	Tag               string
	Sink              LogSink
}

// LogSink takes finished lines. Line is called on a loop and must not block:
// it copies what it needs.
type LogSink interface {
	Line(l *loop.Loop, level int, tag string, sd, line []byte)
}
