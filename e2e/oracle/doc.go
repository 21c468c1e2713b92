// Package oracle runs the reference, HAProxy 3.2, and gohap side by side: the
// same configuration and the same traffic must give the same bytes, log lines
// and command output.
//
//	install.sh   the reference into haproxy/ (ignored), from Debian's archive
//	Haproxy      path of its binary; Gohap path of ours
//	running.go   starts and asks them, for the tests of other packages too
//	golden.go    configurations whose messages must be the reference's, for them too
//	*_test.go    the comparisons; install_test.go the reference alone
//	exchange_*   generated exchanges: one seed in make test, -seeds N or -for D for more;
//	             -seed S -case N -mode M runs a reported one again
//
// It holds tests only and may import anything; nothing imports it but tests.
package oracle
