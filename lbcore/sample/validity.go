package sample

import "gohap/lbcore/keyword"

// Validity is a set of places where a sample may be evaluated.
type Validity = keyword.Validity

// The places, one bit for each column of the keyword dump, in its order.
const (
	FrontendConnection Validity = 1 << iota
	FrontendSession
	FrontendContent
	FrontendRequestHeader
	FrontendRequestBody
	FrontendUseBackend
	BackendContent
	BackendRequestHeader
	BackendRequestBody
	BackendUseServer
	ServerSource
	BackendResponseContent
	BackendResponseHeader
	BackendResponseBody
	BackendStickStore
	FrontendResponseContent
	FrontendResponseHeader
	FrontendResponseBody
	Logs
	BackendCheck
	ConfigParser
	CLIParser
	Everywhere Validity = 1<<keyword.Places - 1
)

// Needs says what a fetch looks at; where it may be used follows from it.
type Needs uint32

// What a fetch may need.
const (
	NeedsNothing       Needs = 0 // a constant: valid everywhere
	NeedsInternalState Needs = 1 << (iota - 1)
	NeedsListener
	NeedsFrontend
	NeedsClientAddress
	NeedsClientConnection
	NeedsTrackedCounters
	NeedsRequestBuffer
	NeedsRequestHeaders // volatile: gone once the request left
	NeedsRequest        // persistent: method, captures
	NeedsRequestBody
	NeedsBackend
	NeedsServer
	NeedsServerAddress
	NeedsServerConnection
	NeedsResponseBuffer
	NeedsResponseHeaders
	NeedsResponse
	NeedsResponseBody
	NeedsRequestStatistics
	NeedsResponseStatistics
	NeedsTransactionStatistics
	NeedsSessionStatistics
	NeedsConfigParser
	NeedsCLIParser
	needsCount = 24
)

func places(from, to int) Validity {
	var v Validity
	for i := from; i <= to; i++ {
		v |= 1 << i
	}
	return v
}

// needsTable gives for each need its name in messages and where it is there;
// the sets are those of the reference's keyword dump.
var needsTable = [needsCount]struct {
	name  string
	valid Validity
}{
	{"internal state", places(0, 19) | CLIParser},
	{"listener", places(0, 18)},
	{"frontend", places(0, 18)},
	{"client address", places(0, 19)},
	{"client-side connection", places(1, 18)},
	{"track counters", places(0, 19) | CLIParser},
	{"request buffer", places(2, 10)},
	{"HTTP request headers", places(2, 10)},
	{"HTTP request", places(2, 18)},
	{"HTTP request body", places(2, 10)},
	{"backend", places(6, 19)},
	{"server", places(10, 19)},
	{"server address", places(11, 19)},
	{"server-side connection", places(11, 19)},
	{"response buffer", places(11, 17) | BackendCheck},
	{"HTTP response headers", places(11, 17) | BackendCheck},
	{"HTTP response", places(11, 19)},
	{"HTTP response body", places(11, 17) | BackendCheck},
	{"request buffer statistics", places(2, 18)},
	{"response buffer statistics", places(9, 18)},
	{"transaction statistics", places(2, 18)},
	{"session statistics", places(18, 18)},
	{"configuration parser", ConfigParser},
	{"CLI parser", CLIParser},
}

// Validity returns the places where at least one of the needs is met.
func (n Needs) Validity() Validity {
	if n == 0 {
		return Everywhere
	}
	var v Validity
	for i := range needsTable {
		if n&(1<<i) != 0 {
			v |= needsTable[i].valid
		}
	}
	return v
}

// String lists the needs as messages do, joined by commas.
func (n Needs) String() string {
	var b []byte
	for i := range needsTable {
		if n&(1<<i) != 0 {
			if b != nil {
				b = append(b, ',')
			}
			b = append(b, needsTable[i].name...)
		}
	}
	return string(b)
}
