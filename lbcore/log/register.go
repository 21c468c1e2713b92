package log

import "gohap/lbcore/keyword"

// Register adds the facilities, levels, line formats and target parameters.
func Register(set *keyword.Set) {
	line := func(class keyword.Class, name, summary, good, bad string, impl any) {
		set.Add(keyword.Row{Class: class, Name: name, Summary: summary, Good: []keyword.Example{{Config: good}}, Bad: []string{bad}, Impl: impl})
	}
	for i, n := range facilityNames {
		line(keyword.Facility, n, "syslog facility "+n, "log 127.0.0.1 "+n, "log 127.0.0.1 "+n+"x", Facility(i))
	}
	for i, n := range levelNames {
		line(keyword.Level, n, "syslog severity "+n, "log 127.0.0.1 local0 "+n, "log 127.0.0.1 local0 "+n+"x", Level(i))
	}
	summaries := [formatCount]string{
		Local:    "priority, local time, tag and pid; the default",
		RFC3164:  "as local, with a host name",
		RFC5424:  "the syslog protocol of RFC 5424 with structured data",
		Priority: "priority alone",
		Short:    "level alone, as systemd reads it",
		Timed:    "level and ISO date",
		ISO:      "ISO date alone",
		Raw:      "nothing before the text",
	}
	for f := Local; f < formatCount; f++ {
		line(keyword.LogFormat, f.String(), summaries[f], "log stdout format "+f.String()+" local0", "log stdout format "+f.String()+"x local0", f)
	}
	for _, p := range []struct{ name, summary, good, bad string }{
		{"facility", "the facility of the lines", "log 127.0.0.1 local0", "log 127.0.0.1 nope"},
		{"level", "the least severe level that is sent", "log 127.0.0.1 local0 notice", "log 127.0.0.1 local0 nope"},
		{"minlevel", "the level that more severe messages are sent as", "log 127.0.0.1 local0 notice err", "log 127.0.0.1 local0 notice nope"},
		{"len", "the longest line in bytes, 80 to 65535", "log 127.0.0.1 len 4096 local0", "log 127.0.0.1 len 10 local0"},
		{"format", "how lines are framed", "log 127.0.0.1 format rfc5424 local0", "log 127.0.0.1 format nope local0"},
		{"sample", "which lines of a period are sent", "log 127.0.0.1 sample 2-3,5:6 local0", "log 127.0.0.1 sample 1-2,2:3 local0"},
		{"profile", "the log-profile section that makes the lines", "log 127.0.0.1 profile p local0", "log 127.0.0.1 profile p"},
		{"global", "use the targets of the global section", "log global", "log global local0"},
		{"stdout", "write to standard output", "log stdout format raw local0", "log stdout"},
		{"stderr", "write to standard error", "log stderr format short local0", "log stderr nope"},
		{"tcp@", "send over a connection, TCP or unix", "log tcp@127.0.0.1:514 local0", "log tcp@127.0.0.1:1-5 local0"},
		{"ring@", "write to a ring in memory", "log ring@buf0 local0", "log ring@buf0 nope"},
		{"udp@/unix/fd@", "send datagrams, or write to an inherited descriptor", "log udp@127.0.0.1:514 local0", "log 127.0.0.1:x local0"},
	} {
		line(keyword.LogTargetParam, p.name, p.summary, p.good, p.bad, p.name)
	}
}
