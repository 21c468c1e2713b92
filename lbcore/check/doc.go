// Package check runs the health checks: it decides when a server is checked,
// connects, follows the rules, hands the result to proxy.Server.Checked and says
// what changed. It asks agents and sends e-mail alerts too.
//
//	wait ── open ── rules of the Plan ── Result ── Server.Checked ── log lines, mail
//	  ^      |        |                    |
//	  |      TCP      connect send expect  up, down, stopping, unchanged;
//	  |      SOCKS4   set-var, HTTP        the servers that track it follow
//	  |      PROXY    request, external
//	  |      TLS      command
//	  `── inter, fastinter or downinter, from the end of the check
//
//	check.go     who is checked and when       plan.go      what a check does, as data
//	open.go      the connection                run.go       rules that send and expect bytes
//	dialogue.go  redis, SMTP, MySQL, …         http.go      HTTP requests and responses
//	agent.go     agents                        external.go  commands
//	report.go    lines, events                 mail.go      e-mail alerts
//	operate.go   what operators may do
//
// A checked server has one goroutine for its whole life, an agent and a mailer
// one each; they sleep in Wait and block in Dial and on connections. Nothing here
// runs on an event loop: a server's state is shared by its own lock and atomics.
// Traffic that is observed (Server.Connected, Responded) only wakes a goroutine.
//
// When the next check comes (reference: 3.2, configuration manual 5.2):
//
//	fully up            inter
//	fully down          downinter, else inter
//	between the two     fastinter, else inter; also after too many observed errors
//
// First checks are spread: the n-th of N checks and agents waits n/N of its inter,
// of the smallest one of a second or more at least. How long a connection may take is inter,
// or the smaller of inter and "timeout connect" once "timeout check" is set,
// which then bounds the dialogue.
//
// Goroutines started here:
//
//	goroutine (*Checker).Start: one a checked server, one an agent
//	goroutine (*Mailroom).start: one a mailer of a proxy
//
// Imports: proxy, transport (PROXY headers), sample, h1, message, buffer, loop (addresses), clock,
// golang.org/x/sys/unix; crypto/tls, os/exec.
package check
