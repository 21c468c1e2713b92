// Package cli is the engine of the command sockets: it knows how a command is
// written, who may give it and how its answer leaves, and nothing of what any
// command does.
//
//	listener ── connection ── line ── commands ── row's Run ── writer ── peer
//	            one goroutine  words    keyword.Command           blocks the
//	            level, mode    payload                            goroutine
//
// A command is a row of class keyword.Command whose Impl is a Command; the
// packages that own the state register them, and reach that state through
// Request.Host by the interface which they declare. Each connection is served
// by one goroutine of the Server, never by an event loop; output passes through
// one fixed buffer, so that a slow reader holds up its own goroutine and
// nothing else.
//
// How a line is read (reference: 3.2, management manual 9.3):
//
//	;           ends a command, each answer ends with an empty line
//	\           takes the next character as it is
//	<<  <<TAG   as last word: the following lines, up to an empty one or up to
//	            TAG, are the command's payload
//	no mode     one line is executed and the connection closes; "prompt" and
//	            "prompt i" keep it open
//
// Goroutines started here:
//
//	goroutine (*Server).Serve: one a connection
//	goroutine (*conn).relay: the answers of a process that a connection stays with
//
// Imports: keyword, clock and the standard library.
package cli
