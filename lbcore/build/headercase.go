//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"strings"

	"gohap/lbcore/config"
	"gohap/lbcore/h1"
	"gohap/lbcore/keyword"
)

// headerCaseRows are the global words that spell names of fields as broken peers want
// them.
func headerCaseRows() []keyword.Row {
	return []keyword.Row{
		globalRow("h1-case-adjust", "<from> <to>", "how a field's name is spelt for peers of option h1-case-adjust-bogus-client and -server", "h1-case-adjust content-length Content-Length",
			headerCase, "h1-case-adjust", "h1-case-adjust host", "h1-case-adjust host Hosx", "h1-case-adjust host Host x"),
		globalRow("h1-case-adjust-file", "<file>", "a file with such names, two a line", "h1-case-adjust-file /dev/null", func(b *Builder, st *config.Statement) {
			if b.tooMany(st, 2) {
				return
			}
			if st.Word(1) == "" {
				b.Alertf(st, "'h1-case-adjust-file' expects <file> as argument.")
				return
			}
			b.caseFile = placed{st.Words[1], st.Pos}
		}, "h1-case-adjust-file", "h1-case-adjust-file a b"),
	}
}

func headerCase(b *Builder, st *config.Statement) {
	if b.tooMany(st, 3) {
		return
	}
	if len(st.Words) < 3 {
		b.Alertf(st, "'h1-case-adjust' expects <from> and <to> as argument.")
		return
	}
	if text := b.addCase(st.Words[1], st.Words[2]); text != "" {
		b.Alertf(st, "%s", text)
	}
}

// addCase adds a spelling and says what is wrong with it.
func (b *Builder) addCase(from, to string) string {
	switch {
	case !strings.EqualFold(from, to):
		return "<from> and <to> must not differ except the case"
	case b.cases[from] != "":
		return "duplicate entry '" + from + "'"
	}
	if b.cases == nil {
		b.cases = h1.Cases{}
	}
	b.cases[from] = to
	return ""
}

// readCases reads the file of h1-case-adjust-file, as the configuration ends.
func (b *Builder) readCases() {
	if b.caseFile.text == "" {
		return
	}
	data, err := b.Files.ReadFile(b.caseFile.text)
	if err != nil {
		b.Diag.Rawf(config.Alert, "h1-headers-case-adjust-file '%s': failed to open file.", b.caseFile.text)
		return
	}
	for i, line := range strings.Split(string(data), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		text := "expects 2 names a line"
		if len(words) == 2 {
			text = b.addCase(words[0], words[1])
		}
		if text != "" {
			b.Diag.Rawf(config.Alert, "h1-headers-case-adjust-file '%s' at line %d: %s.", b.caseFile.text, i+1, text)
			return
		}
	}
}
