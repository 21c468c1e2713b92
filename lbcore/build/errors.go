package build

import (
	"fmt"
	"maps"
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
	rows = append(rows, proxyRow("http-error", keyword.InProxies, "status <code> …", "describes what to answer an error with",
		"http-error status 503 content-type text/plain string later", httpErrorKeyword, "http-error", "http-error status 418", "http-error status 404 string b", "http-error nonsense"))
	for name, code := range map[string]int{"errorloc": 302, "errorloc302": 302, "errorloc303": 303} {
		rows = append(rows, proxyRow(name, keyword.InProxies, "<code> <url>", fmt.Sprintf("answers an error with a %d", code),
			name+" 503 http://example.com/", func(b *Builder, s *section, st *config.Statement) { b.errorLoc(s, st, code) }, name+" 503"))
	}
	return append(rows, keyword.Row{Class: keyword.HTTPErrors, Name: "errorfile", Where: keyword.InOther, Args: "<code> <file>",
		Summary: "a page of the section", Good: []keyword.Example{{Config: "errorfile 503 /dev/null"}}})
}

// pageLine is a line that says how to answer errors: with one page, or with
// those of an http-errors section, all or some.
type pageLine struct {
	code  int
	reply *rule.Reply
	from  string // the http-errors section
	codes []int
	reset bool // back to what is there without any
	pos   config.Position
}

func (s *section) setPage(code int, r *rule.Reply) {
	s.pages = append(s.pages, pageLine{code: code, reply: r})
}

// errorFile reads the code and file of an errorfile line.
func (b *Builder) errorFile(st *config.Statement) (int, *rule.Reply) {
	if len(st.Words) < 3 {
		if b.opened == "http-errors" {
			b.Alertf(st, "%s: expects <status_code> and <file> as arguments.", st.Words[0])
		} else { // reference: with a line end of its own
			b.Alertf(st, "%s : expects <status_code> and <file> as arguments.\n", st.Words[0])
		}
		return 0, nil
	}
	if len(st.Words) > 3 && b.opened != "http-errors" {
		b.Alertf(st, "%s : expects exactly two arguments.\n", st.Words[0])
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
	if len(st.Words) > 3 {
		b.Alertf(st, "%s : expects exactly two arguments.\n", st.Words[0])
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
	s.setPage(code, &rule.Reply{Status: status, Code: code, Complete: true, Fields: []message.Field{
		field(message.IDCacheControl, "no-cache"), field(message.IDContentLength, "0"), field(message.IDLocation, st.Words[2])}})
}

// An errorSection is an http-errors section.
type errorSection struct {
	pages rule.Pages
	pos   config.Position
}

// openHTTPErrors begins an http-errors section.
func (b *Builder) openHTTPErrors(st *config.Statement) config.Outcome {
	name := st.Word(1)
	if name == "" {
		b.Alertf(st, "missing name for http-errors section.")
		return config.Abort
	}
	if old := b.httpErrs[name]; old != nil {
		b.alertTight(st.Pos, "http-errors section '%s' already exists (declared at %s).", name, old.pos)
	}
	b.errPages = rule.Pages{}
	b.httpErrs[name] = &errorSection{b.errPages, st.Pos}
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
	l := pageLine{from: name, pos: st.Pos}
	for _, text := range st.Words[2:] {
		code := atoi(text)
		if message.ErrorPage(code) == nil {
			b.Alertf(st, "errorfiles : status code '%d' not handled.", code)
			return
		}
		l.codes = append(l.codes, code)
	}
	s.pages = append(s.pages, l)
}

// settlePages resolves a proxy's lines once every http-errors section is known;
// of two lines for a status the later one counts.
func (b *Builder) settlePages(s *section) rule.Pages {
	if len(s.pages) == 0 {
		return nil
	}
	pages := rule.Pages{}
	for _, l := range s.pages {
		switch {
		case l.reset:
			delete(pages, l.code)
			continue
		case l.reply != nil:
			pages[l.code] = l.reply
			continue
		}
		site := b.httpErrs[l.from]
		switch {
		case site == nil:
			b.Diag.Rawf(config.Alert, "proxy '%s': unknown http-errors section '%s' (at %s).", s.name, l.from, l.pos)
		case len(l.codes) == 0:
			maps.Copy(pages, site.pages)
		}
		for _, code := range l.codes {
			if site == nil {
				break
			}
			r := site.pages[code]
			if r == nil {
				b.Diag.Rawf(config.Warning, "config: proxy '%s' : status '%d' not declared in http-errors section '%s' (at %s).", s.name, code, l.from, l.pos)
				continue
			}
			pages[code] = r
		}
	}
	return pages
}
