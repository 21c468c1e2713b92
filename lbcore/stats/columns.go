package stats

import (
	"gohap/lbcore/clock"
	"gohap/lbcore/proxy"
)

// column is one column of "show stat": its name, who has it, its tags (origin,
// nature and scope, management manual 9.2), its type and where the value comes
// from. A kind that does not stand in kinds has an empty cell, and so has a row
// whose value says that there is none.
type column struct {
	name, kinds, tags string
	typ               cellType
	value             func(*object) cell
	desc              string
}

// columns are the reference's generic columns in its order, name by name the
// contract with every tool that reads them; only those behind the separator may
// change.
var columns = []column{
	{"pxname", "FLSB", "KNS", str, pxname, "Proxy name"},
	{"svname", "FLSB", "KNS", str, svname, "Server name"},
	{"qcur", "SB", "MGP", u32, qcur, "Number of current queued connections"},
	{"qmax", "SB", "MMP", u32, qmax, "Highest value of queued connections encountered since process started"},
	{"scur", "FLSB", "MGP", u32, scur, "Number of current sessions on the frontend, backend or server"},
	{"smax", "FLSB", "MMP", u32, smax, "Highest value of current sessions encountered since process started"},
	{"slim", "FLSB", "CLP", u32, slim, "Frontend/listener/server's maxconn, backend's fullconn"},
	{"stot", "FLSB", "MCP", u64, cum(proxy.CumSess), "Total number of sessions since process started"},
	{"bin", "FLSB", "MCP", u64, cum(proxy.BytesIn), "Total number of request bytes since process started"},
	{"bout", "FLSB", "MCP", u64, cum(proxy.BytesOut), "Total number of response bytes since process started"},
	{"dreq", "FLB", "MCP", u64, cum(proxy.DeniedReq), "Total number of denied requests since process started"},
	{"dresp", "FLSB", "MCP", u64, cum(proxy.DeniedResp), "Total number of denied responses since process started"},
	{"ereq", "FL", "MCP", u64, cum(proxy.FailedReq), "Total number of invalid requests since process started"},
	{"econ", "SB", "MCP", u64, cum(proxy.FailedConns), "Total number of failed connections to server since the worker process started"},
	{"eresp", "SB", "MCP", u64, cum(proxy.FailedResp), "Total number of invalid responses since the worker process started"},
	{"wretr", "SB", "MCP", u64, cum(proxy.Retries), "Total number of server connection retries since the worker process started"},
	{"wredis", "SB", "MCP", u64, cum(proxy.Redispatches), "Total number of server redispatches due to connection failures since the worker process started"},
	{"status", "FLSB", "SGP", str, status, "Frontend/listen status: OPEN/WAITING/FULL/STOP; backend: UP/DOWN; server: last check status"},
	{"weight", "SB", "MaP", u32, weight, "Server's effective weight, or sum of active servers' effective weights for a backend"},
	{"act", "SB", "MGP", u32, active, "Total number of active UP servers with a non-zero weight"},
	{"bck", "SB", "MGP", u32, backup, "Total number of backup UP servers with a non-zero weight"},
	{"chkfail", "S", "MCP", u64, checked(checkFails), "Total number of failed individual health checks per server/backend, since the worker process started"},
	{"chkdown", "SB", "MCP", u64, checkDowns, "Total number of failed checks causing UP to DOWN server transitions, per server/backend, since the worker process started"},
	{"lastchg", "SB", "MAP", u32, lastChange, "How long ago the last server state changed, in seconds"},
	{"downtime", "SB", "MCP", u32, downTime, "Total time spent in DOWN state, for server or backend"},
	{"qlimit", "S", "CGS", u32, qlimit, "Limit on the number of connections in queue, for servers only (maxqueue argument)"},
	{"pid", "FLSB", "KGP", u32, one, "Relative worker process number (1)"},
	{"iid", "FLSB", "KGS", u32, iid, "Frontend or Backend numeric identifier ('id' setting)"},
	{"sid", "FLSB", "KGS", u32, sid, "Server numeric identifier ('id' setting)"},
	{"throttle", "S", "MGP", u32, throttle, "Throttling ratio applied to a server's maxconn and weight during the slowstart period (0 to 100%)"},
	{"lbtot", "SB", "MCP", u64, cum(proxy.LBTotal), "Total number of requests routed by load balancing since the worker process started (ignores queue pop and stickiness)"},
	{"tracked", "S", "CNS", str, tracked, "Name of the other server this server tracks for its state"},
	{"type", "FLSB", "CGS", u32, objectType, "Type of the object (Listener, Frontend, Backend, Server)"},
	{"rate", "FSB", "MRP", u32, rate, "Total number of sessions processed by this object over the last second (sessions for listeners/frontends, requests for backends/servers)"},
	{"rate_lim", "F", "CLP", u32, rateLimit, "Limit on the number of sessions accepted in a second (frontend only, 'rate-limit sessions' setting)"},
	{"rate_max", "FSB", "MMP", u32, rateMax, "Highest value of sessions per second observed since the worker process started"},
	{"check_status", "S", "MOP", str, checking(checkStatus), "Status report of the server's latest health check, prefixed with '*' if a check is currently in progress"},
	{"check_code", "S", "MOP", u32, checking(checkCode), "HTTP/SMTP/LDAP status code reported by the latest server health check"},
	{"check_duration", "S", "MDP", u64, checking(checkDuration), "Total duration of the latest server health check, in milliseconds"},
	{"hrsp_1xx", "FSB", "MCP", u64, http(cum(proxy.Resp1xx)), "Total number of HTTP responses with status 100-199 returned by this object since the worker process started"},
	{"hrsp_2xx", "FSB", "MCP", u64, http(cum(proxy.Resp2xx)), "Total number of HTTP responses with status 200-299 returned by this object since the worker process started"},
	{"hrsp_3xx", "FSB", "MCP", u64, http(cum(proxy.Resp3xx)), "Total number of HTTP responses with status 300-399 returned by this object since the worker process started"},
	{"hrsp_4xx", "FSB", "MCP", u64, http(cum(proxy.Resp4xx)), "Total number of HTTP responses with status 400-499 returned by this object since the worker process started"},
	{"hrsp_5xx", "FSB", "MCP", u64, http(cum(proxy.Resp5xx)), "Total number of HTTP responses with status 500-599 returned by this object since the worker process started"},
	{"hrsp_other", "FSB", "MCP", u64, http(cum(proxy.RespOther)), "Total number of HTTP responses with status <100, >599 returned by this object since the worker process started (error -1 included)"},
	{"hanafail", "S", "MCP", u64, hanafail, "Total number of failed checks caused by an 'on-error' directive after an 'observe' condition matched"},
	{"req_rate", "F", "MRP", u32, reqRate, "Number of HTTP requests processed over the last second on this object"},
	{"req_rate_max", "F", "MMP", u32, reqRateMax, "Highest value of http requests observed since the worker process started"},
	{"req_tot", "FSB", "MCP", u64, reqTotal, "Total number of HTTP requests processed by this object since the worker process started"},
	{"cli_abrt", "SB", "MCP", u64, cum(proxy.CliAborts), "Total number of requests or connections aborted by the client since the worker process started"},
	{"srv_abrt", "SB", "MCP", u64, cum(proxy.SrvAborts), "Total number of requests or connections aborted by the server since the worker process started"},
	{"comp_in", "FB", "MCP", u64, zero, "Total number of bytes submitted to the HTTP compressor for this object since the worker process started"},
	{"comp_out", "FB", "MCP", u64, zero, "Total number of bytes emitted by the HTTP compressor for this object since the worker process started"},
	{"comp_byp", "FB", "MCP", u64, zero, "Total number of bytes that bypassed HTTP compression for this object since the worker process started (CPU/memory/bandwidth limitation)"},
	{"comp_rsp", "FB", "MCP", u64, zero, "Total number of HTTP responses that were compressed for this object since the worker process started"},
	{"lastsess", "SB", "MAP", s32, lastSession, "How long ago some traffic was seen on this object on this worker process, in seconds"},
	{"last_chk", "S", "MOP", str, checking(checkInfo), "Short description of the latest health check report for this server (see also check_desc)"},
	{"last_agt", "S", "MOP", str, agented(agentInfo), "Short description of the latest agent check report for this server (see also agent_desc)"},
	{"qtime", "SB", "MaP", u32, average(proxy.QTimeSum), "Time spent in the queue, in milliseconds, averaged over the 1024 last requests (backend/server)"},
	{"ctime", "SB", "MaP", u32, average(proxy.CTimeSum), "Time spent waiting for a connection to complete, in milliseconds, averaged over the 1024 last requests (backend/server)"},
	{"rtime", "SB", "MaP", u32, average(proxy.DTimeSum), "Time spent waiting for a server response, in milliseconds, averaged over the 1024 last requests (backend/server)"},
	{"ttime", "SB", "MaP", u32, average(proxy.TTimeSum), "Total request+response time (request+queue+connect+response+processing), in milliseconds, averaged over the 1024 last requests (backend/server)"},
	{"agent_status", "S", "MOP", str, agented(agentStatus), "Status report of the server's latest agent check, prefixed with '*' if a check is currently in progress"},
	{"agent_code", "S", "MOP", u32, agented(agentCode), "Status code reported by the latest server agent check"},
	{"agent_duration", "S", "MDP", u64, agented(agentDuration), "Total duration of the latest server agent check, in milliseconds"},
	{"check_desc", "S", "MOP", str, checking(checkReason), "Textual description of the latest health check report for this server"},
	{"agent_desc", "S", "MOP", str, agented(agentReason), "Textual description of the latest agent check report for this server"},
	{"check_rise", "S", "CGS", u32, checking(checkRise), "Number of successful health checks before declaring a server UP (server 'rise' setting)"},
	{"check_fall", "S", "CGS", u32, checking(checkFall), "Number of failed health checks before declaring a server DOWN (server 'fall' setting)"},
	{"check_health", "S", "CGS", u32, checking(checkHealth), "Current server health check level (0..fall-1=DOWN, fall..rise-1=UP)"},
	{"agent_rise", "S", "CGS", u32, agented(one), "Number of successful agent checks before declaring a server UP (server 'rise' setting)"},
	{"agent_fall", "S", "CGS", u32, agented(one), "Number of failed agent checks before declaring a server DOWN (server 'fall' setting)"},
	{"agent_health", "S", "CGS", u32, agented(agentHealth), "Current server agent check level (0..fall-1=DOWN, fall..rise-1=UP)"},
	{"addr", "LS", "CGS", str, private(addr), "Server's address:port, shown only if show-legends is set, or at levels oper/admin for the CLI"},
	{"cookie", "BS", "CNS", str, private(cookie), "Backend's cookie name or Server's cookie value, shown only if show-legends is set, or at levels oper/admin for the CLI"},
	{"mode", "FLSB", "CGS", str, mode, "'mode' setting (tcp/http/health/cli/spop)"},
	{"algo", "B", "CGS", str, private(algo), "Backend's load balancing algorithm, shown only if show-legends is set, or at levels oper/admin for the CLI"},
	{"conn_rate", "F", "MRP", u32, connRate, "Number of new connections accepted over the last second on the frontend for this worker process"},
	{"conn_rate_max", "F", "MMP", u32, connRateMax, "Highest value of connections per second observed since the worker process started"},
	{"conn_tot", "FL", "MCP", u64, cum(proxy.CumConns), "Total number of new connections accepted on this frontend since the worker process started"},
	{"intercepted", "F", "MCP", u64, http(cum(proxy.Intercepted)), "Total number of HTTP requests intercepted on the frontend (redirects/stats/services) since the worker process started"},
	{"dcon", "FL", "MCP", u64, cum(proxy.DeniedConn), "Total number of incoming connections blocked on a listener/frontend by a tcp-request connection rule since the worker process started"},
	{"dses", "FL", "MCP", u64, cum(proxy.DeniedSess), "Total number of incoming sessions blocked on a listener/frontend by a tcp-request connection rule since the worker process started"},
	{"wrew", "FLSB", "MCP", u64, cum(proxy.FailedRewrites), "Total number of failed HTTP header rewrites since the worker process started"},
	{"connect", "SB", "MCP", u64, cum(proxy.Connects), "Total number of outgoing connection attempts on this backend/server since the worker process started"},
	{"reuse", "SB", "MCP", u64, cum(proxy.Reuses), "Total number of reused connection on this backend/server since the worker process started"},
	{"cache_lookups", "FB", "MCP", u64, http(zero), "Total number of HTTP requests looked up in the cache on this frontend/backend since the worker process started"},
	{"cache_hits", "FB", "MCP", u64, http(zero), "Total number of HTTP requests not found in the cache on this frontend/backend since the worker process started"},
	{"srv_icur", "S", "MGP", u32, idleNow, "Current number of idle connections available for reuse on this server"},
	{"src_ilim", "S", "CLP", u32, idleLimit, "Limit on the number of available idle connections on this server (server 'pool_max_conn' directive)"},
	{"qtime_max", "SB", "MMP", u32, longest(func(m *proxy.MaxTimes) *clock.Max { return &m.Queue }), "Maximum observed time spent in the queue, in milliseconds (backend/server)"},
	{"ctime_max", "SB", "MMP", u32, longest(func(m *proxy.MaxTimes) *clock.Max { return &m.Connect }), "Maximum observed time spent waiting for a connection to complete, in milliseconds (backend/server)"},
	{"rtime_max", "SB", "MMP", u32, longest(func(m *proxy.MaxTimes) *clock.Max { return &m.Response }), "Maximum observed time spent waiting for a server response, in milliseconds (backend/server)"},
	{"ttime_max", "SB", "MMP", u32, longest(func(m *proxy.MaxTimes) *clock.Max { return &m.Total }), "Maximum observed total request+response time (request+queue+connect+response+processing), in milliseconds (backend/server)"},
	{"eint", "FLSB", "MCP", u64, cum(proxy.InternalErrors), "Total number of internal errors since process started"},
	{"idle_conn_cur", "S", "MGP", u32, unprovenNow, "Current number of unsafe idle connections"},
	{"safe_conn_cur", "S", "MGP", u32, provenNow, "Current number of safe idle connections"},
	{"used_conn_cur", "S", "MGP", u32, usedNow, "Current number of connections in use"},
	{"need_conn_est", "S", "MGP", u32, needNow, "Estimated needed number of connections"},
	{"uweight", "SB", "MaP", u32, userWeight, "Server's user weight, or sum of active servers' user weights for a backend"},
	{"agg_server_status", "B", "MGP", u32, zero, "Backend's aggregated gauge of servers' status"},
	{"agg_server_check_status", "B", "MGP", u32, zero, "[DEPRECATED] Backend's aggregated gauge of servers' status"},
	{"agg_check_status", "B", "MGP", u32, zero, "Backend's aggregated gauge of servers' state check status"},
	{"srid", "S", "MCP", u32, revision, "Server id revision, to prevent server id reuse mixups"},
	{"sess_other", "F", "MCP", u64, sessOther, "Total number of sessions other than HTTP since process started"},
	{"h1sess", "F", "MCP", u64, sessH1, "Total number of HTTP/1 sessions since process started"},
	{"h2sess", "F", "MCP", u64, zero, "Total number of HTTP/2 sessions since process started"},
	{"h3sess", "F", "MCP", u64, zero, "Total number of HTTP/3 sessions since process started"},
	{"req_other", "F", "MCP", u64, reqOther, "Total number of sessions other than HTTP processed by this object since the worker process started"},
	{"h1req", "F", "MCP", u64, cum(proxy.H1Req), "Total number of HTTP/1 sessions processed by this object since the worker process started"},
	{"h2req", "F", "MCP", u64, zero, "Total number of hTTP/2 sessions processed by this object since the worker process started"},
	{"h3req", "F", "MCP", u64, zero, "Total number of HTTP/3 sessions processed by this object since the worker process started"},
	{"proto", "L", "SGP", str, proto, "Protocol"},
}

// moduleColumns stand behind the separator "-": the reference's columns of its
// modules, as far as this program counts them.
var moduleColumns = []column{
	{"ssl_sess", "FLSB", "MCP", u64, cum(proxy.SSLSess), "Total number of ssl sessions established"},
	{"ssl_reused_sess", "FLSB", "MCP", u64, cum(proxy.SSLReused), "Total number of ssl sessions reused"},
	{"ssl_failed_handshake", "FLSB", "MCP", u64, cum(proxy.FailedHandshakes), "Total number of failed handshake"},
	{"ssl_ocsp_staple", "FLSB", "MCP", u64, cum(proxy.Stapled), "Total number of stapled OCSP responses"},
	{"ssl_failed_ocsp_staple", "FLSB", "MCP", u64, cum(proxy.StaplesFailed), "Total number of failed OCSP stapling (expired or error)"},
	{"h1_open_connections", "FB", "MGP", u64, h1Open, "Count of currently open connections"},
	{"h1_total_connections", "FB", "MCP", u64, h1Connections, "Total number of connections"},
	{"h1_total_streams", "FB", "MCP", u64, h1Streams, "Total number of streams"},
	{"h1_bytes_in", "FB", "MCP", u64, http(cum(proxy.BytesIn)), "Total number of bytes received"},
	{"h1_bytes_out", "FB", "MCP", u64, http(cum(proxy.BytesOut)), "Total number of bytes send"},
}

// otherTags are the tags that differ for one kind (reference: as it prints them).
var otherTags = map[string]string{"S.act": "SGP", "S.bck": "SGP", "B.rate_max": "MGP"}
