package stats

import (
	"io"
	"strconv"
	"strings"
)

// form is how values are written.
type form uint8

const (
	asCSV form = iota
	asTyped
	asJSON
)

// csvText writes a string for CSV: in quotes when it holds a comma, a quote or
// a line end, quotes doubled and line ends left out (reference).
func csvText(s string) string {
	if !strings.ContainsAny(s, ",\"\r\n") {
		return s
	}
	return `"` + strings.NewReplacer(`"`, `""`, "\n", "", "\r", "").Replace(s) + `"`
}

// text is a cell's value; CSV protects strings, typed output does not.
func (c cell) text(t cellType, protect bool) string {
	switch {
	case !c.set:
		return ""
	case t != str:
		return strconv.FormatInt(c.n, 10)
	case protect:
		return csvText(c.s)
	}
	return c.s
}

// The long words of JSON for the letters of the tags.
var (
	origins = map[byte]string{'M': "Metric", 'S': "Status", 'K': "Key", 'C': "Config", 'P': "Product"}
	natures = map[byte]string{'G': "Gauge", 'L': "Limit", 'm': "Min", 'M': "Max", 'R': "Rate", 'C': "Counter",
		'D': "Duration", 'A': "Age", 'T': "Time", 'N': "Name", 'O': "Output", 'a': "Avg"}
	scopes = map[byte]string{'C': "Cluster", 'P': "Process", 'S': "Service", 's': "System"}
)

// jsonValue writes everything of a value that info and stat have in common:
// field, processNum, tags and value.
func jsonValue(w io.StringWriter, pos int, name, tags string, t cellType, text string) {
	jsonField(w, pos, name, `"processNum":1,`, tags, t, text)
}

// jsonField is the same with what stands between field and tags.
func jsonField(w io.StringWriter, pos int, name, between, tags string, t cellType, text string) {
	if t == str {
		text = jsonString(text)
	}
	w.WriteString(`"field":{"pos":` + strconv.Itoa(pos) + `,"name":"` + name + `"},` + between +
		`"tags":{"origin":"` + origins[tags[0]] + `","nature":"` + natures[tags[1]] + `","scope":"` + scopes[tags[2]] + `"},` +
		`"value":{"type":"` + t.String() + `","value":` + text + `}}`)
}

// jsonString quotes a string as JSON wants it.
func jsonString(s string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20:
			b.WriteString(`\u00`)
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
