package proxy

import (
	"strings"

	"gohap/lbcore/acl"
	"gohap/lbcore/sample"
	"gohap/stick"
)

// Table is a stick table as the configuration declares it. It is made while the
// configuration is read and does not change; what it holds does (see stick).
type Table struct {
	*stick.Table
	File string // where it is declared
	Line int
	// ByAddress tells that servers are named to peers by address and port instead
	// of by name ("srvkey addr").
	ByAddress bool
	// PeersName is the peers section that shares the table, "" for none; Inside
	// tells that the table is declared in one, whose name begins the table's.
	PeersName string
	Inside    bool
	RecvOnly  bool   // what is counted now is learned from peers too
	WriteTo   *Table // gets what peers tell of this one too, nil for none
}

// WireName returns what peers call the table.
func (t *Table) WireName() string {
	if t.Inside {
		return t.Name[strings.IndexByte(t.Name, '/'):]
	}
	return t.Name
}

// StickRule is a stick rule: what is looked up in a table, or stored there
// together with the server.
type StickRule struct {
	Expr         *sample.Expr
	Table        *Table
	Cond         *acl.Cond // nil: always
	Match, Store bool      // "on" is both
}

// StickKey returns what names the server in a table: its name, or its address and
// port, or its path; "" for one without an address.
func (s *Server) StickKey(t *Table) string {
	if !t.ByAddress {
		return s.Name
	}
	if a := s.Address(); a != nil {
		return a.key
	}
	return ""
}

// StuckServer returns the server of a backend that an entry of a table names, nil
// without one: by its key, else by its number.
func (p *Proxy) StuckServer(t *Table, e stick.Entry) *Server {
	byID := p.ServerID(int(int32(e.Get(stick.ServerID, 0))))
	key := e.Text(stick.ServerKey)
	switch {
	case key == "":
		return byID
	case !t.ByAddress:
		if srv := p.Server(key); srv != nil {
			return srv
		}
		return byID
	case byID != nil && byID.StickKey(t) == key: // as this process stored it
		return byID
	}
	for _, srv := range p.Set().All {
		if srv.StickKey(t) == key {
			return srv
		}
	}
	return byID
}
