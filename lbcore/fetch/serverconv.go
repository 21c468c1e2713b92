package fetch

import (
	"bytes"

	"gohap/lbcore/certs"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// This file is the converters that take the name of a server, or a number of TLS.

// serverConv makes a converter of "<backend>/<server>", or of the name of a
// server of the stream's backend; without such a server it has no value.
func serverConv(set func(srv *proxy.Server, s *sample.Sample)) sample.ConvFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		x := exchange(c)
		if x == nil {
			return false
		}
		be, name, whole := bytes.Cut(s.Data, []byte("/"))
		p := x.BE
		if whole {
			p = nil
			if x.W.FindBackend != nil {
				p = x.W.FindBackend(be)
			}
		} else {
			name = s.Data
		}
		if p == nil {
			return false
		}
		srv := p.ServerNamed(name)
		if srv == nil {
			return false
		}
		set(srv, s)
		return true
	}
}

// backendUsable makes the name of a backend the number of its usable servers.
func backendUsable(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil || x.W.FindBackend == nil {
		return false
	}
	p := x.W.FindBackend(s.Data)
	if p == nil {
		return false
	}
	s.SetInt(usable(p))
	return true
}

// captureInto makes a converter that stores its input in a declared capture slot and
// returns it; a slot that does not exist takes nothing.
func captureInto(response bool) sample.ConvFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		x := exchange(c)
		if x == nil {
			return false
		}
		return x.Capture(response, int(args[0].Int), s.Data)
	}
}

// registerServerConverters adds them.
func registerServerConverters(set *keyword.Set) {
	set.Add(keyword.Row{Class: keyword.Converter, Name: "nbsrv", In: sample.Str.String(), Out: sample.SInt.String(),
		Summary: "the usable servers of a backend, by its name", Good: ex("str(limited),nbsrv", "2", "str(nowhere),nbsrv", missing),
		Bad:  []string{"str(a),nbsrv(x)"},
		Impl: &sample.ConvRow{Conv: backendUsable, Args: args(0), In: sample.Str, Out: sample.SInt}})
	for name, response := range map[string]bool{"capture-req": false, "capture-res": true} {
		side := map[bool]string{false: "request", true: "response"}[response]
		set.Add(keyword.Row{Class: keyword.Converter, Name: name, Args: "(integer)", In: sample.Str.String(), Out: sample.Str.String(),
			Summary: "stores the text in a capture slot of the " + side + ", by the number of its declaration, and returns it",
			Good:    ex("str(abc),"+name+"(0)", "abc"), Bad: []string{"str(a)," + name, "str(a)," + name + "(x)"},
			Impl: &sample.ConvRow{Conv: captureInto(response), Args: args(1, sample.ArgInt), In: sample.Str, Out: sample.Str}})
	}
	row := func(name string, out sample.Type, summary string, f func(*proxy.Server, *sample.Sample)) {
		set.Add(keyword.Row{Class: keyword.Converter, Name: name, In: sample.Str.String(), Out: out.String(), Summary: summary,
			Good: ex("str(nowhere/s1),"+name, missing), Bad: []string{"str(a)," + name + "(x)"},
			Impl: &sample.ConvRow{Conv: serverConv(f), Args: args(0), In: sample.Str, Out: out}})
	}
	row("srv_queue", sample.SInt, "the requests that wait for a server, by its name", func(srv *proxy.Server, s *sample.Sample) {
		s.SetInt(srv.QueueLen())
	})
	row("srv_is_up", sample.Bool, "whether a server is up and in no maintenance, by its name", func(srv *proxy.Server, s *sample.Sample) {
		s.SetBool(isUp(srv))
	})
	set.Add(keyword.Row{Class: keyword.Converter, Name: "x509_v_err_str", In: sample.SInt.String(), Out: sample.Str.String(), Summary: "OpenSSL's name of a result of verifying a certificate",
		Good: []keyword.Example{{Config: "int(10),x509_v_err_str", Out: "X509_V_ERR_CERT_HAS_EXPIRED"}, {Config: "int(0),x509_v_err_str", Out: "X509_V_OK"},
			{Config: "int(79),x509_v_err_str", Out: "X509_V_ERR_INVALID_CA"}, {Config: "int(400),x509_v_err_str", Out: "400"}},
		Bad: []string{"int(1),x509_v_err_str(x)"},
		Impl: &sample.ConvRow{Args: args(0), In: sample.SInt, Out: sample.Str, Conv: func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
			return keep(c, s, certs.VerifyName(s.Int))
		}}})
}
