//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// tuneRows are global words about the sockets and the messages of all proxies.
func tuneRows() []keyword.Row {
	row := globalRow
	bytes := func(name, summary string, of func(*proxy.Limits) *int) keyword.Row {
		return row(name, "<size>", summary, name+" 64k", func(b *Builder, st *config.Statement) { b.socketSize(st, of(&b.Global.Limits)) }, name, name+" x", name+" 1k 2k")
	}
	return []keyword.Row{
		bytes("tune.rcvbuf.client", "the kernel's receive buffer of a client's connection, bytes", func(l *proxy.Limits) *int { return &l.Client.Receive }),
		bytes("tune.rcvbuf.server", "the kernel's receive buffer of a server's connection, bytes", func(l *proxy.Limits) *int { return &l.Server.Receive }),
		bytes("tune.sndbuf.client", "the kernel's send buffer of a client's connection, bytes", func(l *proxy.Limits) *int { return &l.Client.Send }),
		bytes("tune.sndbuf.server", "the kernel's send buffer of a server's connection, bytes", func(l *proxy.Limits) *int { return &l.Server.Send }),
		bytes("tune.sndbuf.backend", "the kernel's send buffer of a socket for log lines, bytes", func(l *proxy.Limits) *int { return &l.LogSend }),
		bytes("tune.notsent-lowat.client", "how many unsent bytes the kernel holds for a client before it takes no more", func(l *proxy.Limits) *int { return &l.Client.Unsent }),
		bytes("tune.notsent-lowat.server", "how many unsent bytes the kernel holds for a server before it takes no more", func(l *proxy.Limits) *int { return &l.Server.Unsent }),
		row("harden.reject-privileged-ports.tcp", "on|off", "closes connections from ports below 1024", "harden.reject-privileged-ports.tcp on", func(b *Builder, st *config.Statement) {
			w := st.Word(1)
			if w != "on" && w != "off" {
				b.Alertf(st, "'%s' expects either 'on' or 'off'.", st.Words[0])
			} else if !b.tooMany(st, 2) {
				b.Global.Limits.NoPrivilegedPorts = w == "on"
			}
		}, "harden.reject-privileged-ports.tcp", "harden.reject-privileged-ports.tcp x"),
		row("h1-accept-payload-with-any-method", "", "takes bodies of GET, HEAD and DELETE in HTTP/1.0", "h1-accept-payload-with-any-method", func(b *Builder, st *config.Statement) {
			if !b.tooMany(st, 1) {
				b.Global.AnyPayload = true
			}
		}, "h1-accept-payload-with-any-method x"),
		row("tune.listener.default-shards", "by-process|by-group|by-thread", "how many listening sockets lines have that do not say it", "tune.listener.default-shards by-thread", func(b *Builder, st *config.Statement) {
			switch w := st.Word(1); w {
			case "by-process", "by-group":
				b.Global.Shards = 1
			case "by-thread":
				b.Global.Shards = 0
			default:
				b.Alertf(st, "'%s' expects either 'by-process', 'by-group', or 'by-thread' but got '%s'.", st.Words[0], w)
				return
			}
			b.tooMany(st, 2)
		}, "tune.listener.default-shards", "tune.listener.default-shards x"),
		row("tune.stick-counters", "<n>", "how many entries of stick tables a connection or a request may track", "tune.stick-counters 5",
			stickCounters, "tune.stick-counters", "tune.stick-counters x", "tune.stick-counters -1"),
	}
}

// socketSize reads a size of a kernel's buffer; the first one counts.
func (b *Builder) socketSize(st *config.Statement, to *int) {
	switch {
	case b.tooMany(st, 2):
	case *to > 0:
		b.Warnf(st, "'%s' already specified. Continuing.", st.Words[0])
	case st.Word(1) == "":
		b.Alertf(st, "'%s' expects an integer argument.", st.Words[0])
	default:
		if n, ok := b.readSize(st); ok {
			*to = int(min(n, 1<<30))
		}
	}
}

// restrictNames reads option http-restrict-req-hdr-names.
func restrictNames(b *Builder, s *section, st *config.Statement) {
	const both = proxy.OptRestrictNamesDelete | proxy.OptRestrictNamesReject
	const words = "option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option."
	switch w := st.Word(2); w {
	case "preserve":
		s.options &^= both
	case "delete":
		s.options = s.options&^both | proxy.OptRestrictNamesDelete
	case "reject":
		s.options = s.options&^both | proxy.OptRestrictNamesReject
	case "":
		b.Alertf(st, "missing parameter. %s", words)
	default:
		b.Alertf(st, "invalid parameter '%s'. %s", w, words)
	}
}

// renamed makes an option of an old name for one that there is.
func renamed(old, name string, bit proxy.Options, where keyword.Where, frontend, backend bool) keyword.Row {
	return keyword.Row{Class: keyword.Option, Name: old, Where: where, Flags: keyword.Deprecated, Instead: "option " + name,
		Summary: "the old name of " + name, Good: []keyword.Example{{Config: "option " + old}},
		Impl: OptionFunc(func(b *Builder, s *section, st *config.Statement) {
			if !b.needs(s, st, old, frontend, backend) {
				return
			}
			b.Diag.Rawf(config.Warning, "config : parsing [%s]: option '%s' is deprecated. please use 'option %s' if absolutely needed.", st.Pos, old, name)
			s.options |= bit
		})}
}

// withExample gives a row another example.
func withExample(r keyword.Row, good string) keyword.Row {
	r.Good = []keyword.Example{{Config: good}}
	return r
}
