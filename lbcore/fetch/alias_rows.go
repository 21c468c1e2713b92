package fetch

import (
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
)

// aliasRows are the aliases in the manual's order (8.2.6).
var aliasRows = []aliasEntry{
	{"o", "flags for all following items", "", sample.AliasRow{Append: nothing, Type: sample.Str, Own: true}},
	{"T", "date of the accept, GMT", "15/Nov/2023:00:13:20 +0000", dateAlias(false, (*stream.Stream).Start, gmt)},
	{"Tl", "date of the accept, local with its zone", "15/Nov/2023:00:13:20 +0000", dateAlias(false, (*stream.Stream).Start, localZone)},
	{"Ts", "date of the accept in seconds since 1970", "1700007200", hexable(client, 4, func(c *sample.Context) (int64, bool) {
		x := exchange(c)
		if x == nil {
			return 0, false
		}
		return x.W.Loop.WallNano(x.Start()) / 1e9, true
	})},
	{"t", "date of the accept, local with milliseconds", "15/Nov/2023:00:13:20.000", dateAlias(false, (*stream.Stream).Start, localMillis)},
	{"ms", "milliseconds of the date of the accept", "000", sample.AliasRow{Append: millisAlias, Type: sample.SInt, Needs: client}},
	{"tr", "date of the request's first byte, local with milliseconds", "15/Nov/2023:00:13:20.005", dateAlias(true, begin, localMillis)},
	{"trg", "date of the request's first byte, GMT", "15/Nov/2023:00:13:20 +0000", dateAlias(true, begin, gmt)},
	{"trl", "date of the request's first byte, local with its zone", "15/Nov/2023:00:13:20 +0000", dateAlias(true, begin, localZone)},
	{"Ta", "active time of the request, ms", "95", early(number(stats, true, timerActive))},
	{"Tc", "time to connect to the server, ms", "20", number(server, false, timerConnect)},
	{"Td", "time of the response's data, ms", "40", number(sample.NeedsResponseStatistics, false, timerData)},
	{"Th", "time of the client connection's handshakes, ms", "0", number(client, false, timerHandshake)},
	{"Ti", "idle time before the request, ms", "5", number(reqLine, true, timerIdle)},
	{"Tq", "time to the end of the request, ms", "10", number(reqLine, true, timerTq)},
	{"TR", "time to receive the request, ms", "5", number(reqLine, true, timerRequest)},
	{"Tr", "time to the response's head, ms", "20", number(sample.NeedsResponse, true, timerResponse)},
	{"Tt", "time from the accept to the end, ms", "100", early(number(stats, false, timerSession))},
	{"Tu", "time that the user waited, ms", "95", number(stats, false, timerUser)},
	{"Tw", "time in queues, ms", "10", number(server, false, timerQueue)},
	{"B", "bytes sent to the client", "1234", early(number(sample.NeedsResponseStatistics, false, func(x *stream.Stream) int64 { return x.BytesOut }))},
	{"CC", "captured request cookie", "-", text(reqLine, true, field(func(x *stream.Stream) []byte { return x.ReqCookie }))},
	{"CS", "captured response cookie", "SID=1", text(sample.NeedsResponse, true, field(func(x *stream.Stream) []byte { return x.ResCookie }))},
	{"H", "host name", "node1", text(0, false, hostnameAlias)},
	{"HM", "method of the request", "GET", inRequest(line(lineMethod))},
	{"HP", "target of the request without its query", "/a/b.html", inRequest(line(lineNoQuery))},
	{"HPO", "path of the request", "/a/b.html", inRequest(line(linePath))},
	{"HQ", "query of the request with its question mark", "?x=1&y=2", sample.AliasRow{Append: appendQuery, Type: sample.Str, Own: true, Needs: reqLine, HTTP: true, Known: sample.KnownWithRequest}},
	{"HU", "target of the request", "/a/b.html?x=1&y=2", inRequest(line(lineURI))},
	{"HV", "version of the request", "HTTP/1.1", inRequest(line(lineVersion))},
	{"ID", "unique id", "-", known(sample.KnownAtEnd, text(internal, false, func(c *sample.Context, dst []byte) []byte {
		if x := exchange(c); x != nil {
			return append(dst, x.MakeUniqueID()...)
		}
		return dst
	}))},
	{"OG", "where in the stream's life the line is written", "unspec", known(sample.KnownAlways, text(0, false, func(c *sample.Context, dst []byte) []byte {
		if x := exchange(c); x != nil {
			return append(dst, x.LogOrigin.String()...)
		}
		return append(dst, stream.OriginUnspecified.String()...)
	}))},
	{"ST", "status", "200", known(sample.KnownWithResponse, number(sample.NeedsResponse, false, statusAlias))},
	{"U", "bytes received from the client", "56", number(sample.NeedsRequestStatistics, false, func(x *stream.Stream) int64 { return x.BytesIn })},
	{"ac", "connections of the process", "1", gauge(0)},
	{"b", "backend", "be", text(needsBE, false, backendName)},
	{"bc", "streams on the backend", "0", gauge(2)},
	{"bi", "source address of the connection to the server", "-", host(server, serverLocal)},
	{"bp", "source port of the connection to the server", "-", portAlias(server, serverLocal)},
	{"bq", "place in the backend's queue", "0", number(server, false, func(x *stream.Stream) int64 { return int64(x.QueueBE) })},
	{"ci", "address of the client", "127.0.0.1", orUnix(source, 0, host(client, source))},
	{"cp", "port of the client", "33333", orUnix(source, unixPort, portAlias(client, source))},
	{"f", "frontend", "fe", text(needsFE, false, frontendName)},
	{"fc", "connections on the frontend", "1", gauge(1)},
	{"fi", "address that the client connected to", "127.1.0.1", orUnix(destination, unixTo, host(client, destination))},
	{"fp", "port that the client connected to", "8080", orUnix(destination, unixTo|unixPort, portAlias(client, destination))},
	{"ft", "frontend, with a tilde behind it for TLS", "fe", text(needsFE, false, frontendName)},
	{"lc", "number of the frontend's log line", "0", hexable(needsFE, 4, func(c *sample.Context) (int64, bool) {
		ss := session(c)
		if ss == nil {
			return 0, false
		}
		return ss.FE.LogLines.Load(), true
	})},
	{"hr", "captured request headers in braces", "{www.e}", needing(reqLine, captures(reqCaptured))},
	{"hrl", "captured request headers as words", "www.e", needing(reqLine, captureList(reqCaptured))},
	{"hs", "captured response headers in braces", "{}", needing(sample.NeedsResponse, captures(resCaptured))},
	{"hsl", "captured response headers as words", "-", needing(sample.NeedsResponse, captureList(resCaptured))},
	{"pid", "process id", "42", hexable(0, 4, func(c *sample.Context) (int64, bool) {
		if c.Process == nil {
			return 0, false
		}
		return int64(c.Process.PID), true
	})},
	{"r", "request line", "GET /a/b.html?x=1&y=2 HTTP/1.1", inRequest(line(wholeLine))},
	{"rc", "retries, with a plus in front after a redispatch", "+1", sample.AliasRow{Append: retriesAlias, Type: sample.SInt, Needs: server, Known: sample.KnownAtEnd}},
	{"rt", "number of the request in this process", "6", known(sample.KnownWithRequest, hexable(internal, 4, func(c *sample.Context) (int64, bool) {
		x := exchange(c)
		if x == nil {
			return 0, false
		}
		return int64(uint32(x.ID - 1)), true
	}))},
	{"s", "server", "s1", text(needsSrv, false, serverName)},
	{"sc", "connections on the server", "0", gauge(3)},
	{"si", "address of the server", "127.0.0.1", host(server, serverPeer)},
	{"sp", "port of the server", "8000", portAlias(server, serverPeer)},
	{"sq", "place in the server's queue", "0", number(server, false, func(x *stream.Stream) int64 { return int64(x.QueueSrv) })},
	{"sslc", "cipher of the client's TLS connection", "-", text(client, false, cipherAlias)},
	{"sslv", "version of the client's TLS connection", "-", text(client, false, versionAlias)},
	{"ts", "termination state", "--", known(sample.KnownAtEnd, bare(internal, false, field(func(x *stream.Stream) []byte { return x.Term[:2] })))},
	{"tsc", "termination state with the state of the persistence cookie", "----", bare(internal, true, field(func(x *stream.Stream) []byte { return x.Term[:] }))},
}

func needing(n sample.Needs, row sample.AliasRow) sample.AliasRow {
	row.Needs, row.HTTP = n, true
	return row
}
