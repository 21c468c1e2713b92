package control

import (
	"gohap/lbcore/certs"
	"gohap/lbcore/cli"
	"gohap/lbcore/keyword"
)

// trust are the commands about one kind of file that says whom to trust.
type trust struct {
	kind   certs.Trust
	word   string
	plural string // in answers
	arg    string
	shown  string // what show displays, for the help
}

// registerTrust adds the commands about ca-files and crl-files. The summaries are the
// help's (reference).
func registerTrust(set *keyword.Set) {
	for _, t := range []*trust{
		{certs.CAFile, "ca-file", "CAs", "<cafile>", "display the SSL CA files used in memory, or the details of a <cafile>, or a single certificate of index <index> of a CA file <cafile>"},
		{certs.CRLFile, "crl-file", "CRLs", "<crlfile>", "display the SSL CRL files used in memory, or the details of a <crlfile>, or a single CRL of index <index> of CRL file <crlfile>"},
	} {
		// The examples, good and bad, are what follows the command.
		add := func(verb, args, summary string, level cli.Level, run func(*cli.Request, *certs.Store), good string, bad ...string) {
			name := verb + " ssl " + t.word
			for i := range bad {
				bad[i] = name + bad[i]
			}
			certCommand(set, name, args, summary, level, run, name+good, bad...)
		}
		k := t.kind.String()
		add("show", "["+t.arg+"[:<index>]]", t.shown, cli.Operator, t.show, "", " nosuch")
		add("new", t.arg, "create a new "+k+" file to be used in a crt-list", cli.Admin, t.create, " new.pem", "")
		add("set", t.arg+" <payload>", "replace a "+k+" file", cli.Admin, t.set, " ca.pem <<", "")
		add("commit", t.arg, "commit a "+k+" file", cli.Admin, t.commit, " ca.pem", "")
		add("abort", t.arg, "abort a transaction for a "+k+" file", cli.Admin, t.abort, " ca.pem", "")
		add("del", t.arg, "delete an unused "+k+" file", cli.Admin, t.del, " new.pem", "", " nosuch")
		if t.kind == certs.CAFile {
			add("add", t.arg+" <payload>", "add a certificate into the CA file", cli.Admin, t.add, " ca.pem <<", "")
		}
	}
}

func (t *trust) show(r *cli.Request, s *certs.Store) {
	if len(r.Args) == 0 {
		r.WriteString(s.ListedTrust(t.kind))
		return
	}
	text, err := s.DescribeTrust(t.kind, r.Args[0])
	if err != nil {
		r.Fail("%s", err)
		return
	}
	r.WriteString(text)
}

func (t *trust) create(r *cli.Request, s *certs.Store) {
	path, ok := fileNamed(r, "'new ssl %s' expects a filename", t.word)
	if !ok {
		return
	}
	if err := s.NewTrust(t.kind, path); err != nil {
		r.Fail("%s", err)
		return
	}
	r.Message(cli.Notice, "New %s file created '%s'!", t.kind, path)
}

func (t *trust) set(r *cli.Request, s *certs.Store) { t.change(r, s, false) }
func (t *trust) add(r *cli.Request, s *certs.Store) { t.change(r, s, true) }

// change puts a payload into the transaction. Reference: add calls itself set.
func (t *trust) change(r *cli.Request, s *certs.Store, add bool) {
	path := at(r.Args, 0)
	if path == "" || r.Payload == "" {
		r.Fail("'set ssl %s' expects a filename and %s as a payload", t.word, t.plural)
		return
	}
	fresh, err := s.SetTrust(t.kind, path, r.Payload, add)
	transacted(r, "transaction", t.kind.String(), path, path, fresh, err)
}

// commit ends the transaction. Reference: both kinds are called ca-file here.
func (t *trust) commit(r *cli.Request, s *certs.Store) {
	if path, ok := fileNamed(r, "'commit ssl ca-file' expects a filename"); ok {
		used, err := s.CommitTrust(t.kind, path)
		committed(r, path, used, err)
	}
}

func (t *trust) abort(r *cli.Request, s *certs.Store) {
	if path, ok := fileNamed(r, "'abort ssl %s' expects a filename", t.word); ok {
		aborted(r, path, s.AbortTrust(t.kind, path))
	}
}

func (t *trust) del(r *cli.Request, s *certs.Store) {
	path, ok := fileNamed(r, "'del ssl %s' expects a %s file name", t.word, t.kind)
	if !ok {
		return
	}
	if err := s.DelTrust(t.kind, path); err != nil {
		r.Fail("Can't remove the %s file: %s", t.kind, err)
		return
	}
	r.Message(cli.Notice, "%s file '%s' deleted!", t.kind, path)
}
