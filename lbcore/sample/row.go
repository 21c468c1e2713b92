package sample

import (
	"net/netip"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// FetchFunc produces a value: it fills s and returns true, or returns false
// with s.Flags telling whether more data may change that. A fetch of several
// values continues from s.Iter and sets NotLast while there may be more, if
// s.Iter.All asks for it.
type FetchFunc func(c *Context, args []Arg, s *Sample) bool

// ConvFunc transforms s, which has the row's input type, in place. It must not
// write into s.Data, which may be the message itself: results go to the arena.
type ConvFunc func(c *Context, args []Arg, s *Sample) bool

// CheckFunc looks at the arguments of one use while the configuration is read
// and may replace them (compile a pattern, resolve a name). Its error is
// printed behind "invalid args in fetch method 'x' : ".
type CheckFunc func(args []Arg, o *Options) error

// FetchRow is the Impl of a row of class keyword.Fetch.
type FetchRow struct {
	Fetch FetchFunc
	Args  ArgList
	Check CheckFunc // nil: nothing beyond Args
	Out   Type
	Needs Needs
	Valid Validity // overrides what follows from Needs when not zero
}

// ConvRow is the Impl of a row of class keyword.Converter.
type ConvRow struct {
	Conv  ConvFunc
	Args  ArgList
	Check CheckFunc
	In    Type
	Out   Type
}

// ArgType is the type of one argument.
type ArgType uint8

// The argument types. A reference (frontend and below) is parsed as a name and
// handed to Options.Refs; the builder resolves it and sets Arg.Ref.
const (
	ArgNone ArgType = iota
	ArgInt
	ArgStr
	ArgIPv4
	ArgMask4
	ArgIPv6
	ArgMask6
	ArgTime
	ArgSize
	ArgRegex
	ArgVar
	ArgFrontend
	ArgBackend
	ArgTable
	ArgServer
	ArgUserlist
	ArgProtoField
)

// Arg is one argument of a fetch or converter after parsing.
type Arg struct {
	Type ArgType
	Int  int64  // ArgInt; ArgTime in milliseconds; ArgSize in bytes
	Str  string // the text; also the name of a reference
	Data []byte // the text as bytes, for converters that append it
	Ref  any    // what a reference, a regex, a variable or a check made of it
}

// ArgList says what arguments a word takes: the first Min are mandatory.
type ArgList struct {
	Min   int
	Types []ArgType
}

// Ref is one argument that names something outside the expression. The builder
// resolves it once every proxy is known.
type Ref struct {
	Arg   *Arg
	Index int    // argument number, from 1
	Word  string // the fetch or converter keyword
	Of    string // the fetch of the expression
	Conv  bool
	Proxy string // the proxy that holds the rule
	File  string
	Line  int
}

// Options say where an expression stands.
type Options struct {
	Place Validity // where it is evaluated; zero: anywhere
	Rule  string   // the rule keyword, for messages that name it
	Proxy string   // for messages and references to "this" proxy
	File  string
	Line  int
	Refs  func(Ref) // collects references; nil makes one an error
	Env   func(string) (string, bool)
	// Files are where files are read from; nil is the disk.
	Files config.Files
	Words *keyword.Set // the scopes of variables that there are; nil: all
	// ProcVars declares the variables of scope proc that are mentioned; may
	// be nil.
	ProcVars *ProcVars
	// Hooks lets the owner of a word that the floor below cannot build
	// (acl(), maps) hand its compiler to a CheckFunc.
	Hooks map[string]any
	// Lists are the pattern lists of the configuration (*acl.Refs), which maps are
	// among; nil: a map has a list of its own.
	Lists any
	// Resolve looks up a host name in an address pattern; nil means that
	// names are refused.
	Resolve func(host string) (netip.Addr, error)
	// Warn collects warnings; may be nil.
	Warn func(string)
}

func (o *Options) disk() config.Files {
	if o == nil || o.Files == nil {
		return config.Disk
	}
	return o.Files
}

// fetchRow returns the implementation of a fetch, nil when unknown.
func fetchRow(set *keyword.Set, name string) *FetchRow {
	if r := set.Lookup(keyword.Fetch, name); r != nil {
		return r.Impl.(*FetchRow)
	}
	return nil
}
