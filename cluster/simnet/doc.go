// Package simnet is a network in memory for tests of the fleet: hosts with addresses,
// datagrams and streams between them, and faults as one likes. It is meant for
// testing/synctest: nothing blocks but on channels and timers, and what happens by
// chance comes from a seed.
//
//	net.go     hosts, faults
//	packet.go  datagrams: each delayed on its own, lost, dropped where nobody reads
//	stream.go  streams: in order, with a bounded buffer; a cut one stands still
//
// Any goroutine may call anything.
package simnet
