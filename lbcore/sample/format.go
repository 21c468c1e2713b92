package sample

import (
	"errors"

	"gohap/lbcore/keyword"
)

// LogFlags are the encoding flags of a log-format item, %{+Q,+X}.
type LogFlags uint16

// The log-format flags. LogMandatory (M) prints "-" for what is missing.
const (
	LogQuote LogFlags = 1 << iota
	LogHex
	LogMandatory
	LogEscape
	LogJSON
	LogCBOR
	LogBin
	LogHTTP // the proxy is in mode http: set by CompileFormat's caller
)

// AliasFunc appends the value of a log alias (%ci, %ST) to dst, raw: the format
// encodes, quotes and replaces what is missing. Appending nothing means that
// there is no value. It may read c.Log (LogHex asks numbers in hexadecimal).
type AliasFunc func(c *Context, dst []byte) []byte

// AliasRow is the Impl of a row of class keyword.LogAlias.
type AliasRow struct {
	Append AliasFunc
	Type   Type   // Str is encoded and quoted; SInt and Bool are printed bare
	Escape Escape // which bytes are written as #XX
	Empty  string // what a missing value prints, "-" if empty
	Needs  Needs
	HTTP   bool // only meaningful in mode http
}

// Escape names a set of bytes that may not appear as they are.
type Escape uint8

// The escape sets.
const (
	EscapeNone    Escape = iota // the value is known to be printable
	EscapeText                  // non-printable bytes and '"' '#': #XX
	EscapeCapture               // as EscapeText and '{' '|' '}'
	EscapeURL                   // in header formats: %XX
)

// Place says what a format is for; it decides how expressions are encoded.
type Place uint8

// The kinds of formats.
const (
	ForLog    Place = iota // log-format, error-log-format, unique-id-format
	ForHeader              // header values and locations: forbidden bytes are %XX
	ForString              // lf-string, lf-file, set-var-fmt: raw
	ForSD                  // log-format-sd
)

// FormatOptions say where a format stands.
type FormatOptions struct {
	Options
	For  Place
	HTTP bool // the proxy is in mode http
}

// Format is a compiled log-format string. It is read-only and shared by all
// loops.
type Format struct {
	items []item
	needs Needs
}

type item struct{}

// CompileFormat compiles a log-format string. Its error has the reference's
// text.
func CompileFormat(set *keyword.Set, text string, o FormatOptions) (*Format, error) {
	return nil, errors.New("not built")
}

// Append appends one rendering to dst. It allocates only to grow dst.
func (f *Format) Append(dst []byte, c *Context) []byte { return dst }

// Needs returns what the format's items look at.
func (f *Format) Needs() Needs { return f.needs }
