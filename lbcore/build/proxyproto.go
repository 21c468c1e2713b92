package build

import (
	"fmt"
	"strconv"
	"strings"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// The PROXY protocol's words of bind and server lines.

func acceptProxyRow() keyword.Row {
	return keyword.Row{Class: keyword.Bind, Name: "accept-proxy", Summary: "wants a PROXY protocol header, version 1 or 2, in front of each connection",
		Good: []keyword.Example{{Config: "bind :80 accept-proxy"}},
		Impl: BindFunc(func(_ *Builder, _ *config.Statement, to *proxy.Bind, _ []string) (int, error) {
			to.AcceptProxy = true
			return 1, nil
		})}
}

// sendProxyOptions are the words of proxy-v2-options.
var sendProxyOptions = []struct {
	name, summary string
	set           func(*proxy.SendProxy)
}{
	{"authority", "the name that the client asked for", func(p *proxy.SendProxy) { p.Authority = true }},
	{"cert-cn", "the common name of the client's certificate", func(p *proxy.SendProxy) { p.SSL, p.CertCN = true, true }},
	{"cert-key", "the key of the certificate that the client was shown", func(p *proxy.SendProxy) { p.SSL, p.CertKey = true, true }},
	{"cert-sig", "the signature of that certificate", func(p *proxy.SendProxy) { p.SSL, p.CertSig = true, true }},
	{"crc32c", "a checksum", func(p *proxy.SendProxy) { p.Checksum = true }},
	{"ssl", "whether the client came by TLS, and its version", func(p *proxy.SendProxy) { p.SSL = true }},
	{"ssl-cipher", "the cipher suite of the client's connection", func(p *proxy.SendProxy) { p.SSL, p.Cipher = true, true }},
	{"unique-id", "the unique id", func(p *proxy.SendProxy) { p.UniqueID = true }},
}

func sendProxyRows() []keyword.Row {
	flag := func(name, summary string, version int, set func(*proxy.SendProxy)) keyword.Row {
		return keyword.Row{Class: keyword.Server, Name: name, Summary: summary, Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 " + name}},
			Impl: ServerFunc(func(_ *Builder, _ *config.Statement, to *serverLine, _ []string) (int, error) {
				p := to.sendProxy()
				p.Version = version
				if set != nil {
					set(p)
				}
				return 1, nil
			})}
	}
	without := func(p *proxy.SendProxy) { *p = proxy.SendProxy{} }
	rows := []keyword.Row{
		flag("send-proxy", "sends a PROXY protocol header of version 1 first", 1, nil),
		flag("send-proxy-v2", "sends a PROXY protocol header of version 2 first", 2, nil),
		flag("send-proxy-v2-ssl", "the same, with what is known of the client's TLS", 2, func(p *proxy.SendProxy) { p.SSL = true }),
		flag("send-proxy-v2-ssl-cn", "the same, with the common name of the client's certificate", 2, func(p *proxy.SendProxy) { p.SSL, p.CertCN = true, true }),
		flag("no-send-proxy", "sends no PROXY protocol header", 0, without),
		flag("no-send-proxy-v2", "sends no PROXY protocol header", 0, without),
		flag("no-send-proxy-v2-ssl", "sends no PROXY protocol header", 0, without),
		flag("no-send-proxy-v2-ssl-cn", "sends no PROXY protocol header", 0, without),
		{Class: keyword.Server, Name: "proxy-v2-options", Args: "<option>[,<option>]*", Summary: "what a PROXY protocol header of version 2 says beside the addresses",
			Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 send-proxy-v2 proxy-v2-options crc32c"}}, Impl: ServerFunc(proxyV2Options)},
	}
	rows = append(rows, keyword.Row{Class: keyword.Server, Name: "set-proxy-v2-tlv-fmt", Prefix: true, Args: "(<id>) <format>",
		Summary: "a TLV of its own in a PROXY protocol header of version 2", Impl: ServerFunc(tlvOption),
		Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 send-proxy-v2 set-proxy-v2-tlv-fmt(0x20) %[src]"}},
		Bad:  []string{"server s1 127.0.0.1:80 set-proxy-v2-tlv-fmt(300) x", "server s1 127.0.0.1:80 set-proxy-v2-tlv-fmt(x) x", "server s1 127.0.0.1:80 set-proxy-v2-tlv-fmt(1 x"}})
	for _, o := range sendProxyOptions {
		rows = append(rows, keyword.Row{Class: keyword.ProxyV2Option, Name: o.name, Summary: o.summary,
			Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 send-proxy-v2 proxy-v2-options " + o.name}}, Impl: o.set})
	}
	return rows
}

// tlvLine is a TLV before its format is compiled.
type tlvLine struct {
	kind byte
	text placed
}

// tlvOption reads set-proxy-v2-tlv-fmt(<id>) <format>.
func tlvOption(_ *Builder, st *config.Statement, to *serverLine, w []string) (int, error) {
	_, arg, _ := strings.Cut(w[0], "(")
	id, ok := strings.CutSuffix(arg, ")")
	if !ok {
		return 0, fmt.Errorf("'%s' : expects set-proxy-v2-tlv(<TLV ID>)", w[0])
	}
	n, err := strconv.ParseInt(id, 0, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("'%s' : could not convert TLV ID", w[0])
	case n < 0 || n > 255:
		return 0, fmt.Errorf("'%s' : the maximum allowed TLV ID is 255", w[0])
	case len(w) < 2:
		return 0, fmt.Errorf("'%s' : expects a log-format string", w[0])
	}
	to.tlvs = append(to.tlvs, tlvLine{byte(n), placed{w[1], st.Pos}})
	return 2, nil
}

// settleTLVs compiles the formats of TLVs.
func (l *serverLine) settleTLVs(b *Builder, s *section) {
	for _, t := range l.tlvs {
		o := sample.Options{Place: sample.BackendUseServer, Words: b.Set, ProcVars: b.procVars, Proxy: s.name, File: t.text.pos.File, Line: t.text.pos.Line,
			Env: b.Env.Lookup, Refs: b.holdRefs("server set-proxy-v2-tlv-fmt"), Warn: func(w string) { b.Diag.Warnf(t.text.pos, "%s", w) }}
		f, err := sample.CompileFormat(b.Set, t.text.text, sample.FormatOptions{Options: o, For: sample.ForString, HTTP: s.mode == proxy.HTTP})
		if err != nil {
			b.Diag.Rawf(config.Alert, "config : [%s] : 'server %s/%s' : %s", l.pos, s.name, l.srv.Name, strings.TrimSuffix(err.Error(), "."))
			continue
		}
		if p := l.srv.SendProxy; p != nil {
			p.TLVs = append(p.TLVs, proxy.TLV{Kind: t.kind, Value: f})
		}
	}
}

// sendProxy is what the line says about PROXY headers.
// neverLocalRow is pp2-never-send-local.
func neverLocalRow() keyword.Row {
	return globalRow("pp2-never-send-local", "", "checks of servers with send-proxy-v2 say where they come from, as if they were traffic", "pp2-never-send-local", func(b *Builder, st *config.Statement) {
		if !b.tooMany(st, 1) {
			b.Global.NeverLocal = true
		}
	}, "pp2-never-send-local x")
}

func (l *serverLine) sendProxy() *proxy.SendProxy {
	if l.srv.SendProxy == nil {
		l.srv.SendProxy = &proxy.SendProxy{}
	}
	return l.srv.SendProxy
}

// settleSendProxy drops what was switched off, or never on. Reference: a check that
// goes where the traffic goes begins with a header too.
func (l *serverLine) settleSendProxy() {
	switch p := l.srv.SendProxy; {
	case p == nil:
	case p.Version == 0:
		l.srv.SendProxy = nil
	case l.port == 0 && l.addrOf == nil && !l.more.transport.SSL:
		l.more.transport.SendProxy = true
	}
}

func proxyV2Options(b *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
	if len(w) < 2 {
		return 0, fmt.Errorf("'proxy-v2-options' : expects <options>.")
	}
	for _, name := range strings.Split(w[1], ",") {
		row := b.Set.Lookup(keyword.ProxyV2Option, name)
		if row == nil {
			return 0, fmt.Errorf("'%s' : proxy v2 option not implemented", name)
		}
		row.Impl.(func(*proxy.SendProxy))(to.sendProxy())
	}
	return 2, nil
}
