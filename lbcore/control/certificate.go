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
	"show ssl ocsp-updates":  "show ssl ocsp-updates                     ",
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

// fileNamed is the first word, or the answer that it is missing.
func fileNamed(r *cli.Request, format string, args ...any) (path string, ok bool) {
	if path = at(r.Args, 0); path == "" {
		r.Fail(format, args...)
	}
	return path, path != ""
}

func newCert(r *cli.Request, s *certs.Store) {
	path, ok := fileNamed(r, "'new ssl cert' expects a filename")
	if !ok {
		return
	}
	if err := s.NewCert(path); err != nil {
		r.Fail("%s", err)
		return
	}
	r.Message(cli.Notice, "New empty certificate store '%s'!", path)
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
	if path, ok := fileNamed(r, "'commit ssl cert' expects a filename"); ok {
		used, err := s.CommitCert(path)
		committed(r, path, used, err)
	}
}

// committed answers the end of a transaction.
func committed(r *cli.Request, path string, used int, err error) {
	if errors.As(err, &certs.Refusal{}) {
		r.Fail("%s\nCan't commit %s!", err, path)
		return
	}
	worked(r, "Committing "+path, used, err)
}

// worked answers what was begun: a dot for each place that was worked on, and how it
// ended. Reference: it has no severity.
func worked(r *cli.Request, what string, places int, err error) {
	end := "Success!\n"
	if err != nil {
		end = err.Error() + "\nFailed!\n"
	}
	r.WriteString(what + strings.Repeat(".", places) + "\n" + end)
}

func abortCert(r *cli.Request, s *certs.Store) {
	if path, ok := fileNamed(r, "'abort ssl cert' expects a filename"); ok {
		aborted(r, path, s.AbortCert(path))
	}
}

func aborted(r *cli.Request, path string, err error) {
	if err != nil {
		r.Fail("%s", err)
		return
	}
	r.Message(cli.Notice, "Transaction aborted for certificate '%s'!", path)
}

func delCert(r *cli.Request, s *certs.Store) {
	path, ok := fileNamed(r, "'del ssl cert' expects a certificate name")
	if !ok {
		return
	}
	if err := s.DelCert(path); err != nil {
		r.Fail("Can't remove the certificate: %s", err)
		return
	}
	r.Message(cli.Notice, "Certificate '%s' deleted!", path)
}
