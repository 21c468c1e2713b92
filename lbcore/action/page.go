package action

import (
	"errors"
	"fmt"

	"gohap/lbcore/message"
	"gohap/lbcore/rule"
)

// Page is what http-error says.
type Page struct {
	Status int
	Reply  *rule.Reply
	From   string // the http-errors section to take the page from, "" for Reply
	Reset  bool   // back to the page that is there without any
}

// Errors of ReadPage that the keyword words by itself.
var (
	ErrNoStatus   = errors.New("no status")
	ErrNotHandled = errors.New("a status that no error has")
)

// ReadPage reads the words of http-error, to the end.
func ReadPage(a *rule.Args) (p Page, err error) {
	k := &content{}
	for !a.Done() {
		known, err := k.pageWord(a)
		if err != nil {
			return p, err
		}
		if !known {
			break
		}
	}
	p.Status = k.status
	switch {
	case k.status == 0:
		return p, ErrNoStatus
	case a.Peek() != "":
		return p, fmt.Errorf("unknown keyword '%s'.", a.Peek())
	case k.source == "default-errorfiles":
		p.Reset = true
		k.warnIgnored(a)
	case k.source == "errorfiles":
		p.From = k.named
		k.warnIgnored(a)
	default:
		if p.Reply, err = k.finish(a); err != nil {
			return p, err
		}
		p.Reply.Code = k.status
	}
	if message.ErrorPage(k.status) == nil {
		return p, ErrNotHandled
	}
	return p, nil
}

// pageWord is word, with a section of pages that may stand behind.
func (k *content) pageWord(a *rule.Args) (bool, error) {
	switch a.Peek() {
	case "errorfiles":
	case "deny_status":
		return false, nil
	default:
		return k.word(a)
	}
	a.Next()
	if k.source != "" {
		return true, fmt.Errorf("unexpected 'errorfiles' argument, '%s' already defined", k.source)
	}
	k.source, k.named = "errorfiles", a.Next()
	if k.named == "" {
		return true, errors.New("'errorfiles' expects <name> as argument")
	}
	return true, nil
}
