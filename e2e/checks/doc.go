// Package checks holds health checks against what they check: the reference and
// gohap side by side against scripted servers, and gohap against the real ones.
//
//	dialogue_test.go   every kind of check with a scripted server: what is sent and
//	                   the first line that is logged must be the reference's
//	servers_test.go    MariaDB, PostgreSQL, Redis and an SMTP server, with -tags soak
//
// Real servers run on loopback with a data directory of the test's own, as an
// unprivileged user where the test is root, and are stopped by their pid.
//
// Tests only: nothing imports this package.
package checks
