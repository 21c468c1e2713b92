// Package fetch owns the words that look at a stream: the sample fetches of
// layers 4 to 7 and the log aliases.
//
//	file        words                                          looks at
//	header.go   hdr, fhdr, hdr_cnt, hdr_ip, hdr_val, hdrs …    message.Head
//	cookie.go   cook, cook_cnt, cook_val, cook_names …         message.Head
//	uri.go      path, pathq, url, query, base, urlp …          message.URI
//	body.go     req.body, req.body_param …                     held request body
//	auth.go     http_auth, http_auth_user, http_auth_bearer …  Authorization
//	payload.go  req.len, req.payload, res.payload_lv …         bytes in mode tcp
//	hello.go    req.ssl_sni, req.ssl_alpn, req.rdp_cookie …    bytes in mode tcp
//	conn.go     src, dst, fc_*, bc_*, so_*                     Session, Endpoint
//	proxy.go    be_*, fe_*, srv_*, nbsrv, queue …              proxy.Proxy, Server
//	txn.go      status, timers, captures, retries …            Stream
//	counters.go  sc_*, sc0_*, sc1_*, sc2_*, src_*                what track-sc rules track
//	alias.go    %ci %ft %TR …                                  Stream
//	format.go   the standard formats
//
// A fetch of several values (headers, cookies, parameters) yields the last one,
// or the first where the manual says so, unless Sample.Iter.All asks for each in
// turn, as conditions do. What it returns points into the message or into the
// stream's arena.
//
// Every row carries examples that a test evaluates on a fabricated stream and
// on the reference: Config is the expression, In the request ("" is exampleHead)
// or the response, Out what %[...] prints.
//
// Imports: stream and everything below it.
package fetch
