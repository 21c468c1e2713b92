package config

import (
	"slices"
	"strings"

	"gohap/lbcore/keyword"
)

// served tells whether a word of the language is there: all are where no
// registry was given.
func served(set *keyword.Set, class keyword.Class, name string) bool {
	return set == nil || set.Lookup(class, name) != nil
}

// A directive is a line's first word that belongs to the language itself.
type directive struct {
	name, args, summary string
	good, bad           string                               // a line with it, one that is refused
	block               func(r *reader, words, all []string) // of those that make blocks
	says                Severity                             // of the others
}

// directives is made on first use: .if leads back to the table.
func directives() []directive {
	return []directive{
		{name: ".if", args: "<condition>", summary: "the lines up to .elif, .else or .endif are read when the condition holds", good: ".if 1\n.endif", bad: ".if 1",
			block: func(r *reader, _, all []string) { r.beginIf(all) }},
		{name: ".elif", args: "<condition>", summary: "another condition, when none before it held", good: ".if 1\n.elif 0\n.endif", bad: ".elif 1",
			block: func(r *reader, _, all []string) { r.elseIf(all) }},
		{name: ".else", summary: "the lines that are read when no condition held", good: ".if 1\n.else\n.endif", bad: ".else",
			block: func(r *reader, words, _ []string) { r.orElse(words) }},
		{name: ".endif", summary: "ends a block", good: ".if 0\n.endif", bad: ".endif",
			block: func(r *reader, words, _ []string) { r.endIf(words) }},
		{name: ".notice", args: "<text>", summary: "prints a notice", good: ".notice \"a text\"", bad: ".notice a text", says: Notice},
		{name: ".diag", args: "<text>", summary: "prints a line with -dD", good: ".diag \"a text\"", bad: ".diag a text", says: Diag},
		{name: ".warning", args: "<text>", summary: "prints a warning", good: ".warning \"a text\"", bad: ".warning a text", says: Warning},
		{name: ".alert", args: "<text>", summary: "prints an alert and refuses the configuration", good: ".if 0\n.alert no\n.endif", bad: ".alert no", says: Alert},
		{name: "no", args: "<keyword>", summary: "takes back what stood before", good: "no log", bad: "no bind"},
		{name: "default", args: "<keyword>", summary: "back to what holds where nothing is said", good: "default option dontlognull", bad: "default bind"},
	}
}

func findDirective(name string) *directive {
	if name[0] != '.' {
		return nil
	}
	all := directives()
	if i := slices.IndexFunc(all, func(d directive) bool { return d.name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}

// A predicate is a question that a condition may ask.
type predicate struct {
	name, param, summary string
	args                 int
	good, bad            string // a condition that holds with the facts of tests, one that cannot be read
	judge                func(p *condParser, args []string) bool
}

var predicates = []predicate{
	{"defined", "<name>", "the environment variable is set", 1, "defined(SET)", "defined(SET", func(p *condParser, a []string) bool {
		_, ok := p.lookup(a[0])
		return ok
	}},
	{"enabled", "<option>", "the run-time option is on", 1, "enabled(EPOLL)", "enabled(EPOLL", func(p *condParser, a []string) bool { return p.facts.Enabled[a[0]] }},
	{"feature", "<name>", "the program was built with the feature", 1, "feature(THREAD)", "feature(THREAD", func(p *condParser, a []string) bool { return p.facts.Features[a[0]] }},
	{"openssl_version_atleast", "<version>", "the TLS library is that old or newer", 1, "openssl_version_atleast(3.0.0)", "openssl_version_atleast(3)",
		func(p *condParser, a []string) bool { return p.judgeSSL("openssl_version_atleast", a[0], true) }},
	{"openssl_version_before", "<version>", "the TLS library is older", 1, "openssl_version_before(9.0.0)", "openssl_version_before(9)",
		func(p *condParser, a []string) bool { return p.judgeSSL("openssl_version_before", a[0], false) }},
	{"ssllib_name_startswith", "<text>", "the name of the TLS library begins so", 1, "ssllib_name_startswith(Some)", "ssllib_name_startswith(Some",
		func(p *condParser, a []string) bool { return strings.HasPrefix(p.facts.SSLLibrary, a[0]) }},
	{"streq", "<a>,<b>", "the texts are equal", 2, "streq(a,a)", "streq(a)", func(_ *condParser, a []string) bool { return a[0] == a[1] }},
	{"strneq", "<a>,<b>", "the texts differ", 2, "strneq(a,b)", "strneq(a)", func(_ *condParser, a []string) bool { return a[0] != a[1] }},
	{"strstr", "<text>,<part>", "the text holds the part", 2, "strstr(abc,b)", "strstr(abc)", func(_ *condParser, a []string) bool { return strings.Contains(a[0], a[1]) }},
	{"version_atleast", "<version>", "the program is compatible with that version or a newer one", 1, "version_atleast(3.0)", "version_atleast(3.0",
		func(p *condParser, a []string) bool { return compareVersions(p.facts.Version, a[0]) >= 0 }},
	{"version_before", "<version>", "the program is compatible with an older version", 1, "version_before(9.0)", "version_before(9.0",
		func(p *condParser, a []string) bool { return compareVersions(p.facts.Version, a[0]) < 0 }},
}

func findPredicate(name string) *predicate {
	if i := slices.IndexFunc(predicates, func(d predicate) bool { return d.name == name }); i >= 0 {
		return &predicates[i]
	}
	return nil
}

// A prefix stands before an address and says of which kind it is.
type prefix struct {
	name, summary string
	family        Family
	kind          byte // 's' forces stream, 'd' datagram, 0 leaves it
	good, bad     string
}

var prefixes = []prefix{
	{"unix@", "a path", Unix, 0, "bind unix@/run/a", ""},
	{"uxst@", "a path, stream", Unix, 's', "bind uxst@/run/a", ""},
	{"uxdg@", "a path, datagrams", Unix, 'd', "log uxdg@/dev/log local0", "bind uxdg@/run/a"},
	{"abns@", "a name in the abstract namespace, padded with zeros", Abstract, 0, "bind abns@a", ""},
	{"abnsz@", "a name in the abstract namespace, ended by a zero", AbstractZ, 0, "bind abnsz@a", ""},
	{"ip@", "an IP address", AnyIP, 0, "bind ip@127.0.0.1:80", "bind ip@127.0.0.1"},
	{"ipv4@", "an IPv4 address", IPv4, 0, "bind ipv4@127.0.0.1:80", "bind ipv4@[::1]:80"},
	{"ipv6@", "an IPv6 address", IPv6, 0, "bind ipv6@[::1]:80", "bind ipv6@127.0.0.1:80"},
	{"tcp@", "an IP address, stream", AnyIP, 's', "bind tcp@127.0.0.1:80", "bind tcp@127.0.0.1"},
	{"tcp4@", "an IPv4 address, stream", IPv4, 's', "bind tcp4@127.0.0.1:80", "bind tcp4@[::1]:80"},
	{"tcp6@", "an IPv6 address, stream", IPv6, 's', "bind tcp6@[::1]:80", "bind tcp6@127.0.0.1:80"},
	{"udp@", "an IP address, datagrams", AnyIP, 'd', "log udp@127.0.0.1:514 local0", "bind udp@127.0.0.1:80"},
	{"udp4@", "an IPv4 address, datagrams", IPv4, 'd', "log udp4@127.0.0.1:514 local0", "bind udp4@127.0.0.1:80"},
	{"udp6@", "an IPv6 address, datagrams", IPv6, 'd', "log udp6@[::1]:514 local0", "bind udp6@[::1]:80"},
	{"fd@", "a descriptor that the parent left open", FD, 0, "bind fd@3", "bind fd@x"},
	{"sockpair@", "a descriptor over which connections are passed as descriptors", Sockpair, 0, "bind sockpair@3", "bind sockpair@x"},
	{"stream+", "stream, before a family", AnyIP, 's', "bind stream+ipv4@127.0.0.1:80", "bind stream+ipv4@127.0.0.1"},
	{"dgram+", "datagrams, before a family", AnyIP, 'd', "log dgram+ipv4@127.0.0.1:514 local0", "bind dgram+ipv4@127.0.0.1:80"},
}

func findPrefix(name string) *prefix {
	if i := slices.IndexFunc(prefixes, func(d prefix) bool { return d.name == name }); i >= 0 {
		return &prefixes[i]
	}
	return nil
}

// Register adds the words of the language itself.
func Register(set *keyword.Set) {
	add := func(class keyword.Class, name, args, summary, good, bad string) {
		row := keyword.Row{Class: class, Name: name, Args: args, Summary: summary, Good: []keyword.Example{{Config: good}}}
		if bad != "" {
			row.Bad = []string{bad}
		}
		set.Add(row)
	}
	for _, d := range directives() {
		add(keyword.Directive, d.name, d.args, d.summary, d.good, d.bad)
	}
	for _, p := range predicates {
		add(keyword.Predicate, p.name, "("+p.param+")", p.summary, p.good, p.bad)
	}
	for _, w := range environWords {
		set.Add(keyword.Row{Class: keyword.Global, Name: w.name, Where: keyword.InGlobal, Args: w.args, Summary: w.summary,
			Good: []keyword.Example{{Config: w.good}}, Bad: w.bad})
	}
	for _, p := range prefixes {
		add(keyword.AddressPrefix, p.name, "", p.summary, p.good, p.bad)
	}
}
