package proxy

import "gohap/stick"

// Table is a stick table as the configuration declares it. It is made while the
// configuration is read and does not change; what it holds does (see stick).
type Table struct {
	*stick.Table
	File string // where it is declared
	Line int
	// ByAddress tells that servers are named to peers by address and port instead
	// of by name ("srvkey addr").
	ByAddress bool
}
