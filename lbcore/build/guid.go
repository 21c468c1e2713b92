//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"fmt"
	"strings"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

const maxGUID = 127

// claimGUID makes a text the unique identifier of an object; former is what it had,
// "" for none.
func (b *Builder) claimGUID(text, former, owner string) error {
	if bad := badName(text); bad != 0 {
		return fmt.Errorf("'guid': invalid character '%c'", bad)
	}
	if len(text) > maxGUID {
		return fmt.Errorf("'guid': invalid length")
	}
	delete(b.guids, former)
	if other, ok := b.guids[text]; ok {
		return fmt.Errorf("'guid': duplicate entry with %s", other)
	}
	b.guids[text] = owner
	return nil
}

func guidKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind == "defaults" {
		b.Alertf(st, "'guid' not allowed in 'defaults' section.")
		return
	}
	text := st.Word(1)
	if text == "" {
		b.Alertf(st, "'guid' : expects an argument")
		return
	}
	if err := b.claimGUID(text, s.p.GUID, s.noun()+" "+s.name); err != nil {
		b.Alertf(st, "%s", err)
		return
	}
	if !b.tooMany(st, 2) {
		s.p.GUID = text
	}
}

// guidRows are the words that give objects a name for statistics files.
func guidRows() []keyword.Row {
	return []keyword.Row{
		proxyRow("guid", keyword.InFrontend|keyword.InListen|keyword.InBackend, "<text>", "the name of the proxy's counters in a statistics file", "guid web", guidKeyword, "guid", "guid a/b"),
		{Class: keyword.Bind, Name: "guid-prefix", Args: "<text>", Summary: "the beginning of the names of the listeners' counters in a statistics file",
			Good: []keyword.Example{{Config: "bind :8080 guid-prefix web"}}, Bad: []string{"bind :8080 guid-prefix"},
			Impl: BindFunc(func(_ *Builder, _ *config.Statement, to *proxy.Bind, w []string) (int, error) {
				if len(w) < 2 {
					return 0, fmt.Errorf("'guid-prefix' : expects an argument")
				}
				to.GUID = w[1]
				return 2, nil
			})},
		{Class: keyword.Server, Name: "guid", Args: "<text>", Summary: "the name of the server's counters in a statistics file",
			Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 guid web1"}}, Bad: []string{"server s1 127.0.0.1:80 guid", "server s1 127.0.0.1:80 guid a/b"},
			Impl: ServerFunc(func(b *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
				if len(w) < 2 {
					return 0, fmt.Errorf("'guid' : expects an argument")
				}
				if err := b.claimGUID(w[1], to.srv.GUID, strings.Trim(to.label, "' :")); err != nil {
					return 0, err
				}
				to.srv.GUID = w[1]
				return 2, nil
			})},
	}
}

// nameListeners makes the identifiers of the listeners of a line, which carry its
// prefix so far.
func (b *Builder) nameListeners(st *config.Statement, lines []*bindLine) {
	for i, l := range lines {
		if l.GUID == "" {
			continue
		}
		l.GUID = fmt.Sprintf("%s-%d", l.GUID, i)
		if err := b.claimGUID(l.GUID, "", "listener "+l.GUID); err != nil {
			b.Alertf(st, "'bind %s' in section '%s' : %s", st.Words[1], st.Section, err)
		}
	}
}

func statsFile(b *Builder, st *config.Statement) {
	switch {
	case b.Global.StatsFile != "":
		b.Alertf(st, "'stats-file' already specified. Continuing.")
	case st.Word(1) == "":
		b.Alertf(st, "'stats-file' expect one argument: a file path.")
	case !b.tooMany(st, 2):
		b.Global.StatsFile = st.Word(1)
	}
}
