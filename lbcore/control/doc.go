// Package control is the part of the command socket that changes servers (weight,
// state, health, agent, address, maxconn, sessions), pattern
// lists and what TLS is spoken with.
//
//	server.go     set server and its words, get and set weight, enable, disable
//	dynamic.go    add and del server, wait
//	state.go      show servers state
//	statefile.go  what it wrote, read back at the start
//	certificate.go  show, dump, new, set, commit, abort, del ssl cert
//	authority.go  the same for ca-file and crl-file
//	crtlist.go    show, add, del ssl crt-list
//	ticket.go     show tls-keys, set ssl tls-key
//	response.go   show and set ssl ocsp-response, show ssl sni
//	pattern.go    show, get, add, set, del, clear, prepare, commit: acl and map
//
// Commands run on the goroutine of their connection. They change a server by its
// own methods and those of the checker, which tell what the change means; nothing
// here knows a loop but by what Control offers.
//
// Imports: acl, certs, cli, keyword, config (severities), proxy, check, loop (addresses).
package control
