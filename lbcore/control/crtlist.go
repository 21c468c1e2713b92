package control

import (
	"fmt"

	"gohap/lbcore/certs"
	"gohap/lbcore/cli"
	"gohap/lbcore/keyword"
)

// registerCrtLists adds the commands about lists of certificates. The summaries are
// the help's (reference).
func registerCrtLists(set *keyword.Set) {
	certCommand(set, "show ssl crt-list", "[-n] [<list>]", "show the list of crt-lists or the content of a crt-list file <list>", cli.Admin, showList, "show ssl crt-list", "show ssl crt-list nosuch", "show ssl crt-list -n")
	certCommand(set, "add ssl crt-list", "<list> <cert> | <payload>", "add to crt-list file <list> a line <cert> or a payload", cli.Admin, addList, "add ssl crt-list list site.pem", "add ssl crt-list", "add ssl crt-list nosuch site.pem")
	certCommand(set, "del ssl crt-list", "<list> <cert[:line]>", "delete a line <cert> from crt-list file <list>", cli.Admin, delList, "del ssl crt-list list site.pem:2", "del ssl crt-list", "del ssl crt-list nosuch site.pem")
}

func showList(r *cli.Request, s *certs.Store) {
	words := r.Args
	numbered := at(words, 0) == "-n"
	if numbered {
		words = words[1:]
	}
	switch {
	case len(words) > 0:
		if text := s.DescribeList(words[0], numbered); text != "" {
			r.WriteString(text)
		} else {
			r.Fail("didn't find the specified filename")
		}
	case numbered:
		r.Fail("'show ssl crt-list -n' expects a filename or a directory")
	default:
		r.WriteString(s.Listing())
	}
}

func addList(r *cli.Request, s *certs.Store) {
	list := at(r.Args, 0)
	if list == "" || at(r.Args, 1) == "" && r.Payload == "" {
		r.Fail("'add ssl crtlist' expects a filename and a certificate name")
		return
	}
	list, ok := s.HasList(list)
	if !ok {
		r.Fail("Can't edit the crt-list: crt-list '%s' does not exist!", list)
		return
	}
	line := &certs.Line{Name: at(r.Args, 1)}
	if r.Payload != "" {
		var err error
		if line, err = s.ReadAdded(r.Payload); err != nil {
			r.Fail("Can't edit the crt-list: %s", err)
			return
		}
	}
	path, used, begun, err := s.AddLine(list, line)
	if !begun {
		r.Fail("Can't edit the crt-list: %s", err)
		return
	}
	if err != nil { // reference: the place that failed has its dot
		used++
	}
	worked(r, fmt.Sprintf("Inserting certificate '%s' in crt-list '%s'", path, list), used, err)
}

func delList(r *cli.Request, s *certs.Store) {
	list, which := at(r.Args, 0), at(r.Args, 1)
	if list == "" || which == "" {
		r.Fail("'del ssl crtlist' expects a filename and a certificate name")
		return
	}
	name, err := s.DelLine(list, which)
	if err != nil {
		r.Fail("Can't delete the entry: %s", err)
		return
	}
	r.Message(cli.Notice, "Entry '%s' deleted in crtlist '%s'!", name, list)
}
