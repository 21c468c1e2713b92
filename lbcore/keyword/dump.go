package keyword

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// DumpClasses are the classes of -dK, in the order of -dKall.
var DumpClasses = []string{"acl", "cfg", "cli", "cnv", "flt", "smp", "svc"}

// DumpHelp is what -dKhelp prints.
const DumpHelp = `# List of supported keyword classes:
all: list all keywords
acl: ACL keywords
cfg: configuration keywords
cli: CLI keywords
cnv: sample converter keywords
flt: filter names
smp: sample fetch functions
svc: service names
`

// Dump writes the words of a set as -dK does: classes are the words behind the
// flag, "all" among them; "help" prints the list of classes. Unknown classes are
// passed over (reference: the same). The error is the writer's.
func Dump(w io.Writer, set *Set, classes []string) error {
	out := bufio.NewWriter(w)
	for _, class := range classes {
		if class == "help" {
			_, _ = out.WriteString(DumpHelp)
			continue
		}
		for _, c := range DumpClasses {
			if class == c || class == "all" {
				dumpClass(out, set, c)
			}
		}
	}
	return out.Flush() // a bufio.Writer keeps the first error
}

func dumpClass(out *bufio.Writer, set *Set, class string) {
	switch class {
	case "acl":
		lines(out, "# List of registered ACL keywords:", set, ACL, func(r *Row) string {
			return fmt.Sprintf("%s = %s -m %s", r.Name, r.In, r.Out)
		})
	case "cfg":
		dumpConfig(out, set)
	case "cli":
		lines(out, "# List of registered CLI keywords:", set, Command, func(r *Row) string {
			return r.Name + " " + brackets(r.Tags)
		})
	case "cnv":
		lines(out, "# List of registered sample converter functions:", set, Converter, func(r *Row) string {
			// Reference: the output stands first.
			return fmt.Sprintf("%s%s: %s => %s", r.Name, r.Args, r.Out, r.In)
		})
	case "flt":
		lines(out, "# List of registered filter names:", set, Filter, func(r *Row) string {
			return strings.TrimSuffix(r.Name+" "+brackets(r.Tags), " ")
		})
	case "smp":
		lines(out, fetchHeader(), set, Fetch, func(r *Row) string {
			return fmt.Sprintf("[ %s] %s%s: %s", columns(r.Valid), r.Name, r.Args, r.Out)
		})
	case "svc":
		lines(out, "# List of registered service names:", set, Service, func(r *Row) string { return r.Name })
	}
}

// lines writes a title and a line for each row, sorted by name.
func lines(out *bufio.Writer, title string, set *Set, class Class, line func(*Row) string) {
	_, _ = out.WriteString(title + "\n")
	for _, r := range sorted(set, class) {
		_, _ = out.WriteString(line(r) + "\n")
	}
}

func sorted(set *Set, class Class) []*Row {
	rows := slices.Clone(set.Rows(class))
	slices.SortFunc(rows, func(a, b *Row) int {
		return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Name, b.Name))
	})
	return rows
}

func brackets(tags []string) string {
	var b strings.Builder
	for _, t := range tags {
		b.WriteString("[" + t + "] ")
	}
	return b.String()
}

func columns(v Validity) string {
	var b strings.Builder
	for i := range Places {
		if v&(1<<i) != 0 {
			b.WriteString("Y ")
		} else {
			b.WriteString(". ")
		}
	}
	return b.String()
}

// fetchHeader draws the legend above the columns.
func fetchHeader() string {
	var b strings.Builder
	b.WriteString("# List of registered sample fetch functions:\n")
	for i, name := range placeNames {
		b.WriteString("#" + strings.Repeat(" ", Places+1-i) + strings.Repeat("/ ", i) + "_." + strings.Repeat("-", Places-i) + " " + name + "\n")
	}
	b.WriteString("# " + strings.Repeat("/ ", Places) + " \n")
	b.WriteString("# " + strings.Repeat("| ", Places))
	return b.String()
}

// dumpConfig writes the words of each kind of section. Those of the proxies
// stand under "listen", the words of rules behind their rule.
func dumpConfig(out *bufio.Writer, set *Set) {
	_, _ = out.WriteString("# List of registered configuration keywords:\n")
	section(out, "global", set, Global)
	section(out, "listen", set, Proxy)
	for _, g := range []struct {
		class Class
		text  func(*Row) string
	}{
		{Bind, func(r *Row) string { return skip("bind <addr> "+group(r)+r.Name, r) }},
		{Server, func(r *Row) string { return skip("server <name> <addr> "+r.Name, r) }},
		{Option, func(r *Row) string { return "option " + r.Name + " [ " + capabilities(r) + "]" }},
		{TCPReqConn, action("tcp-request connection ")},
		{TCPReqSess, action("tcp-request session ")},
		{TCPReqCont, action("tcp-request content ")},
		{TCPResCont, action("tcp-response content ")},
		{HTTPReq, action("http-request ")},
		{HTTPRes, action("http-response ")},
		{HTTPAfterRes, action("http-after-response ")},
	} {
		for _, r := range sorted(set, g.class) {
			_, _ = out.WriteString("\t" + g.text(r) + "\n")
		}
	}
	for _, s := range []struct {
		name  string
		class Class
	}{{"userlist", "section userlist"}, {"peers", "section peers"}, {"crt-list", "crt-list line options"}, {"crt-store", "section crt-store"}, {"traces", "section traces"}, {"acme", "section acme"}} {
		if set.Lookup(Section, s.name) != nil || len(set.Rows(s.class)) > 0 {
			section(out, s.name, set, s.class)
		}
	}
}

func section(out *bufio.Writer, name string, set *Set, class Class) {
	_, _ = out.WriteString(name + "\n")
	for _, r := range sorted(set, class) {
		_, _ = out.WriteString("\t" + skip(r.Name, r) + "\n")
	}
}

// skip adds how many arguments a word takes.
func skip(text string, r *Row) string {
	if r.Skip != 0 {
		return fmt.Sprintf("%s +%d", text, r.Skip)
	}
	return text
}

func group(r *Row) string {
	if r.Group != "" {
		return r.Group + " "
	}
	return ""
}

func action(rule string) func(*Row) string {
	return func(r *Row) string {
		if r.Prefix {
			return rule + r.Name + "*"
		}
		return rule + r.Name
	}
}

// capabilities says which side has an option.
func capabilities(r *Row) string {
	text := ""
	if r.Where&InFrontend != 0 {
		text += "FE "
	}
	if r.Where&InBackend != 0 {
		text += "BE "
	}
	if r.Flags&NeedsHTTP != 0 {
		text += "HTTP "
	}
	return text
}
