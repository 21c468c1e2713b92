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

// registerServerConverters adds them.
func registerServerConverters(set *keyword.Set) {
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
