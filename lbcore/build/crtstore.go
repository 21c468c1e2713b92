//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"errors"
	"fmt"
	"strings"

	"gohap/lbcore/certs"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

const (
	sectionCrtStore keyword.Class = "section crt-store"
	loadParam       keyword.Class = "crt-store load params"
)

// loaded is what a load line, or the brackets of a crt-list, say about a certificate.
type loaded struct {
	crt, alias string
	files      certs.Files
	named      bool // crt was said
}

// loadWord says where one of a certificate's parts is; words begins with its own name
// and may lack the argument.
type loadWord func(to *loaded, arg string) error

func crtStoreRows() []keyword.Row {
	row := func(name, args, summary, good string, f func(*Builder, *config.Statement), bad ...string) keyword.Row {
		return keyword.Row{Class: sectionCrtStore, Name: name, Args: args, Summary: summary, Good: []keyword.Example{{Config: good}}, Bad: bad, Impl: f}
	}
	base := func(name, summary string, to func(*certs.Storage) **string) keyword.Row {
		return row(name, "<folder>", summary, name+" /etc/ssl", func(b *Builder, st *config.Statement) {
			switch {
			case b.storeLoads:
				b.stopf(st, "parsing [%s] : '%s' can't be used after a load line, use it at the beginning of the section.", st.Pos, name)
			case st.Word(1) == "":
				b.stopf(st, "parsing [%s] : '%s' requires a <path> argument.", st.Pos, name)
			default:
				*to(b.storage) = &st.Words[1]
			}
		}, name)
	}
	param := func(name, arg, summary, good string, f loadWord) keyword.Row {
		return keyword.Row{Class: loadParam, Name: name, Args: arg, Summary: summary, Good: []keyword.Example{{Config: "load crt site.pem " + good}}, Impl: f}
	}
	text := func(name, arg, summary string, to func(*loaded) *string) keyword.Row {
		return param(name, arg, summary, name+" site."+name, func(l *loaded, arg string) error { *to(l) = arg; return nil })
	}
	return []keyword.Row{
		base("crt-base", "where the section's relative certificates lie", func(s *certs.Storage) **string { return &s.CrtBase }),
		base("key-base", "where the section's relative keys lie", func(s *certs.Storage) **string { return &s.KeyBase }),
		row("load", "crt <file> [parameters]", "a certificate of the store", "load crt site.pem alias site", loadLine, "load", "load crt site.pem nosuch x"),
		param("crt", "<file>", "the certificate, with its chain and perhaps its key", "alias site", func(l *loaded, arg string) error { l.crt, l.named = arg, true; return nil }),
		text("alias", "<name>", "the name by which the certificate is known, behind @ and the store's name", func(l *loaded) *string { return &l.alias }),
		text("key", "<file>", "its private key", func(l *loaded) *string { return &l.files.Key }),
		text("ocsp", "<file>", "its OCSP response", func(l *loaded) *string { return &l.files.OCSP }),
		text("issuer", "<file>", "the certificate of who issued it", func(l *loaded) *string { return &l.files.Issuer }),
		text("sctl", "<file>", "its signed certificate timestamps", func(l *loaded) *string { return &l.files.SCTL }),
		param("ocsp-update", "on|off", "whether its OCSP response is fetched from who is named in it", "ocsp-update on", func(l *loaded, arg string) error {
			switch arg {
			case "on":
				l.files.Update = certs.Yes
			case "off":
				l.files.Update = certs.No
			default:
				return fmt.Errorf("cannot parse 'ocsp-update' value '%s', 'on' or 'off' is expected.", arg)
			}
			return nil
		}),
	}
}

// openCrtStore begins a crt-store.
func (b *Builder) openCrtStore(st *config.Statement) config.Outcome {
	b.storage, b.storeLoads = &certs.Storage{Name: st.Word(1)}, false
	if len(st.Words) > 2 {
		b.stopf(st, "'crt-store' section only supports a <name> argument.")
		return config.Abort
	}
	return config.Continue
}

func (b *Builder) crtStoreLine(st *config.Statement) {
	row := b.Set.Lookup(sectionCrtStore, st.Words[0])
	if row == nil {
		b.stopf(st, "unknown keyword '%s' in '%s' section%s", st.Words[0], "crt-store", keyword.DidYouMean(st.Words[0], b.Set.Names(sectionCrtStore)))
		return
	}
	row.Impl.(func(*Builder, *config.Statement))(b, st)
}

// loadLine reads a certificate of a crt-store.
func loadLine(b *Builder, st *config.Statement) {
	b.storeLoads = true
	var l loaded
	seen := map[string]bool{}
	fail := func(format string, args ...any) {
		b.stopf(st, "parsing [%s] : %s", st.Pos, fmt.Sprintf(format, args...))
	}
	for words := st.Words[1:]; len(words) > 0; words = words[min(2, len(words)):] {
		row := b.Set.Lookup(loadParam, words[0])
		if row == nil {
			if _, ok := keyword.Known(loadParam, words[0]); ok {
				b.stopf(st, "%s.", keyword.Refusal(fmt.Sprintf("'load %s' in section 'crt-store'", words[0])))
				return
			}
			fail("'load %s' in section 'crt-store': unknown keyword '%s'.", words[0], words[0])
			return
		}
		arg := ""
		if len(words) > 1 {
			arg = words[1]
		}
		if seen[words[0]] && words[0] != "alias" {
			b.Warnf(st, "'%s' already specified, overwriting.", words[0])
		}
		seen[words[0]] = true
		if err := row.Impl.(loadWord)(&l, arg); err != nil {
			fail("%s\n", err)
			return
		}
	}
	if !l.named {
		fail("'load' in section 'crt-store': mandatory 'crt' parameter not found.")
		return
	}
	var defined certs.Defined
	switch err := b.certs.Load(b.storage, l.crt, l.alias, l.files); {
	case errors.As(err, &defined):
		fail("'load' in section 'crt-store': %s.", err)
	case err != nil:
		b.stopf(st, "%s.", err)
	}
}

// listed reads a word of the brackets of a crt-list that says where a part of the
// certificate is; taken tells whether it is one.
func (b *Builder) listedPart(to *loaded, words []string) (taken bool, err error) {
	row := b.Set.Lookup(loadParam, words[0])
	if row == nil {
		return false, nil
	}
	arg := ""
	if len(words) > 1 {
		arg = words[1]
	}
	return true, row.Impl.(loadWord)(to, arg)
}

// defined words that a certificate is there already, otherwise.
func defined(what string, unlike error) error {
	return fmt.Errorf("\n  %s is already defined with incompatible parameters:\n  %s", what, strings.ReplaceAll(unlike.Error(), "\n", "\n  "))
}
