package check

import (
	"gohap/lbcore/loop"
	"gohap/lbcore/sample"
)

// Kind is what a plan is about; it decides how outcomes are worded.
type Kind uint8

// The kinds.
const (
	KindConnect  Kind = iota // connect alone
	KindTCP                  // option tcp-check with rules
	KindHTTP                 // option httpchk
	KindProtocol             // one of the built-in dialogues
	KindExternal             // a command decides
)

// Plan is what a check does: rules in order on one or more connections. It is
// read-only once built and shared by the servers of a backend.
type Plan struct {
	Kind     Kind
	Rules    []Rule
	On404    bool // http-check disable-on-404
	External *External
	BufSize  int // most that is looked at of an answer
	VarSize  int // most bytes of a check's variables, zero for no limit
	// Process is what expressions may ask; set before the checks start.
	Process *sample.Process
}

// Rule is one rule. Index counts as messages do; zero is the implicit connect.
type Rule struct {
	Index   int
	Comment string
	Connect *Connect
	Send    *Send
	HTTP    *Request
	Expect  *Expect
	Var     *SetVar
}

// Connect opens a connection.
type Connect struct {
	Implicit  bool
	Addr      *loop.Sockaddr // nil: the server's
	Port      int
	PortExpr  *sample.Expr
	Default   bool // options of the server line hold
	SendProxy bool
	Socks4    bool
	SSL       bool
	SNI       string
	ALPN      []string
	Linger    bool
}

// Send writes bytes.
type Send struct {
	Data   []byte
	Format *sample.Format
	Hex    bool                          // Format yields hexadecimal digits
	Make   func(now int64) (data []byte) // built-in dialogues that depend on the time, seconds
}

// Request writes an HTTP request.
type Request struct {
	Method, Target, Version string
	TargetFormat            *sample.Format
	Headers                 []Header
	State                   bool // x-haproxy-server-state is added
	Body                    []byte
	BodyFormat              *sample.Format
	HasBody                 bool
}

// Header is one field of a request.
type Header struct {
	Name  string // lower-case
	Value *sample.Format
}

// SetVar sets or forgets a variable.
type SetVar struct {
	Var    sample.Var
	Conds  int64
	Expr   *sample.Expr
	Format *sample.Format
	Unset  bool
}

// Match is how an answer is looked at.
type Match uint8

// The matches.
const (
	MatchString Match = iota
	MatchBinary
	MatchRegex
	MatchHexRegex
	MatchFormat
	MatchHexFormat
	MatchStatus
	MatchStatusRegex
	MatchHeader
	MatchFullHeader
	MatchCustom
)

// Expect judges what came.
type Expect struct {
	Match   Match
	Not     bool
	MinRecv int // -1: unset
	Text    []byte
	Regex   *sample.Regex
	Format  *sample.Format
	Ranges  [][2]int
	Name    Pattern
	Value   *Pattern
	Custom  func(data []byte, last bool) Verdict

	OKStatus, ErrorStatus, TimeoutStatus string // "" for the default
	OnSuccess, OnError                   *sample.Format
	StatusCode                           *sample.Expr
	// The texts of the built-in dialogues, which need no expressions.
	SuccessText, ErrorText func(data []byte) string
	CodeOf                 func(data []byte) int
}

// Pattern matches a header's name or value.
type Pattern struct {
	How    string // str, beg, end, sub, reg
	Text   string
	Regex  *sample.Regex
	Format *sample.Format
}

// Verdict is what a custom match says.
type Verdict struct {
	Wait, OK bool
	Status   string
	Code     int
	Desc     string
}
