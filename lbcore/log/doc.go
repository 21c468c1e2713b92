// Package log owns log targets: where lines go, which lines they take, and how
// a line is framed for them.
//
//	Message --> Logger: level, sampling --> Encoder: header, text, LF, cut to len
//	                                          |
//	              udp, unix datagram  Sender  | a loop's batch (sendmmsg), or Sockets off the loops
//	              stdout, stderr, fd  Writer  | bounded buffer + one goroutine
//	              tcp, unix stream    Stream  | a ring + one goroutine that connects
//	              ring@name           Ring    | newest lines in memory, followed by readers
//
// Parse reads the "log" keyword into a Target; the builder makes Loggers of
// Targets and gives them their outputs. Emit may be called on a loop: it never
// blocks, never enters the kernel and does not allocate; what cannot be taken
// is dropped and counted.
//
// goroutine NewWriter: drains a Writer to a descriptor that may block; ended by
// Close.
// goroutine (*Stream).start: connects to a log server, which may take its time, and sends
// a Stream's lines; ended by Close.
// goroutine (*Stream).serve: reads from that server to see its end; ended with the
// connection.
//
// Imports: keyword, config, sample.
package log
