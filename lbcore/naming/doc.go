// Package naming gives servers the addresses that name servers know them by, while the
// instance runs.
//
//	resolvers.Section ── Event ──► group     the servers of one backend and one name
//	                               service   the servers that are the records of a service;
//	                                         those without an address join a group
//	                    │
//	                    ▼
//	Server.Move, SetWeight, SetAdmin(ResolutionMaint) by check.Checker, which tells of it
//
// Events come on goroutines of package resolvers, commands on theirs: Names.mu is held
// while servers are changed. Loops see a server's new address with their next
// connection. No goroutine is started here.
//
// Imports: proxy, check, loop, resolvers.
package naming
