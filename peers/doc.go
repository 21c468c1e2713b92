// Package peers speaks the peers protocol, version 2.1, by which nodes tell each
// other what their stick tables hold. It is codec and state machine without I/O:
// a caller owns sockets, timers and reconnecting.
//
//	config.go   a section: its peers and tables
//	section.go  what its sessions share: who teaches whom, when
//	session.go  one connection: input, output, time
//
// A Section lives as long as its configuration; a Session as long as its
// connection. Sections lock themselves: any goroutine may call a section and its
// sessions, and calls to sessions of one section exclude each other. Callbacks of
// Config are called with the lock held and may call back nothing of this package.
//
// Times are milliseconds of the monotonic clock as uint32, as in package stick.
package peers
