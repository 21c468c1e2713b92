//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/stick"
)

// This file has the declaration of stick tables.

// tableLine is a table while its line is read.
type tableLine struct {
	stick.Config
	keyed     bool // it has a type
	byAddress bool
	inside    bool   // it stands in a peers section
	peers     string // the peers section that shares it
	writeTo   string
	recvOnly  bool
}

// TableFunc reads a parameter of a table from words and returns how many it took,
// itself included.
type TableFunc func(b *Builder, st *config.Statement, to *tableLine, words []string) (int, error)

func tableProxyRow() keyword.Row {
	return proxyRow("stick-table", keyword.InProxies, "type <type> size <size> [parameters]",
		"what is remembered of keys: counters, rates, the server that served them",
		"stick-table type ip size 1m expire 30m store gpc0,conn_rate(10s)", stickTableKeyword,
		"stick-table", "stick-table type ip", "stick-table size 10", "stick-table type foo size 10")
}

// tableParamRows are the parameters of tables.
func tableParamRows() []keyword.Row {
	row := func(name, args, good, summary string, f TableFunc, bad ...string) keyword.Row {
		r := keyword.Row{Class: keyword.TableParam, Name: name, Args: args, Summary: summary,
			Good: []keyword.Example{{Config: good}}, Impl: f}
		for _, w := range bad {
			r.Bad = append(r.Bad, "stick-table type ip size 10 "+w)
		}
		return r
	}
	return []keyword.Row{
		row("type", "<type> [len <n>]", "stick-table type ipv6 size 10", "the kind of the keys", tableType, "type", "type foo"),
		row("len", "<bytes>", "stick-table type string len 64 size 10", "the longest key of type string or the length of a binary one; behind the type",
			func(*Builder, *config.Statement, *tableLine, []string) (int, error) {
				return 0, errors.New("stick-table: unknown argument 'len'.")
			}, "len 5"),
		row("size", "<entries>", "stick-table type ip size 200k", "how many entries there may be", tableSize, "size", "size x"),
		row("expire", "<time>", "stick-table type ip size 10 expire 30m", "how long an entry lives from its last use", tableExpire, "expire", "expire x", "expire 25d"),
		row("nopurge", "", "stick-table type ip size 10 expire 1m nopurge", "a full table takes no new key instead of dropping the oldest entry",
			func(_ *Builder, _ *config.Statement, to *tableLine, _ []string) (int, error) {
				to.NoPurge = true
				return 1, nil
			}),
		row("store", "<data>[,<data>]…", "stick-table type ip size 10 store gpc0,http_req_rate(10s)", "what entries hold", tableStore,
			"store foo", "store conn_rate", "store gpc(101)", "store gpc0(3)", "store gpc0,gpc(2)"),
		row("srvkey", "name|addr", "stick-table type ip size 10 srvkey addr", "how servers are named to other nodes", tableServerKey, "srvkey foo"),
		row("brates-factor", "<n>", "stick-table type ip size 10 brates-factor 8 store bytes_in_rate(1s)", "byte rates count blocks of so many bytes",
			tableFactor, "brates-factor", "brates-factor 0", "brates-factor 2000"),
		row("peers", "<section>", "peers p\n  stick-table type ip size 10 peers p", "the peers section that shares the table", tablePeers, "peers"),
		row("write-to", "<table>", "stick-table type ip size 10 write-to be", "a table that gets servers and tags of what peers tell of this one too", tableWriteTo, "write-to"),
		row("recv-only", "", "stick-table type ip size 10 recv-only store conn_cur", "what is counted at present is learned from peers as well",
			func(_ *Builder, _ *config.Statement, to *tableLine, _ []string) (int, error) {
				to.recvOnly = true
				return 1, nil
			}),
	}
}

// tableWordRows are the types of keys and of data.
func tableWordRows() (rows []keyword.Row) {
	for _, k := range []struct {
		name    string
		key     stick.KeyType
		summary string
	}{
		{"integer", stick.KeyInteger, "numbers of 32 bits"}, {"ip", stick.KeyIPv4, "IPv4 addresses, the former name of ipv4"},
		{"ipv4", stick.KeyIPv4, "IPv4 addresses"}, {"ipv6", stick.KeyIPv6, "IPv6 addresses"},
		{"string", stick.KeyString, "text, cut to a length"}, {"binary", stick.KeyBinary, "bytes of one length"},
	} {
		rows = append(rows, keyword.Row{Class: keyword.TableKey, Name: k.name, Summary: k.summary,
			Good: []keyword.Example{{Config: "stick-table type " + k.name + " size 10"}}, Impl: k.key})
	}
	for d := range stick.DataKinds {
		args, form := "", ""
		switch {
		case d.Array() && d.Form() == stick.Rate:
			args, form = "(<n>,<period>)", "(2,10s)"
		case d.Array():
			args, form = "(<n>)", "(2)"
		case d.Form() == stick.Rate:
			args, form = "(<period>)", "(10s)"
		}
		rows = append(rows, keyword.Row{Class: keyword.TableData, Name: d.String(), Args: args, Summary: tableData[d],
			Good: []keyword.Example{{Config: "stick-table type ip size 10 store " + d.String() + form}}, Impl: d})
	}
	return rows
}

var tableData = [stick.DataKinds]string{
	stick.ServerID: "the number of the server that serves the key", stick.ServerKey: "the name or address of the server that serves the key",
	stick.GPT0: "a tag", stick.GPT: "tags by number", stick.GPC0: "a counter for rules", stick.GPC0Rate: "how fast gpc0 grows",
	stick.GPC1: "another counter for rules", stick.GPC1Rate: "how fast gpc1 grows", stick.GPC: "counters for rules by number", stick.GPCRate: "how fast they grow",
	stick.ConnCnt: "connections", stick.ConnRate: "connections in a period", stick.ConnCur: "connections now",
	stick.SessCnt: "sessions", stick.SessRate: "sessions in a period",
	stick.HTTPReqCnt: "HTTP requests", stick.HTTPReqRate: "HTTP requests in a period",
	stick.HTTPErrCnt: "HTTP requests that the client got wrong", stick.HTTPErrRate: "such requests in a period",
	stick.HTTPFailCnt: "HTTP requests that the server failed", stick.HTTPFailRate: "such requests in a period",
	stick.BytesInCnt: "bytes from clients", stick.BytesInRate: "bytes from clients in a period",
	stick.BytesOutCnt: "bytes to clients", stick.BytesOutRate: "bytes to clients in a period",
	stick.GlitchCnt: "glitches of HTTP/2 and QUIC, which peers may count", stick.GlitchRate: "such glitches in a period",
}

func stickTableKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind == "defaults" {
		b.Alertf(st, "'stick-table' is not supported in 'defaults' section.")
		return
	}
	if s.p.Table != nil {
		b.Alertf(st, "stick-table name '%s' conflicts with table declared in %s '%s' at %s:%d.", s.name, s.noun(), s.name, s.p.Table.File, s.p.Table.Line)
		return
	}
	if t := b.declareTable(st, s.name, st.Words[1:], ""); t != nil {
		s.p.Table = t
	}
}

func tablePeers(_ *Builder, _ *config.Statement, to *tableLine, w []string) (int, error) {
	if len(w) < 2 {
		return 0, errors.New("stick-table: missing argument after 'peers'.")
	}
	to.Peers, to.peers = true, w[1]
	return 2, nil
}

func tableWriteTo(_ *Builder, _ *config.Statement, to *tableLine, w []string) (int, error) {
	if len(w) < 2 {
		return 0, errors.New("stick-table : write-to requires table name.")
	}
	to.writeTo = w[1]
	return 2, nil
}

// errTold is an error that Diag knows of.
var errTold = errors.New("told")

// readTable reads the parameters of a table; what is wrong was told.
func (b *Builder) readTable(st *config.Statement, to *tableLine, words []string) bool {
	for len(words) > 0 {
		row := b.Set.Lookup(keyword.TableParam, words[0])
		if row == nil || to.inside && words[0] == "peers" {
			if _, known := keyword.Known(keyword.TableParam, words[0]); known && row == nil {
				b.Alertf(st, "%s.", keyword.Refusal(fmt.Sprintf("argument '%s' of stick-table", words[0])))
			} else {
				b.Alertf(st, "%s: unknown argument '%s'.", st.Words[0], words[0])
			}
			return false
		}
		n, err := row.Impl.(TableFunc)(b, st, to, words)
		if err != nil {
			if !errors.Is(err, errTold) {
				text := err.Error()
				if rest, ok := strings.CutPrefix(text, "stick-table"); ok {
					text = st.Words[0] + rest
				}
				b.Alertf(st, "%s", text)
			}
			return false
		}
		words = words[n:]
	}
	switch {
	case to.Size == 0:
		b.Alertf(st, "%s: missing size.", st.Words[0])
	case !to.keyed:
		b.Alertf(st, "%s: missing type.", st.Words[0])
	default:
		return true
	}
	return false
}

func tableType(b *Builder, _ *config.Statement, to *tableLine, w []string) (int, error) {
	name := ""
	if len(w) > 1 {
		name = w[1]
	}
	row := b.Set.Lookup(keyword.TableKey, name)
	if row == nil {
		return 0, fmt.Errorf("stick-table: unknown type '%s'.", name)
	}
	to.keyed, to.Key = true, row.Impl.(stick.KeyType)
	if len(w) < 3 || w[2] != "len" || to.Key != stick.KeyString && to.Key != stick.KeyBinary || b.Set.Lookup(keyword.TableParam, "len") == nil {
		return 2, nil
	}
	to.KeyLen = 0
	if len(w) > 3 {
		to.KeyLen, _ = strconv.Atoi(w[3])
	}
	if to.KeyLen <= 0 {
		return 0, errors.New("'len' expects a positive integer argument.")
	}
	return 4, nil
}

func tableSize(_ *Builder, _ *config.Statement, to *tableLine, w []string) (int, error) {
	if len(w) < 2 {
		return 0, errors.New("stick-table: missing argument after 'size'.")
	}
	n, err := config.ParseSize(w[1])
	if err != nil {
		char := w[1][len(w[1])-1:]
		var bad *config.CharError
		if errors.As(err, &bad) && bad.Rest != "" {
			char = bad.Rest[:1]
		}
		return 0, fmt.Errorf("stick-table: unexpected character '%s' in argument of 'size'.", char)
	}
	to.Size = int(n)
	return 2, nil
}

func tableExpire(b *Builder, st *config.Statement, to *tableLine, w []string) (int, error) {
	if len(w) < 2 {
		return 0, errors.New("stick-table: missing argument after 'expire'.")
	}
	t, err := config.ParseTime(w[1], time.Millisecond)
	var bad *config.CharError
	switch {
	case errors.As(err, &bad):
		return 0, fmt.Errorf("stick-table: unexpected character '%c' in argument of 'expire'.", bad.Char)
	case err != nil:
		b.alertTight(st.Pos, "stick-table: timer overflow in argument <%s> to <expire>, maximum value is 2147483647 ms (~24.8 days).", w[1])
		return 0, errTold
	}
	to.Expire = uint32(t.Millis())
	return 2, nil
}

func tableServerKey(_ *Builder, _ *config.Statement, to *tableLine, w []string) (int, error) {
	switch name := append(w, "")[1]; name {
	case "name", "addr":
		to.byAddress = name == "addr"
		return 2, nil
	default:
		return 0, fmt.Errorf("stick-table : unknown server key type '%s'.", name)
	}
}

func tableFactor(_ *Builder, _ *config.Statement, to *tableLine, w []string) (int, error) {
	if len(w) < 2 {
		return 0, errors.New("stick-table: missing argument after 'brates-factor'.")
	}
	if i := strings.IndexFunc(w[1], func(c rune) bool { return c < '0' || c > '9' }); i >= 0 {
		return 0, fmt.Errorf("stick-table: unexpected character '%c' in argument of 'brates-factor'.", w[1][i])
	}
	n, err := strconv.Atoi(w[1])
	if err != nil || n < 1 || n > 1024 {
		return 0, errors.New("stick-table: argument 'brates-factor' must be greater than 0 and lower or equal than 1024.")
	}
	to.BytesFactor = uint32(n)
	return 2, nil
}

func tableStore(b *Builder, st *config.Statement, to *tableLine, w []string) (int, error) {
	if len(w) < 2 {
		return 1, nil
	}
	list := w[1]
	for list != "" {
		name, args, more, given := list, "", "", false
		if i := strings.IndexAny(list, ",("); i >= 0 && list[i] == ',' {
			name, more = list[:i], list[i+1:]
		} else if i >= 0 {
			end := strings.IndexByte(list, ')')
			if name = list[:i]; end < 0 {
				return 0, fmt.Errorf("stick-table: missing closing parenthesis after store option '%s'.", name)
			}
			given = true
			args, more = list[i+1:end], strings.TrimPrefix(list[end+1:], ",")
		}
		list = more
		if err := b.tableDatum(st, to, name, args, given); err != nil {
			return 0, err
		}
	}
	for _, x := range exclusive { // reference: once all of the word's are read
		array, other := false, false
		for _, s := range to.Store {
			array = array || s.Data == x.array
			other = other || s.Data == x.other[0] || s.Data == x.other[1]
		}
		if array && other {
			return 0, fmt.Errorf("stick-table: simultaneous usage of %s.", x.text)
		}
	}
	return 2, nil
}

// exclusive are data that an array takes the place of.
var exclusive = []struct {
	array stick.Data
	other [2]stick.Data
	text  string
}{
	{stick.GPC, [2]stick.Data{stick.GPC0, stick.GPC1}, "'gpc' and 'gpc[0/1]' in a same table is not permitted as 'gpc' overrides 'gpc[0/1]'"},
	{stick.GPCRate, [2]stick.Data{stick.GPC0Rate, stick.GPC1Rate}, "'gpc_rate' and 'gpc[0/1]_rate' in a same table is not permitted as 'gpc_rate' overrides 'gpc[0/1]_rate'"},
	{stick.GPT, [2]stick.Data{stick.GPT0, stick.GPT0}, "'gpt' and 'gpt0' in a same table is not permitted as 'gpt' overrides 'gpt0'"},
}

// tableDatum takes one kind of data with its arguments, if it is given any.
func (b *Builder) tableDatum(st *config.Statement, to *tableLine, name, args string, given bool) error {
	word := name
	if word == "server_name" { // its former name
		word = stick.ServerKey.String()
	}
	row := b.Set.Lookup(keyword.TableData, word)
	if row == nil {
		if _, known := keyword.Known(keyword.TableData, word); known {
			return errors.New(keyword.Refusal(fmt.Sprintf("store option '%s' of stick-table", name)) + ".")
		}
		return fmt.Errorf("stick-table: unknown store option '%s'.", name)
	}
	d := row.Impl.(stick.Data)
	for _, s := range to.Store {
		if s.Data == d { // reference: whatever its arguments
			b.Diag.Rawf(config.Warning, "config : parsing [%s]: %s: store option '%s' already enabled, ignored.", st.Pos, st.Words[0], name)
			return nil
		}
	}
	one := stick.Stored{Data: d, N: 1}
	takes := d.Array() || d.Form() == stick.Rate
	if takes && !given {
		return fmt.Errorf("stick-table: missing argument to store option '%s'.", name)
	}
	if !takes && given {
		return fmt.Errorf("stick-table: unexpected argument to store option '%s'.", name)
	}
	if d.Array() {
		number, period, two := strings.Cut(args, ",")
		if d.Form() == stick.Rate && !two {
			return fmt.Errorf("stick-table: missing argument to store option '%s'.", name)
		}
		if one.N, _ = strconv.Atoi(number); one.N < 1 || one.N > stick.MaxElements {
			return fmt.Errorf("stick-table: array size is out of allowed range (1-%d) for store option '%s'.", stick.MaxElements, name)
		}
		args = period
	}
	if d.Form() == stick.Rate {
		t, err := config.ParseTime(args, time.Millisecond)
		if err != nil || t.Millis() == 0 {
			return fmt.Errorf("stick-table: error when processing store option '%s'.", name)
		}
		one.Period = uint32(t.Millis())
	}
	to.Store = append(to.Store, one)
	return nil
}
