package stats

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gohap/lbcore/cli"
	"gohap/lbcore/proxy"
)

// fileColumn is a counter in a statistics file, by the name of its column.
type fileColumn struct {
	name    string
	counter proxy.Counter
}

// fileSections are the two tables of a statistics file: of frontends and listeners,
// and of backends and servers.
var fileSections = []struct {
	name    string
	columns []fileColumn
}{
	{"#fe", []fileColumn{
		{"stot", proxy.CumSess}, {"bin", proxy.BytesIn}, {"bout", proxy.BytesOut}, {"dreq", proxy.DeniedReq}, {"dresp", proxy.DeniedResp},
		{"ereq", proxy.FailedReq}, {"hrsp_1xx", proxy.Resp1xx}, {"hrsp_2xx", proxy.Resp2xx}, {"hrsp_3xx", proxy.Resp3xx}, {"hrsp_4xx", proxy.Resp4xx},
		{"hrsp_5xx", proxy.Resp5xx}, {"hrsp_other", proxy.RespOther}, {"req_tot", proxy.CumReq}, {"conn_tot", proxy.CumConns},
		{"intercepted", proxy.Intercepted}, {"dcon", proxy.DeniedConn}, {"dses", proxy.DeniedSess}, {"wrew", proxy.FailedRewrites},
		{"eint", proxy.InternalErrors}, {"h1req", proxy.H1Req},
	}},
	{"#be", []fileColumn{
		{"stot", proxy.CumSess}, {"bin", proxy.BytesIn}, {"bout", proxy.BytesOut}, {"dreq", proxy.DeniedReq}, {"dresp", proxy.DeniedResp},
		{"econ", proxy.FailedConns}, {"eresp", proxy.FailedResp}, {"wretr", proxy.Retries}, {"wredis", proxy.Redispatches}, {"lbtot", proxy.LBTotal},
		{"hrsp_1xx", proxy.Resp1xx}, {"hrsp_2xx", proxy.Resp2xx}, {"hrsp_3xx", proxy.Resp3xx}, {"hrsp_4xx", proxy.Resp4xx}, {"hrsp_5xx", proxy.Resp5xx},
		{"hrsp_other", proxy.RespOther}, {"req_tot", proxy.CumReq}, {"cli_abrt", proxy.CliAborts}, {"srv_abrt", proxy.SrvAborts},
		{"wrew", proxy.FailedRewrites}, {"connect", proxy.Connects}, {"reuse", proxy.Reuses}, {"eint", proxy.InternalErrors},
	}},
}

// named calls f for the counters that have a name for a section, in order.
func named(proxies []*proxy.Proxy, section string, f func(guid string, c *proxy.Counters)) {
	visit := func(guid string, c *proxy.Counters) {
		if guid != "" && c != nil {
			f(guid, c)
		}
	}
	for _, p := range proxies {
		if section == "#fe" {
			if p.IsFrontend {
				visit(p.GUID, p.FE)
			}
			for _, b := range p.Binds {
				visit(b.GUID, b.Counters)
			}
			continue
		}
		for _, s := range p.Set().All {
			visit(s.GUID, s.Counters)
		}
		if p.IsBackend {
			visit(p.GUID, p.BE)
		}
	}
}

// dumpFile prints a statistics file: the counters of what has a guid.
func dumpFile(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	var b strings.Builder
	for _, section := range fileSections {
		b.WriteString(section.name + " guid,")
		for _, c := range section.columns {
			b.WriteString(c.name + ",")
		}
		b.WriteString("\n")
		named(in.Proxies, section.name, func(guid string, counters *proxy.Counters) {
			b.WriteString(guid + ",")
			for _, c := range section.columns {
				fmt.Fprintf(&b, "%d,", counters.Sum(c.counter))
			}
			b.WriteString("\n")
		})
		b.WriteString("\n")
	}
	r.WriteString(strings.TrimSuffix(b.String(), "\n"))
}

// errFile says that a statistics file is none.
var errFile = errors.New("not a statistics file")

// Restore gives counters what a statistics file says, before anything is counted.
// Names that nobody has are passed over, columns that are not there too; an error
// leaves the counters as they were.
func Restore(proxies []*proxy.Proxy, text []byte) error {
	type value struct {
		counters *proxy.Counters
		counter  proxy.Counter
		n        int64
	}
	var all []value
	var columns []*fileColumn
	var known map[string]*proxy.Counters
	for line := range bytes.Lines(text) {
		words := strings.Split(strings.TrimRight(string(line), ",\r\n"), ",")
		switch {
		case words[0] == "":
			continue
		case words[0][0] == '#':
			var err error
			if columns, known, err = fileHeader(proxies, words); err != nil {
				return err
			}
			continue
		case known == nil || len(words)-1 > len(columns):
			return errFile
		}
		counters := known[words[0]]
		for i, w := range words[1:] {
			n, err := strconv.ParseInt(w, 10, 64)
			if err != nil || n < 0 {
				return errFile
			}
			if counters != nil && columns[i] != nil {
				all = append(all, value{counters, columns[i].counter, n})
			}
		}
	}
	for _, v := range all {
		v.counters.Restore(v.counter, v.n)
	}
	return nil
}

// fileHeader reads the line that begins a table: its columns, nil for those that are
// not there, and who may have a line in it.
func fileHeader(proxies []*proxy.Proxy, words []string) ([]*fileColumn, map[string]*proxy.Counters, error) {
	for _, section := range fileSections {
		if words[0] != section.name+" guid" {
			continue
		}
		columns := make([]*fileColumn, len(words)-1)
		for i, w := range words[1:] {
			for j := range section.columns {
				if section.columns[j].name == w {
					columns[i] = &section.columns[j]
				}
			}
		}
		known := map[string]*proxy.Counters{}
		named(proxies, section.name, func(guid string, c *proxy.Counters) { known[guid] = c })
		return columns, known, nil
	}
	return nil, nil, errFile
}
