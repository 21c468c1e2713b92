package keyword

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestSet(t *testing.T) {
	s := NewSet()
	s.Add(Row{Class: Global, Name: "b", Summary: "x"}, Row{Class: Global, Name: "a", Summary: "x"}, Row{Class: Fetch, Name: "a", Summary: "x"})
	if s.Lookup(Global, "a") == nil || s.Lookup(Global, "c") != nil || s.Lookup(Proxy, "a") != nil {
		t.Error("lookup")
	}
	if got := s.Names(Global); !slices.Equal(got, []string{"a", "b"}) {
		t.Error(got)
	}
	if r := s.Rows(Global); len(r) != 2 || r[0].Name != "b" {
		t.Error("rows keep the order of registration")
	}
	if !slices.Equal(s.Classes(), []Class{Global, Fetch}) {
		t.Error(s.Classes())
	}
	if !s.Remove(Global, "b") || s.Remove(Global, "b") || s.Lookup(Global, "b") != nil || len(s.Rows(Global)) != 1 {
		t.Error("remove")
	}
}

func TestAddPanics(t *testing.T) {
	for name, row := range map[string]Row{
		"duplicate":  {Class: Global, Name: "a", Summary: "x"},
		"no name":    {Class: Global, Summary: "x"},
		"no class":   {Name: "b", Summary: "x"},
		"no summary": {Class: Global, Name: "b"},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			s := NewSet()
			s.Add(Row{Class: Global, Name: "a", Summary: "x"}, row)
		}()
	}
}

func TestKnown(t *testing.T) {
	for _, c := range []struct {
		class Class
		name  string
		tier  int
		ok    bool
	}{
		{Global, "maxconn", 1, true},
		{Global, "nbproc", 0, false},       // gone in 3.2
		{Section, "fcgi-app", 3, true},     //
		{Section, "healthcheck", 0, false}, // newer than 3.2
		{ProxyRejected, "reqrep", 3, true}, // has its own error
		{OptionRejected, "forceclose", 3, true},
		{Fetch, "req.hdr", 1, true},
		{"no such class", "x", 0, false},
	} {
		if tier, ok := Known(c.class, c.name); tier != c.tier || ok != c.ok {
			t.Errorf("%s %s: tier %d, %v", c.class, c.name, tier, ok)
		}
	}
}

// TestKnownClasses holds the class names of the registry against the list: a
// misspelt constant would make every word of its class unknown.
func TestKnownClasses(t *testing.T) {
	known := KnownClasses()
	for _, c := range []Class{
		Section, Global, GlobalStats, Proxy, ProxyRejected, Option, OptionRejected, Timeout, Bind, Server,
		TCPReqConn, TCPReqSess, TCPReqCont, TCPResCont, HTTPReq, HTTPRes, HTTPAfterRes, Redirect, Balance,
		HTTPReuse, RetryOn, CookieOption, TableParam, TableKey, TableData, StickRule, Mode, Fetch, Converter, ACL, Matcher, ACLFlag, PredefinedACL, VarScope, LogAlias, LogFlag,
		LogFormat, LogTargetParam, Facility, Level, Command, StatColumn, StatModule, StatModifier, InfoField, Capture,
		Predicate, Directive, PseudoVar, EnvVar, Flag, AddressPrefix, Filter, Service, HealthCheck, HTTPErrors,
		SectionRing, StatusCode, Signal, "section userlist", "section peers", "crt-list line options", "section crt-store", "section traces", "section acme",
	} {
		if !slices.Contains(known, c) || len(KnownNames(c)) == 0 {
			t.Errorf("the list has no class %q", c)
		}
	}
}

// TestClosest holds the choice against what the reference offers. Of equals the
// reference takes one by an order that nobody can see, and in a few cases it
// weighs otherwise: one in thirty may differ.
func TestClosest(t *testing.T) {
	names := append(KnownNames(Global), "listen", "frontend", "backend", "defaults", "peers", "global")
	names = slices.DeleteFunc(names, notOffered)
	text, err := os.ReadFile("testdata/closest.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases, missed := 0, []string(nil)
	for line := range strings.Lines(string(text)) {
		word, want, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") || !ok {
			continue
		}
		cases++
		if got := Closest(word, names); got != want && (got != "" || want != "-") {
			missed = append(missed, word+": "+got+", the reference "+want)
		}
	}
	if cases < 150 || len(missed)*30 > cases {
		t.Errorf("%d of %d differ:\n%s", len(missed), cases, strings.Join(missed, "\n"))
	}
}

// notOffered tells the words that the measured build of the reference does not
// suggest, most of them for lack of the library behind them.
func notOffered(name string) bool {
	for _, p := range []string{"51degrees", "deviceatlas", "wurfl", "tune.zlib", "tune.memory.hot-size"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return slices.Contains([]string{"profiling.memory", "anonkey", "quick-exit", "fd-hard-limit", "ssl-engine", "debug.counters", "max-spread-checks"}, name)
}

func TestClosestByHand(t *testing.T) {
	for _, c := range []struct{ word, names, want string }{
		{"maxcon", "maxconn maxconnrate", "maxconn"},
		{"MAXCON", "maxconn", "maxconn"},
		{"foo", "maxconn bind server", ""},
		{"x", "y", ""},
		{"", "y", ""},
		{"tune.h1.zreo", "tune.h2.zero tune.h1.zero", "tune.h1.zero"},
	} {
		if got := Closest(c.word, strings.Fields(c.names)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.word, got, c.want)
		}
	}
	if got := DidYouMean("maxcon", []string{"maxconn"}); got != "; did you mean 'maxconn' maybe ?" {
		t.Error(got)
	}
	if got := DidYouMean("foo", nil); got != "" {
		t.Error(got)
	}
}

// TestDump reads the reference's own dump back into rows and prints them.
func TestDump(t *testing.T) {
	want, err := os.ReadFile("testdata/dk-all.txt")
	if err != nil {
		t.Fatal(err)
	}
	set := rowsOfDump(t, string(want))
	for class, name := range map[Class]string{Fetch: "wait_end", Bind: "tfo", Command: "wait", ACL: "path_beg", HTTPReq: "sc-inc-gpc"} {
		if set.Lookup(class, name) == nil {
			t.Errorf("%s %s was not read", class, name)
		}
	}
	var got bytes.Buffer
	if err := Dump(&got, set, []string{"all"}); err != nil {
		t.Fatal(err)
	}
	a, b := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("line %d:\ngot  %q\nwant %q", i+1, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d lines, want %d", len(a), len(b))
	}
}

// rowsOfDump turns the text of -dKall into a registry.
func rowsOfDump(t *testing.T, text string) *Set {
	t.Helper()
	set := NewSet()
	part, section := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			if strings.HasPrefix(line, "# List of registered ") {
				part = strings.TrimPrefix(line, "# List of registered ")
			}
			continue
		}
		row := Row{Summary: "x"}
		switch part {
		case "ACL keywords:":
			row.Class = ACL
			f := strings.Fields(line)
			row.Name, row.In, row.Out = f[0], f[2], f[4]
		case "configuration keywords:":
			if !strings.HasPrefix(line, "\t") {
				section = line
				set.Add(Row{Class: Section, Name: line, Summary: "x"})
				continue
			}
			configRow(&row, section, strings.TrimPrefix(line, "\t"))
		case "CLI keywords:":
			row.Class = Command
			row.Name, row.Tags = tagged(line)
		case "sample converter functions:":
			row.Class = Converter
			name, types, _ := strings.Cut(line, ": ")
			row.Out, row.In, _ = strings.Cut(types, " => ")
			row.Name, row.Args = withArgs(name)
		case "filter names:":
			row.Class = Filter
			row.Name, row.Tags = tagged(line)
		case "sample fetch functions:":
			row.Class = Fetch
			for i, c := range strings.Fields(line[1:strings.IndexByte(line, ']')]) {
				if c == "Y" {
					row.Valid |= 1 << i
				}
			}
			name, out, _ := strings.Cut(line[strings.IndexByte(line, ']')+2:], ": ")
			row.Out = out
			row.Name, row.Args = withArgs(name)
		case "service names:":
			row.Class, row.Name = Service, line
		default:
			t.Fatalf("unknown part %q", part)
		}
		set.Add(row)
	}
	return set
}

func withArgs(text string) (name, args string) {
	name, args, found := strings.Cut(text, "(")
	if found {
		args = "(" + args
	}
	return name, args
}

func tagged(line string) (name string, tags []string) {
	for strings.HasSuffix(strings.TrimRight(line, " "), "]") {
		line = strings.TrimRight(line, " ")
		at := strings.LastIndexByte(line, '[')
		tags = append([]string{line[at+1 : len(line)-1]}, tags...)
		line = line[:at]
	}
	return strings.TrimRight(line, " "), tags
}

// rulePrefixes are the beginnings of lines under "listen" that tell a class.
var rulePrefixes = []struct {
	prefix string
	class  Class
}{
	{"bind <addr> ", Bind}, {"server <name> <addr> ", Server}, {"option ", Option},
	{"tcp-request connection ", TCPReqConn}, {"tcp-request session ", TCPReqSess}, {"tcp-request content ", TCPReqCont},
	{"tcp-response content ", TCPResCont}, {"http-request ", HTTPReq}, {"http-response ", HTTPRes}, {"http-after-response ", HTTPAfterRes},
}

func configRow(row *Row, section, line string) {
	row.Class = map[string]Class{
		"global": Global, "listen": Proxy, "userlist": "section userlist", "peers": "section peers",
		"crt-list": "crt-list line options", "crt-store": "section crt-store", "traces": "section traces", "acme": "section acme",
	}[section]
	if section == "listen" {
		for _, p := range rulePrefixes {
			if rest, ok := strings.CutPrefix(line, p.prefix); ok {
				row.Class, line = p.class, rest
				break
			}
		}
	}
	if at := strings.Index(line, " +"); at > 0 {
		row.Skip, _ = strconv.Atoi(line[at+2:])
		line = line[:at]
	}
	if rest, ok := strings.CutPrefix(line, "ssl "); ok && row.Class == Bind {
		row.Group, line = "ssl", rest
	}
	if at := strings.Index(line, " ["); at > 0 && row.Class == Option {
		for _, word := range strings.Fields(line[at+2 : len(line)-1]) {
			switch word {
			case "FE":
				row.Where |= InFrontend
			case "BE":
				row.Where |= InBackend
			case "HTTP":
				row.Flags |= NeedsHTTP
			}
		}
		line = line[:at]
	}
	row.Name, row.Prefix = strings.CutSuffix(line, "*")
}

func TestDumpClasses(t *testing.T) {
	set := NewSet()
	set.Add(Row{Class: Service, Name: "s", Summary: "x"}, Row{Class: Filter, Name: "f", Summary: "x", Tags: []string{"F"}})
	for _, c := range []struct{ classes, want string }{
		{"svc flt", "# List of registered service names:\ns\n# List of registered filter names:\nf [F]\n"},
		{"nosuch svc", "# List of registered service names:\ns\n"},
		{"", ""},
		{"help", DumpHelp},
	} {
		var got bytes.Buffer
		if err := Dump(&got, set, strings.Fields(c.classes)); err != nil || got.String() != c.want {
			t.Errorf("%q: %v\n%s", c.classes, err, got.String())
		}
	}
	if err := Dump(broken{}, set, []string{"help"}); err == nil {
		t.Error("the writer's error was lost")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }
