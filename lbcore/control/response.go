package control

import (
	"time"

	"gohap/lbcore/certs"
	"gohap/lbcore/cli"
	"gohap/lbcore/clock"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// registerResponses adds the commands about OCSP responses and the names that bind
// lines answer. The summaries are the help's (reference).
func registerResponses(set *keyword.Set) {
	certCommand(set, "show ssl ocsp-response", "[[text|base64] <id|path>]", "display the IDs of the OCSP responses used in memory, or the details of a single OCSP response (in text or base64 format)", cli.User,
		open("show ssl ocsp-response", showResponse), "show ssl ocsp-response", "show ssl ocsp-response nosuch", "show ssl ocsp-response text")
	certCommand(set, "set ssl ocsp-response", "<resp|payload>", "update a certificate's OCSP Response from a base64-encode DER", cli.User,
		open("set ssl ocsp-response", setResponse), "set ssl ocsp-response AAAA", "set ssl ocsp-response")
	certCommand(set, "show ssl ocsp-updates", "", "display information about the next 'nb' ocsp responses that will be updated automatically", cli.User,
		func(r *cli.Request, _ *certs.Store) { r.WriteString(control(r).Renewals.Describe()) }, "show ssl ocsp-updates")
	certCommand(set, "update ssl ocsp-response", "<certfile>", "send ocsp request and update stored ocsp response", cli.User, updateResponse, "update ssl ocsp-response site.pem", "update ssl ocsp-response", "update ssl ocsp-response nosuch")
	certCommand(set, "show ssl sni", "[-f <frontend>] [-A] [-t <offset>]", "display the list of SNI and their corresponding filename", cli.User, showSNI, "show ssl sni -A", "show ssl sni -f", "show ssl sni nosuch")
}

func showResponse(r *cli.Request, s *certs.Store) {
	words := r.Args
	if len(words) == 0 {
		r.WriteString(s.Responses())
		return
	}
	form := ""
	if words[0] == "text" || words[0] == "base64" {
		form, words = words[0], words[1:]
	}
	if len(words) == 0 {
		r.Fail("'show ssl ocsp-response [text|base64]' expects a valid certid.")
		return
	}
	der, err := s.Response(words[0])
	switch {
	case err != nil:
		r.Fail("%s", err)
	case form == "base64":
		r.WriteString(certs.Base64(der))
	default:
		r.WriteString(certs.ResponseText(der))
	}
}

func setResponse(r *cli.Request, s *certs.Store) {
	text := at(r.Args, 0)
	if r.Payload != "" {
		text = r.Payload
	}
	if text == "" {
		r.Fail("'set ssl ocsp-response' expects response in base64 encoding.")
	} else if err := s.SetResponse(text); err != nil {
		r.Fail("%s", err)
	} else {
		r.Message(cli.Info, "OCSP Response updated!")
	}
}

// updateResponse has a response fetched; how that goes is logged and listed.
func updateResponse(r *cli.Request, _ *certs.Store) {
	path, ok := fileNamed(r, "'update ssl ocsp-response' expects a filename")
	if !ok {
		return
	}
	if err := control(r).Renewals.Update(path); err != nil {
		r.Fail("%s\nCan't send ocsp request for %s!", err, path)
	}
}

// showSNI lists the names that bind lines answer, of expired certificates with -A.
func showSNI(r *cli.Request, s *certs.Store) {
	proxy, expired, offset := "", false, time.Duration(0)
	for words := r.Args; len(words) > 0; words = words[1:] {
		switch words[0] {
		case "-A":
			expired = true
		case "-f":
			if len(words) < 2 {
				r.Fail("'-f' requires a frontend name!")
				return
			}
			if words = words[1:]; control(r).frontendNamed(words[0]) == nil {
				r.Fail("Couldn't find the specified frontend!")
				return
			}
			proxy = words[0]
		case "-t":
			if len(words) < 2 {
				r.Fail("'-t' requires an offset argument!")
				return
			}
			words = words[1:]
			t, err := config.ParseTime(words[0], time.Second)
			if err != nil {
				r.Fail("'-t %s' : %s", words[0], err)
				return
			}
			offset = t.Value
		default:
			r.Fail("Invalid parameters, 'show ssl sni' only supports '-f', '-A' or '-t' options!")
			return
		}
	}
	var before time.Time
	if expired {
		before = clock.Wall().Add(offset)
	}
	r.WriteString(s.SNIs(proxy, before))
}
