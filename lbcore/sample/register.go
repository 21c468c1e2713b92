package sample

import "gohap/lbcore/keyword"

// Register adds the fetches and converters that need no stream, the variable
// scopes and the log-format flags.
func Register(set *keyword.Set) {
	for _, r := range fetchRows {
		row := &FetchRow{Fetch: r.fetch, Args: r.args, Check: r.check, Out: r.out}
		set.Add(keyword.Row{
			Class: keyword.Fetch, Name: r.name, Args: r.args.String(), Out: r.out.String(), Summary: r.summary,
			Good: r.good, Bad: r.bad, Valid: row.Validity(), Impl: row,
		})
	}
	for _, rows := range [][]convRow{arithRows, textRows, binRows, hashRows, timeRows, cryptoRows, varRows} {
		for _, r := range rows {
			out := r.out.String()
			if r.out == Same { // reference: set-var and unset-var are listed so
				out = Any.String()
			}
			set.Add(keyword.Row{
				Class: keyword.Converter, Name: r.name, Args: r.args.String(), In: r.in.String(), Out: out,
				Summary: r.summary, Good: r.good, Bad: r.bad,
				Impl: &ConvRow{Conv: r.conv, Args: r.args, Check: r.check, In: r.in, Out: r.out},
			})
		}
	}
	registerScopes(set)
	registerFlags(set)
}

type fetchEntry struct {
	name    string
	out     Type
	args    ArgList
	fetch   FetchFunc
	check   CheckFunc
	summary string
	good    []keyword.Example
	bad     []string
}

type convRow struct {
	name    string
	in, out Type
	args    ArgList
	conv    ConvFunc
	check   CheckFunc
	summary string
	good    []keyword.Example
	bad     []string
}

// args builds an argument grammar: the first min are mandatory.
func args(min int, types ...ArgType) ArgList { return ArgList{Min: min, Types: types} }

// ex pairs complete expressions with what they print; "" in place of a result
// is an empty string, missing says that there is none.
func ex(pairs ...string) []keyword.Example {
	list := make([]keyword.Example, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, keyword.Example{Config: pairs[i], Out: pairs[i+1]})
	}
	return list
}

// missing stands for "no value" in an example's Out.
const missing = "(no value)"

func registerScopes(set *keyword.Set) {
	summaries := [scopeCount]string{
		"process-wide variable, shared by all threads and the command socket",
		"variable of a session", "variable of a transaction, both directions", "variable of the request's processing",
		"variable of the response's processing", "variable of a health check",
		"session variable of a parent stream, which no stream has here", "transaction variable of a parent stream, which no stream has here",
		"request variable of a parent stream, which no stream has here", "response variable of a parent stream, which no stream has here",
	}
	for i, n := range scopeNames {
		set.Add(keyword.Row{
			Class: keyword.VarScope, Name: n, Summary: summaries[i], Impl: Scope(i),
			Good: ex("var("+n+".nope)", missing), Bad: []string{"var(" + n + ")", "var(" + n + ".a-b)"},
		})
	}
}

func registerFlags(set *keyword.Set) {
	rows := []struct{ name, summary, good, out string }{
		{"Q", "quote strings; a missing one is \"\"", "%{+Q}[str(a)]", `"a"`},
		{"X", "print addresses, ports and some numbers in hexadecimal", "%{+X}[int(255)]", "255"},
		{"M", "print - for what is missing", "%{+M}[var(txn.nope)]", "-"},
		{"E", `put a backslash before ", \ and ]`, "%{+E}[bin(225c5d)]", `\"\\\]`},
		{"json", "encode values as JSON; with %o print one object of the named items", "%{+json}o%(a)[int(5)]%(b)[str(x)]", `{"a": 5, "b": "x"}`},
		{"utf8", "with json, let valid UTF-8 pass", "%{+json,+utf8}[bin(c3a9)]", "\"\u00e9\""},
		{"bin", "with %o, keep binary values as they are", "%{+bin}o%[bin(41ff)]", ""},
	}
	for _, r := range rows {
		row := keyword.Row{
			Class: keyword.LogFlag, Name: r.name, Summary: r.summary, Impl: flagWords[r.name],
			Good: ex(r.good, r.out), Bad: []string{"%{+" + r.name, "%{+" + r.name + "}"},
		}
		if r.name == "bin" {
			row.Good = ex("%{+bin}o%[bin(41ff)]", "A\xff")
		}
		set.Add(row)
	}
}

var fetchRows = []fetchEntry{
	{"always_true", Bool, args(0), fetchTrue, nil, "always true", ex("always_true", "1"), []string{"always_true(1)"}},
	{"always_false", Bool, args(0), fetchFalse, nil, "always false", ex("always_false", "0"), []string{"always_false(x)"}},
	{"bool", Bool, args(1, ArgStr), fetchBool, checkBool, "a constant boolean", ex("bool(1)", "1", "bool(FALSE)", "0"), []string{"bool(x)", "bool"}},
	{"int", SInt, args(1, ArgInt), fetchInt, nil, "a constant integer", ex("int(-5)", "-5", "int(99999999999999999999)", "9223372036854775807"), []string{"int(1x)", "int", "int(0x10)"}},
	{"str", Str, args(1, ArgStr), fetchStr, nil, "a constant string", ex(`str("a,b)c")`, "a,b)c", `str(a\ b)`, "a b", "str()", ""), []string{"str(a,b)", "str(a"}},
	{"bin", Bin, args(1, ArgStr), fetchBin, checkBin, "constant bytes given in hexadecimal", ex("bin(4142)", "AB", "bin(4100423a)", "A"), []string{"bin(abc)", "bin(xy)", "bin()"}},
	{"ipv4", IPv4, args(1, ArgIPv4), fetchIP, nil, "a constant IPv4 address", ex("ipv4(1.2.3.4)", "1.2.3.4"), []string{"ipv4(10.1)", "ipv4(::1)"}},
	{"ipv6", IPv6, args(1, ArgIPv6), fetchIP, nil, "a constant IPv6 address", ex("ipv6(2001:DB8::0:1)", "2001:db8::1", "ipv6(::ffff:1.2.3.4)", "::ffff:1.2.3.4"), []string{"ipv6(zz)", "ipv6(1.2.3.4)"}},
	{"meth", Meth, args(1, ArgStr), fetchMeth, checkMeth, "a constant HTTP method", ex("meth(GET)", "GET", "meth(FOO)", "FOO"), []string{"meth(a,b)"}},
	{"env", Str, args(1, ArgStr), fetchEnv, checkEnv, "an environment variable as it was when the configuration was read", ex("env(NO_SUCH_VARIABLE_HERE)", missing), []string{"env(a,b)"}},
	{"date", SInt, args(0, ArgInt, ArgStr), fetchDate, checkUnit, "the current date in seconds, ms or us since the epoch, plus an offset", ex("date(0,ms),length", "13"), []string{"date(0,foo)", "date(x)"}},
	{"date_us", SInt, args(0), fetchDateUS, nil, "the microseconds part of the current date", ex("date_us,mul(0)", "0"), []string{"date_us(1)"}},
	{"hostname", Str, args(0), fetchHostname, nil, "the machine's host name", ex("hostname,length,mul(0)", "0"), []string{"hostname(x)"}},
	{"nbproc", SInt, args(0), fetchOne, nil, "the number of processes, always 1", ex("nbproc", "1"), []string{"nbproc(1)"}},
	{"proc", SInt, args(0), fetchOne, nil, "the number of this process, always 1", ex("proc", "1"), []string{"proc(1)"}},
	{"pid", SInt, args(0), fetchPID, nil, "the process id", ex("pid,mul(0)", "0"), []string{"pid(1)"}},
	{"thread", SInt, args(0), fetchThread, nil, "the number of the thread that evaluates it, from 0", ex("thread,mul(0)", "0"), []string{"thread(1)"}},
	{"uptime", SInt, args(0), fetchUptime, nil, "seconds since the process started", ex("uptime,mul(0)", "0"), []string{"uptime(1)"}},
	{"rand", SInt, args(0, ArgInt), fetchRand, nil, "a random integer of 32 bits, or below the argument", ex("rand(1)", "0"), []string{"rand(x)"}},
	{"uuid", Str, args(0, ArgInt), fetchUUID, checkUUID, "a random UUID of version 4 or 7", ex("uuid,length", "36", "uuid(7),length", "36"), []string{"uuid(5)"}},
	{"var", Any, args(1, ArgStr, ArgStr), fetchVar, checkVar, "a variable's value and type, or a default string", ex("var(txn.nope)", missing, "var(txn.nope,dflt)", "dflt"), []string{"var(x)", "var(foo.x)", "var(txn.x-y)", "var(txn.)"}},
}
