// Package log owns log targets: where lines go, which lines they take, and how
// a line is framed for them.
//
//	line --> Target: level, sampling --> Header (rfc3164, rfc5424, ...) --> Sender
//	                                                   udp, unix   batched by a loop
//	                                                   stdout, fd  ring + one writer goroutine
//	                                                   ring@name   Ring
//
// The package never enters the kernel from a loop: datagrams go to a Sender
// that the loop flushes, files and pipes to a Writer whose goroutine
// (gohap/lbcore/log.(*Writer).run) drains a bounded buffer.
//
// Imports: keyword, clock.
package log
