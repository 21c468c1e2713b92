package stats

import (
	"strconv"
	"sync/atomic"

	"gohap/lbcore/keyword"
	"gohap/resolvers"
)

// This file is the statistics of name servers: "show stat domain resolvers" and the
// exporter's scope resolver.

// The classes of what "domain" takes, and of the columns of name servers.
const (
	statDomain       keyword.Class = "show-stat domains"
	nameserverColumn keyword.Class = "stats-csv-columns (domain resolvers)"
)

// nsColumn is a column of a name server's line.
type nsColumn struct {
	name, tags string
	typ        cellType
	value      func(*resolvers.Section, *resolvers.Nameserver) cell
	desc       string
}

// nsColumns are the reference's, in its order. Its tags call counters gauges.
var nsColumns = []nsColumn{
	{"id", "CGP", str, func(_ *resolvers.Section, n *resolvers.Nameserver) cell { return word(n.Name) }, "ID"},
	{"pid", "CGP", str, func(s *resolvers.Section, _ *resolvers.Nameserver) cell { return word(s.Name) }, "Parent ID"},
	nsCounter("sent", "Sent", func(c *resolvers.Counters) *atomic.Uint64 { return &c.Sent }),
	nsCounter("send_error", "Send error", func(c *resolvers.Counters) *atomic.Uint64 { return &c.SendErrors }),
	nsCounter("valid", "Valid", func(c *resolvers.Counters) *atomic.Uint64 { return &c.Valid }),
	nsCounter("update", "Update", func(c *resolvers.Counters) *atomic.Uint64 { return &c.Update }),
	nsCounter("cname", "CNAME", func(c *resolvers.Counters) *atomic.Uint64 { return &c.CNAME }),
	nsCounter("cname_error", "CNAME error", func(c *resolvers.Counters) *atomic.Uint64 { return &c.CNAMEErrors }),
	nsCounter("any_err", "Any errors", func(c *resolvers.Counters) *atomic.Uint64 { return &c.Empty }),
	nsCounter("nx", "NX", func(c *resolvers.Counters) *atomic.Uint64 { return &c.NX }),
	nsCounter("timeout", "Timeout", func(c *resolvers.Counters) *atomic.Uint64 { return &c.Timeout }),
	nsCounter("refused", "Refused", func(c *resolvers.Counters) *atomic.Uint64 { return &c.Refused }),
	nsCounter("other", "Other", func(c *resolvers.Counters) *atomic.Uint64 { return &c.Other }),
	nsCounter("invalid", "Invalid", func(c *resolvers.Counters) *atomic.Uint64 { return &c.Invalid }),
	nsCounter("too_big", "Too big", func(c *resolvers.Counters) *atomic.Uint64 { return &c.TooBig }),
	nsCounter("truncated", "Truncated", func(c *resolvers.Counters) *atomic.Uint64 { return &c.Truncated }),
	nsCounter("outdated", "Outdated", func(c *resolvers.Counters) *atomic.Uint64 { return &c.Outdated }),
}

// nsNames is how many columns are not counters: the exporter has them as labels.
const nsNames = 2

func nsCounter(name, desc string, of func(*resolvers.Counters) *atomic.Uint64) nsColumn {
	return nsColumn{name, "MGP", u64, func(_ *resolvers.Section, n *resolvers.Nameserver) cell {
		return number(int64(of(&n.Counters).Load()))
	}, desc}
}

// nsRows are the rows of the domains and of the columns.
func nsRows() []keyword.Row {
	rows := []keyword.Row{
		{Class: statDomain, Name: "proxy", Summary: "frontends, backends, servers and listeners"},
		{Class: statDomain, Name: "resolvers", Summary: "name servers"},
	}
	for i := range nsColumns {
		c := &nsColumns[i]
		rows = append(rows, keyword.Row{Class: nameserverColumn, Name: c.name, Out: c.typ.String(), Summary: lower(c.desc), Impl: c})
	}
	return rows
}

// nsColumn returns the column of a number, nil where it was taken out of the registry.
func (in *Instance) nsColumn(i int) *nsColumn {
	if c := &nsColumns[i]; in.has(nameserverColumn, c.name) {
		return c
	}
	return nil
}

// WriteNameservers writes the lines of all name servers. Reference: what a query
// selects of proxies narrows nothing here. It may block on w; any goroutine that is no
// loop may call it.
func (in *Instance) WriteNameservers(w writer, q Query) {
	switch q.Form {
	case "csv":
		w.WriteString("# ")
		for i := range nsColumns {
			if c := in.nsColumn(i); c != nil {
				w.WriteString(c.name + ",")
			}
		}
		w.WriteString("\n")
	case "json":
		w.WriteString("[")
		defer w.WriteString("]\n")
	}
	rows := 0
	for _, s := range in.Resolvers {
		for _, n := range s.Servers {
			if q.Form == "json" && rows > 0 {
				w.WriteString(",") // the reference forgets it
			}
			rows++
			in.nameserver(w, q, s, n)
		}
	}
}

// nameserver writes the line of one.
func (in *Instance) nameserver(w writer, q Query, s *resolvers.Section, n *resolvers.Nameserver) {
	before := ""
	if q.Form == "json" {
		before = "["
	}
	for i := range nsColumns {
		c := in.nsColumn(i)
		if c == nil {
			continue
		}
		v := c.value(s, n)
		switch q.Form {
		case "typed":
			w.WriteString("N." + strconv.Itoa(i) + "." + c.name + ":" + c.tags + ":" + c.typ.String() + ":" + v.text(c.typ, false))
			if q.Desc {
				w.WriteString(`:"` + c.desc + `"`)
			}
			w.WriteString("\n")
		case "json":
			w.WriteString(before + "{")
			before = ","
			jsonField(w, i, c.name, "", c.tags, c.typ, v.text(c.typ, false))
		default:
			w.WriteString(v.text(c.typ, true) + ",")
		}
	}
	switch q.Form {
	case "csv":
		w.WriteString("\n")
	case "json":
		w.WriteString("]")
	}
}

// clearNameservers makes their counters zero.
func (in *Instance) clearNameservers() {
	for _, s := range in.Resolvers {
		for _, n := range s.Servers {
			n.Counters.Reset()
		}
	}
}

// nameservers appends a counter of all name servers: they are few.
func (e *export) nameservers(u *unit, c *nsColumn) {
	name := "haproxy_" + partNames[partResolver] + "_" + c.name
	if !e.sel.wants(name) || !e.has(nameserverColumn, c.name) {
		return
	}
	for _, s := range e.Resolvers {
		for _, n := range s.Servers {
			if e.told != name {
				e.told = name
				announce(u, name, c.desc, false)
			}
			u.str(name)
			l := labels{u: u}
			l.add("resolver", s.Name)
			l.add("nameserver", n.Name)
			l.end()
			u.str(" ")
			u.int(c.value(s, n).n)
			u.str("\n")
		}
	}
}
