package build

import (
	"fmt"
	"strconv"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/message"
	"gohap/lbcore/rule"
)

func errorRows() []keyword.Row {
	rows := []keyword.Row{
		proxyRow("errorfile", keyword.InProxies, "<code> <file>", "a file to answer an error with", "errorfile 503 /dev/null", func(b *Builder, s *section, st *config.Statement) {
			if code, r := b.errorFile(st); r != nil {
				s.setPage(code, r)
			}
		}, "errorfile 418 /dev/null", "errorfile 503"),
		proxyRow("errorfiles", keyword.InProxies, "<section> [<code>…]", "takes pages of an http-errors section", "errorfiles site", errorFilesKeyword, "errorfiles nosuchsection"),
	}
	for name, code := range map[string]int{"errorloc": 302, "errorloc302": 302, "errorloc303": 303} {
		rows = append(rows, proxyRow(name, keyword.InProxies, "<code> <url>", fmt.Sprintf("answers an error with a %d", code),
			name+" 503 http://example.com/", func(b *Builder, s *section, st *config.Statement) { b.errorLoc(s, st, code) }, name+" 503"))
	}
	return append(rows, keyword.Row{Class: keyword.HTTPErrors, Name: "errorfile", Where: keyword.InOther, Args: "<code> <file>",
		Summary: "a page of the section", Good: []keyword.Example{{Config: "errorfile 503 /dev/null"}}})
}

func (s *section) setPage(code int, r *rule.Reply) {
	if s.pages == nil {
		s.pages = rule.Pages{}
	}
	s.pages[code] = r
}

// errorFile reads the code and file of an errorfile line.
func (b *Builder) errorFile(st *config.Statement) (int, *rule.Reply) {
	if len(st.Words) < 3 {
		if b.open == inHTTPErrors {
			b.Alertf(st, "%s: expects <status_code> and <file> as arguments.", st.Words[0])
		} else { // reference: with a line end of its own
			b.Alertf(st, "%s : expects <status_code> and <file> as arguments.\n", st.Words[0])
		}
		return 0, nil
	}
	code, err := strconv.Atoi(st.Words[1])
	if err != nil || message.ErrorPage(code) == nil {
		b.Alertf(st, "%s : status code '%d' not handled.", st.Words[0], code)
		return 0, nil
	}
	text, err := b.ReadFile(st.Words[2])
	if err != nil {
		b.Alertf(st, "%s : error opening file '%s'.", st.Words[0], st.Words[2])
		return 0, nil
	}
	r, err := rule.ParseErrorFile(code, text)
	if err != nil {
		b.Alertf(st, "%s : '%s': %s", st.Words[0], st.Words[2], err)
		return 0, nil
	}
	return code, r
}

func (b *Builder) errorLoc(s *section, st *config.Statement, status int) {
	if len(st.Words) < 3 {
		b.Alertf(st, "%s : expects <status_code> and <url> as arguments.\n", st.Words[0])
		return
	}
	code, err := strconv.Atoi(st.Words[1])
	if err != nil || message.ErrorPage(code) == nil {
		b.Alertf(st, "%s : status code '%d' not handled.", st.Words[0], code)
		return
	}
	field := func(id message.ID, v string) message.Field {
		return message.Field{Name: id.Name(), Value: []byte(v), ID: id}
	}
	s.setPage(code, &rule.Reply{Status: status, Complete: true, Fields: []message.Field{
		field(message.IDContentLength, "0"), field(message.IDLocation, st.Words[2]), field(message.IDCacheControl, "no-cache")}})
}

// openHTTPErrors begins an http-errors section.
func (b *Builder) openHTTPErrors(st *config.Statement) config.Outcome {
	name := st.Word(1)
	if name == "" {
		b.Alertf(st, "'http-errors' expects a section name.")
		return config.Abort
	}
	if b.httpErrs[name] != nil {
		b.Alertf(st, "http-errors section '%s' already exists.", name)
	}
	b.errPages = rule.Pages{}
	b.httpErrs[name] = b.errPages
	return config.Continue
}

func (b *Builder) httpErrorsLine(st *config.Statement) {
	if st.Words[0] != "errorfile" || b.Set.Lookup(keyword.HTTPErrors, "errorfile") == nil {
		b.Alertf(st, "unknown keyword '%s' in '%s' section", st.Words[0], "http-errors")
		return
	}
	if code, r := b.errorFile(st); r != nil {
		b.errPages[code] = r
	}
}

func errorFilesKeyword(b *Builder, s *section, st *config.Statement) {
	name := st.Word(1)
	if name == "" {
		b.Alertf(st, "errorfiles : expects <name> as argument.")
		return
	}
	b.imports = append(b.imports, pageImport{s, name, st.Words[2:], st.Pos})
}

type pageImport struct {
	to    *section
	name  string
	codes []string
	pos   config.Position
}

// importPages resolves errorfiles lines once every section is known.
func (b *Builder) importPages() {
	for _, im := range b.imports {
		pages := b.httpErrs[im.name]
		if pages == nil {
			b.Diag.Alertf(im.pos, "unable to find http-errors section '%s' referenced by %s '%s'.", im.name, im.to.kind, im.to.name)
			continue
		}
		if len(im.codes) == 0 {
			for code, r := range pages {
				im.to.setPage(code, r)
			}
		}
		for _, text := range im.codes {
			code, _ := strconv.Atoi(text)
			if r := pages[code]; r != nil {
				im.to.setPage(code, r)
			} else {
				b.Diag.Alertf(im.pos, "errorfiles: status code '%s' not declared in http-errors section '%s'.", text, im.name)
			}
		}
	}
}
