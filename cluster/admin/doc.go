// Package admin is how a person's tool talks to a node: HTTP with JSON over a unix
// socket in the node's data directory, which only its owner can open. It depends on no
// configuration, so none can lock the operator out.
//
//	server.go  what a node answers
//	client.go  the tool's side
//	wire.go    what both say
//	table.go   how it is shown
//
//	GET  /status                    cluster.Status
//	GET  /history                   History
//	GET  /bundle?generation=N       Bundle, contents and all (keys among them)
//	POST /apply                     Apply; lines of Progress, the last with a result
//	POST /transfer {"node": NAME}   the lead
//	POST /remove   {"node": NAME}   a node that is gone
//	POST /run      Command          text, what the nodes answer
//	GET  /ready                     Ready
//	POST /drain    Drain            lines of Drained; with stop the node ends behind it
//	POST /undrain
//	POST /secrets                   the names of those that its file has now
//	GET  /node                      what this node is and does
//
// An error is {"error": TEXT} with a status of 400 (what was asked for is wrong), 409
// (it is refused) or 503 (it cannot be done now).
package admin
