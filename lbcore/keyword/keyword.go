package keyword

import (
	"fmt"
	"slices"
)

// Class names a kind of word. The values are the class names of the embedded
// list (known.json), so that a row and the list can be compared.
type Class string

// The classes that the registry serves.
const (
	Section        Class = "sections"
	Global         Class = "global-keywords"
	GlobalStats    Class = "global-stats-subkeywords"
	Proxy          Class = "proxy-keywords"
	ProxyRejected  Class = "proxy-keywords-rejected (must still give a specific error)"
	Option         Class = "options"
	OptionRejected Class = "options-rejected"
	Timeout        Class = "timeouts"
	Bind           Class = "bind-options"
	Server         Class = "server-options"
	ProxyV2Option  Class = "proxy-v2-options"
	TCPReqConn     Class = "actions: tcp-request connection"
	TCPReqSess     Class = "actions: tcp-request session"
	TCPReqCont     Class = "actions: tcp-request content"
	TCPResCont     Class = "actions: tcp-response content"
	HTTPReq        Class = "actions: http-request"
	HTTPRes        Class = "actions: http-response"
	HTTPAfterRes   Class = "actions: http-after-response"
	Redirect       Class = "redirect options"
	Balance        Class = "balance algorithms"
	BalanceArg     Class = "balance sub-arguments"
	HashMethod     Class = "hash-type methods"
	HashFunction   Class = "hash functions"
	HashModifier   Class = "hash modifiers"
	HashKey        Class = "hash-key values"
	HashAffinity   Class = "hash-preserve-affinity values"
	HTTPReuse      Class = "http-reuse values"
	RetryOn        Class = "retry-on values"
	CookieOption   Class = "cookie options"
	TableParam     Class = "stick-table parameters"
	TableKey       Class = "stick-table key types"
	TableData      Class = "stick-table data types"
	StickRule      Class = "stick rules"
	Mode           Class = "mode values"
	Fetch          Class = "sample-fetches"
	Converter      Class = "converters"
	ACL            Class = "acl-derivatives"
	Matcher        Class = "acl-matchers (-m)"
	ACLFlag        Class = "acl-flags"
	PredefinedACL  Class = "predefined-acls"
	VarScope       Class = "variable-scopes"
	LogAlias       Class = "log-format-aliases"
	LogFlag        Class = "log-format-flags"
	LogFormat      Class = "log-line-formats"
	LogTargetParam Class = "log-target-params"
	Facility       Class = "log-facilities"
	Level          Class = "log-levels"
	Command        Class = "cli-commands"
	SetServer      Class = "set-server subcommands"
	StatColumn     Class = "stats-csv-columns (generic part, in this order)"
	StatModule     Class = "stats-csv-columns (module part, after \"-\")"
	StatModifier   Class = "show-stat/info modifiers"
	InfoField      Class = "show-info-fields"
	Capture        Class = "capture forms"
	Predicate      Class = "condition predicates (.if / -cc)"
	Directive      Class = "preprocessor directives and modifiers"
	PseudoVar      Class = "pseudo variables"
	EnvVar         Class = "exported environment variables"
	Flag           Class = "command-line flags"
	AddressPrefix  Class = "address prefixes"
	Filter         Class = "filters"
	Service        Class = "services"
	StatsWord      Class = "proxy stats subkeywords"
	HealthCheck    Class = "health-check types"
	HTTPErrors     Class = "section http-errors"
	SectionRing    Class = "section ring"
	SectionProfile Class = "section log-profile"
	LogStep        Class = "log-steps / log-profile steps"
	StatusCode     Class = "generated HTTP status codes (errorfile)"
	Signal         Class = "signals"
	Normalizer     Class = "normalize-uri normalizers"
)

// Where is the set of section kinds that take a word.
type Where uint8

// Section kinds. InListen is both a frontend and a backend.
const (
	InGlobal Where = 1 << iota
	InDefaults
	InFrontend
	InListen
	InBackend
	InOther // a section of its own: ring, http-errors, …

	InFrontends = InDefaults | InFrontend | InListen
	InBackends  = InDefaults | InListen | InBackend
	InProxies   = InDefaults | InFrontend | InListen | InBackend
)

// RowFlags qualify a row.
type RowFlags uint16

// Row flags.
const (
	Deprecated   RowFlags = 1 << iota // works, warns, Row.Instead says what to write
	Negatable                         // takes the prefixes "no" and "default"
	Experimental                      // needs expose-experimental-directives
	NeedsHTTP                         // warned about and ignored outside mode http
	NoEffect                          // checked, but without effect here: named by -dD and docs/differences.md
	Ours                              // a word that the reference does not have
	Dynamic                           // server options: "add server" takes it too
)

// Example pairs what a person writes with what comes out. For fetches and
// converters In and Out are an input and its result; for other words Config is
// a complete line.
type Example struct {
	Config string // a line (or an expression) as written in a configuration
	In     string // for fetches and converters: the input
	Out    string // for fetches and converters: the printed result
}

// Row is one word of the language.
type Row struct {
	Class   Class
	Name    string
	Where   Where    // sections that take it; zero for classes without a place
	Args    string   // argument grammar as shown to a person, "<time>", "[all|none]"
	In, Out string   // input and output type of fetches and converters; for ACL words the fetch and the matching method
	Flags   RowFlags //
	Instead string   // for Deprecated: the modern form
	Summary string   // one sentence, lower-case start, no final dot
	Good    []Example
	Bad     []string // lines that must be refused

	// What only the -dK dump shows.
	Valid  Validity // fetches: where they may be used
	Skip   int      // bind and server options, crt-list words: how many arguments follow, -1: it reads on itself
	Prefix bool     // actions: words that begin with the name match too, "sc-inc-gpc0(1)"
	Group  string   // bind options: "ssl" where the dump writes it before the word
	// Tags are shown in brackets: who serves a command ("WORKER", "MASTER",
	// "EXPERT"), the family of a filter ("BWLIM").
	Tags []string

	Impl any // the function; its type belongs to the class's owner
}

// Set is a registry of rows. It is filled before use and read-only afterwards;
// any goroutine may read it.
type Set struct {
	rows    map[Class]map[string]*Row
	order   map[Class][]*Row
	classes []Class
}

// NewSet returns an empty registry.
func NewSet() *Set {
	return &Set{rows: map[Class]map[string]*Row{}, order: map[Class][]*Row{}}
}

// Add registers rows in the order given. A duplicate, an empty name, a missing
// summary or a missing implementation panics: each is a programmer's error
// that the catalog's test meets first.
func (s *Set) Add(rows ...Row) {
	for i := range rows {
		r := rows[i]
		switch {
		case r.Name == "" || r.Class == "":
			panic(fmt.Sprintf("keyword: row without class or name: %+v", r))
		case r.Summary == "":
			panic(fmt.Sprintf("keyword: %s %q has no summary", r.Class, r.Name))
		}
		byName := s.rows[r.Class]
		if byName == nil {
			byName = map[string]*Row{}
			s.rows[r.Class] = byName
			s.classes = append(s.classes, r.Class)
		}
		if byName[r.Name] != nil {
			panic(fmt.Sprintf("keyword: %s %q registered twice", r.Class, r.Name))
		}
		byName[r.Name] = &r
		s.order[r.Class] = append(s.order[r.Class], &r)
	}
}

// Lookup returns the row of a word, nil when gohap does not implement it.
func (s *Set) Lookup(c Class, name string) *Row { return s.rows[c][name] }

// Rows returns the rows of a class in the order of registration. The caller
// must not change the slice.
func (s *Set) Rows(c Class) []*Row { return s.order[c] }

// Names returns the sorted names of a class.
func (s *Set) Names(c Class) []string {
	names := make([]string, 0, len(s.order[c]))
	for _, r := range s.order[c] {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names
}

// Classes returns the classes that have rows, in the order of registration.
func (s *Set) Classes() []Class { return s.classes }

// Remove takes a word out, as GOHAP_DISABLE does in test builds. It reports
// whether the word was there.
func (s *Set) Remove(c Class, name string) bool {
	if s.rows[c][name] == nil {
		return false
	}
	delete(s.rows[c], name)
	s.order[c] = slices.DeleteFunc(s.order[c], func(r *Row) bool { return r.Name == name })
	return true
}
