package control

import (
	"errors"
	"strings"

	"gohap/lbcore/certs"
	"gohap/lbcore/cli"
	"gohap/lbcore/keyword"
)

// certCommand adds a command about what TLS is spoken with.
func certCommand(set *keyword.Set, name, args, summary string, level cli.Level, run func(*cli.Request, *certs.Store), good string, bad ...string) {
	set.Add(keyword.Row{Class: keyword.Command, Name: name, Args: args, Summary: summary, Bad: bad,
		Good: []keyword.Example{{Config: good}}, Impl: cli.Command{Level: level, Usage: certUsages[name], Run: func(r *cli.Request) { run(r, control(r).Certs) }}})
}

// registerCerts adds the commands about certificates. The summaries are the help's
// (reference).
func registerCerts(set *keyword.Set) {
	certCommand(set, "show ssl cert", "[<certfile>]", "display the SSL certificates used in memory, or the details of a file", cli.Operator, showCert, "show ssl cert", "show ssl cert nosuch")
	certCommand(set, "dump ssl cert", "<certfile>", "dump the SSL certificates in PEM format", cli.Admin, dumpCert, "dump ssl cert site.pem", "dump ssl cert", "dump ssl cert nosuch")
	certCommand(set, "new ssl cert", "<certfile>", "create a new certificate file to be used in a crt-list or a directory", cli.Admin, newCert, "new ssl cert new.pem", "new ssl cert")
	certCommand(set, "set ssl cert", "<certfile> <payload>", "replace a certificate file", cli.Admin, setCert, "set ssl cert site.pem <<", "set ssl cert", "set ssl cert nosuch")
	certCommand(set, "commit ssl cert", "<certfile>", "commit a certificate file", cli.Admin, commitCert, "commit ssl cert site.pem", "commit ssl cert", "commit ssl cert nosuch")
	certCommand(set, "abort ssl cert", "<certfile>", "abort a transaction for a certificate file", cli.Admin, abortCert, "abort ssl cert site.pem", "abort ssl cert", "abort ssl cert nosuch")
	certCommand(set, "del ssl cert", "<certfile>", "delete an unused certificate file", cli.Admin, delCert, "del ssl cert new.pem", "del ssl cert", "del ssl cert nosuch")
}

// certUsages are the help's first column where it is not the name and its arguments
// (reference).
var certUsages = map[string]string{
	"show ssl sni":           "show ssl sni [-f <frontend>] [-A]",
	"show ssl crl-file":      "show ssl crl-file [<crlfile[:<index>>]]",
	"show ssl ocsp-response": "show ssl ocsp-response [[text|base64] id] ",
	"set ssl ocsp-response":  "set ssl ocsp-response <resp|payload>      ",
	"add ssl crt-list":       "add ssl crt-list <list> <cert> [opts]*",
}

const noCert = "Can't display the certificate: Not found or the certificate is a bundle!"

func showCert(r *cli.Request, s *certs.Store) {
	if len(r.Args) == 0 {
		r.WriteString(s.Listed())
		return
	}
	if text := s.DescribeCert(r.Args[0]); text != "" {
		r.WriteString(text)
	} else if der, ok := s.CertResponse(r.Args[0]); ok {
		r.WriteString(certs.ResponseText(der))
	} else {
		r.Fail(noCert)
	}
}

func dumpCert(r *cli.Request, s *certs.Store) {
	if text := s.DumpCert(at(r.Args, 0)); text != "" {
		r.WriteString(text)
	} else {
		r.Fail(noCert)
	}
}

func newCert(r *cli.Request, s *certs.Store) {
	path := at(r.Args, 0)
	if path == "" {
		r.Fail("'new ssl cert' expects a filename")
	} else if err := s.NewCert(path); err != nil {
		r.Fail("%s", err)
	} else {
		r.Message(cli.Notice, "New empty certificate store '%s'!", path)
	}
}

func setCert(r *cli.Request, s *certs.Store) {
	name := at(r.Args, 0)
	if name == "" || r.Payload == "" {
		r.Fail("'set ssl cert' expects a filename and a certificate as a payload")
		return
	}
	path, fresh, err := s.SetCert(name, r.Payload)
	transacted(r, "Transaction", "certificate", name, path, fresh, err)
}

// transacted answers a change in a transaction.
func transacted(r *cli.Request, word, what, name, path string, fresh bool, err error) {
	switch {
	case err != nil:
		r.Fail("%s\nCan't update %s!", err, name)
	case fresh:
		r.Message(cli.Notice, "%s created for %s %s!", word, what, path)
	default:
		r.Message(cli.Notice, "%s updated for %s %s!", word, what, path)
	}
}

func commitCert(r *cli.Request, s *certs.Store) {
	if path := at(r.Args, 0); path == "" {
		r.Fail("'commit ssl cert' expects a filename")
	} else {
		used, err := s.CommitCert(path)
		committed(r, path, used, err)
	}
}

// committed answers the end of a transaction: a dot for each place that uses what was
// changed. Reference: what was begun has no severity.
func committed(r *cli.Request, path string, used int, err error) {
	dots := strings.Repeat(".", used)
	switch {
	case errors.As(err, &certs.Refusal{}):
		r.Fail("%s\nCan't commit %s!", err, path)
	case err != nil:
		r.Printf("Committing %s%s\n%s\nFailed!\n", path, dots, err)
	default:
		r.Printf("Committing %s%s\nSuccess!\n", path, dots)
	}
}

func abortCert(r *cli.Request, s *certs.Store) {
	path := at(r.Args, 0)
	if path == "" {
		r.Fail("'abort ssl cert' expects a filename")
		return
	}
	aborted(r, path, s.AbortCert(path))
}

func aborted(r *cli.Request, path string, err error) {
	if err != nil {
		r.Fail("%s", err)
		return
	}
	r.Message(cli.Notice, "Transaction aborted for certificate '%s'!", path)
}

func delCert(r *cli.Request, s *certs.Store) {
	path := at(r.Args, 0)
	if path == "" {
		r.Fail("'del ssl cert' expects a certificate name")
	} else if err := s.DelCert(path); err != nil {
		r.Fail("Can't remove the certificate: %s", err)
	} else {
		r.Message(cli.Notice, "Certificate '%s' deleted!", path)
	}
}
