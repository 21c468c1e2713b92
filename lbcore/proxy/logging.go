package proxy

import (
	"gohap/lbcore/log"
	"gohap/lbcore/sample"
)

// Logging is how a proxy logs its traffic.
type Logging struct {
	// Format is the line of a finished stream; nil means the one line at
	// accept. Error replaces it for failed requests, SD is the structured data
	// of rfc5424.
	Format, Error, SD *sample.Format
	ServerSide        bool // the address towards the server is needed for the log
	Tag               string
	Loggers           []*log.Logger
	// Steps are when lines are written (log-steps), a bit for each log.Step; zero for
	// one line, as soon as all is known. Profiled: a logger has a profile.
	Steps    uint32
	Profiled bool
}
