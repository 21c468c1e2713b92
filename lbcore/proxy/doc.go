// Package proxy owns what a configuration's proxies are at run time: frontends,
// backends, their listeners and servers, the limits and gauges that all loops
// share, the counters that each loop keeps, idle server connections (idle.go,
// takeover.go) and the queue (queue.go).
//
//	Proxy --Binds--> Bind --per loop--> loop.Listener
//	  |--Servers--> Server --per loop--> idle connections
//	  `--Counters, Gauges
//
// A Proxy is built before its instance starts and is read-only afterwards,
// except for what is marked: gauges and limits are atomics, counters belong to
// a loop and are published once a turn, administrative state changes under
// Server's own mutex (docs/locks.txt). Parsing belongs to package build, the
// life of a request to package stream.
//
// Imports: loop, mux, transport, balance, rule, acl, sample, log, message, clock.
package proxy
