// Package check runs the health checks: it decides when a server is checked,
// connects, hands the result to proxy.Server.Checked and says what changed.
//
//	wait ── connect ── Result ── Server.Checked ── log lines
//	  ^        |                      |
//	  |        L4OK L4CON             up, down, unchanged
//	  |        L4TOUT SOCKERR
//	  `── inter, fastinter or downinter, from the end of the check
//
// A checked server has one goroutine for its whole life; it sleeps in Wait and
// blocks in Dial, both of which tests replace. Nothing here runs on an event
// loop: a server's state is shared by its own lock and atomics.
//
// When the next check comes (reference: 3.2, configuration manual 5.2):
//
//	fully up            inter
//	fully down          downinter, else inter
//	between the two     fastinter, else inter
//
// First checks are spread: the n-th of N checked servers waits n/N of the
// smallest inter. How long a connection may take is inter, or the smaller of
// inter and "timeout connect" once "timeout check" is set.
//
// Goroutines started here:
//
//	goroutine (*Checker).Start: one a checked server
//
// Imports: proxy, loop (addresses), clock, keyword, golang.org/x/sys/unix.
package check
