package control

import (
	"fmt"
	"strconv"
	"strings"

	"gohap/lbcore/certs"
	"gohap/lbcore/cli"
	"gohap/lbcore/keyword"
)

// registerTickets adds the commands about the keys of session tickets. The summaries
// are the help's (reference).
func registerTickets(set *keyword.Set) {
	certCommand(set, "show tls-keys", "[id|*]", "show tls keys references or dump tls ticket keys when id specified", cli.User, open("show tls-keys", showKeys), "show tls-keys *", "show tls-keys nosuch")
	certCommand(set, "set ssl tls-key", "[id|file] <key>", "set the next TLS key for the <id> or <file> listener to <key>", cli.User, open("set ssl tls-key", setKey), "set ssl tls-key #0 AAAA", "set ssl tls-key", "set ssl tls-key nosuch AAAA")
}

// open is a command that, as with the reference, every level may give; who is no
// administrator makes a warning, once.
func open(name string, run func(*cli.Request, *certs.Store)) func(*cli.Request, *certs.Store) {
	return func(r *cli.Request, s *certs.Store) {
		if warn := r.Server().Warn; warn != nil && r.Level() < cli.Admin && control(r).Lists.FirstTime(name) {
			warn(fmt.Sprintf("'%s' accessed without admin rights, this won't be supported anymore starting from haproxy 3.3", name))
		}
		run(r, s)
	}
}

// ticketFile finds the keys that a word names: a number behind "#", or a file.
func ticketFile(s *certs.Store, word string) (number int, t *certs.Tickets) {
	id, byID := strings.CutPrefix(word, "#")
	for i, t := range s.TicketFiles() {
		if byID && strconv.Itoa(i) == id || !byID && t.Path == word {
			return i, t
		}
	}
	return 0, nil
}

func showKeys(r *cli.Request, s *certs.Store) {
	dump := func(number int, t *certs.Tickets) {
		r.Printf("# %d (%s)\n", number, t.Path)
		for i, k := range t.Secrets() {
			r.Printf("%d.%d %s\n", number, i, k)
		}
	}
	switch word := at(r.Args, 0); word {
	case "":
		r.WriteString("# id (file)\n")
		for i, t := range s.TicketFiles() {
			r.Printf("%d (%s)\n", i, t.Path)
		}
	case "*":
		r.WriteString("# id secret\n")
		for i, t := range s.TicketFiles() {
			dump(i, t)
		}
	default:
		number, t := ticketFile(s, word)
		if t == nil {
			r.Fail("'show tls-keys' unable to locate referenced filename")
			return
		}
		r.WriteString("# id secret\n")
		dump(number, t)
	}
}

func setKey(r *cli.Request, s *certs.Store) {
	file, key := at(r.Args, 0), at(r.Args, 1)
	if file == "" || key == "" {
		r.Fail("'set ssl tls-key' expects a filename and the new TLS key in base64 encoding.")
		return
	}
	_, t := ticketFile(s, file)
	if t == nil {
		r.Fail("'set ssl tls-key' unable to locate referenced filename")
	} else if err := s.AddTicketKey(t, key); err != nil {
		r.Fail("'set ssl tls-key' %s", err)
	} else {
		r.Message(cli.Info, "TLS ticket key updated!")
	}
}
