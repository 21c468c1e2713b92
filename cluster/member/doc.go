// Package member knows which nodes the fleet has and what each says of itself. It is
// memberlist over the fleet's own port: datagrams beside it, streams through it.
//
//	member.go     the list: joining, members, leaving
//	meta.go       what a node says of itself, in 512 bytes
//	delegate.go   what memberlist asks and tells
//	transport.go  datagrams and streams for memberlist
//
// A member's name for memberlist is its node id; people's name for it is part of what
// it says of itself. A node of another fleet is not admitted. Everything is eventual:
// a node that dies is seen after some seconds, one that was away is found again.
//
// Members that are gone stay listed until Forget, as left or failed, for whoever asks
// what is wrong; their addresses are what a rejoin tries.
//
// Any goroutine may call any method. The callbacks of Config are called by memberlist
// with its locks held: they may not block and not call the list.
package member
