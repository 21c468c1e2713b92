// Command bench measures gohap beside the reference on one machine, in one
// interleaved run: both proxies get the same configuration text, take turns at the
// same load, and what counts is the CPU time of the proxy for one request.
//
//	CPU 0   the proxies; the one whose turn it is not is idle
//	CPU 1   load (wrk, or c/load.c at a fixed rate) and servers (c/backend.c)
//
//	go run ./e2e/bench [-profile NAME,...] [-rounds 5] [-duration 3s] [-json]
//	                   [-write docs/performance.md] [-ours PATH] [-reference PATH]
//
// A ratio is reference / gohap, the median of those of the rounds: above 1.00 gohap is
// cheaper. Many short rounds tell more than few long ones where a machine has other
// work too. Against itself (-ours as the reference) it must be near 1.00; how far
// off it is, is the noise of the machine.
//
//	profiles.go   what is measured and its configuration   requests.go   wrk, CPU a request
//	proxy.go      a proxy under test: start, CPU, memory   latency.go    percentiles at a fixed rate
//	backend.go    the servers and C programs               idle.go       bytes an idle connection
//	scaling.go    one loop, two loops, two processes       certs.go      certificates
//	table.go      tables, JSON, docs/performance.md        syscalls.go   system calls a request
//	peers.go      a large stick table: by a peer, and while it expires
//	fleet.go      a node in a fleet at rest, beside one alone
//
// BENCH_PROTOTYPE='PROGRAM ARGUMENTS with {port}' adds a third column: any program
// that listens on that port and passes on to the servers' ports (-backends).
//
// gohap's own counters come from "show activity" on its stats socket, lines
// "data_syscalls: N" and "mallocs: N"; forced collections from the command that
// -collect names. Where gohap does not answer them the table has "-".
//
// It imports the standard library, e2e/oracle, of peers how numbers are written, and
// cluster/admin for asking a fleet.
package main
