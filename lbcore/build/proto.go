//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"errors"
	"fmt"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// This file has the word proto of bind and server lines: what their connections
// speak, which has to fit the mode.

// protoModes are the protocols that there are, by the mode that speaks them.
var protoModes = map[string]proxy.Mode{"h1": proxy.HTTP, "none": proxy.TCP}

func readProto(w []string) (string, error) {
	if len(w) < 2 {
		return "", errors.New("'proto' : missing value")
	}
	if _, ok := protoModes[w[1]]; ok {
		return w[1], nil
	}
	switch w[1] {
	case "h2", "fcgi", "spop", "quic":
		return "", fmt.Errorf("'proto' : %s", keyword.Refusal("protocol '"+w[1]+"'"))
	}
	return "", fmt.Errorf("'proto' :  unknown MUX protocol '%s'", w[1])
}

func protoRows() []keyword.Row {
	return []keyword.Row{
		{Class: keyword.Server, Name: "proto", Args: "h1|none", Summary: "what is spoken with the server",
			Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 proto h1"}}, Bad: []string{"server s1 127.0.0.1:80 proto", "server s1 127.0.0.1:80 proto x"},
			Impl: ServerFunc(func(_ *Builder, _ *config.Statement, to *serverLine, w []string) (n int, err error) {
				to.proto, err = readProto(w)
				return 2, err
			})},
		{Class: keyword.Bind, Name: "proto", Args: "h1|none", Summary: "what clients speak",
			Good: []keyword.Example{{Config: "bind :8080 proto h1"}}, Bad: []string{"bind :8080 proto", "bind :8080 proto x"},
			Impl: BindFunc(func(_ *Builder, _ *config.Statement, to *proxy.Bind, w []string) (n int, err error) {
				to.Proto, err = readProto(w)
				return 2, err
			})},
	}
}

// speaks tells whether the server's protocol is one of the mode.
func (l *serverLine) speaks(mode proxy.Mode) bool {
	return l.proto == "" || protoModes[l.proto] == mode
}

// checkProtos refuses protocols that the mode does not speak.
func (b *Builder) checkProtos(s *section) {
	for _, l := range s.binds {
		if l.Proto != "" && protoModes[l.Proto] != s.mode {
			b.Diag.Rawf(config.Alert, "%s '%s' : MUX protocol '%s' is not usable for 'bind %s' at [%s:%d].", s.noun(), s.name, l.Proto, l.addr.Text, l.File, l.Line)
		}
	}
	for _, l := range s.servers {
		if !l.speaks(s.mode) {
			b.Diag.Rawf(config.Alert, "%s '%s' : MUX protocol '%s' is not usable for server '%s' at [%s].", s.noun(), s.name, l.proto, l.srv.Name, l.pos)
		}
	}
}
