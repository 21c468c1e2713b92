// Package trace shows an operator what the parts of the data plane do, event by
// event, when he asks for it by the command trace.
//
//	part of the data plane          Set (one an instance)            sink
//	if set.H1.On() { set.H1.Emit ─▶ Source: state, level, lock ────▶ Ring, Writer
//
// A source is off until it is started: a place that has an event then pays for one
// load and one branch, and nothing is made for the line. A source that is on costs a
// lock and a line for each event that is reported; it is for a look at some traffic.
//
// State machine of a source: stopped, waiting for an event of its start list, running.
// With a criterion to lock on it keeps to the object (a session, a stream, …) of the
// event that it began with. Another source may follow that object.
//
// This package knows no other: objects are compared, never looked into.
package trace
