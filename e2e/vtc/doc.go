// Package vtc runs the scenarios *.vtc of this folder by Debian's varnishtest:
// each first against the reference, which must pass, then against gohap.
//
//	go test ./e2e/vtc                        all of them, as make vtc does
//	e2e/vtc/run [-r|-g] [-v] [NAME...]       some of them; -r the reference alone, -g gohap alone
//	go test -tags soak ./e2e/vtc             also the negative runs
//
// A scenario is our own text. Its first lines say what it is for:
//
//	# item: balance roundrobin over two servers     what is asked, in its words
//	# disables: balance algorithms:roundrobin       a registered word: class:name
//	# disables: timeouts:client|server            several of one class
//	# negative twin: twin/balance_roundrobin.vtc    where no word is registered
//	# reference differs: why                        the reference cannot pass; see docs/differences.md
//
// A scenario covers its item's failure too. With GOHAP_DISABLE=class:name the
// test build of gohap does not know that word, and the scenario must fail: one
// that still passes proves nothing. A negative twin is the same scenario with
// the thing taken away; it says by which message of varnishtest it must fail, on
// the reference and on gohap:
//
//	# twin of: balance_roundrobin.vtc
//	# fails by: EXPECT resp.http.x-server
//
// What varnishtest does, to know when writing:
//
//   - HAPROXY_PROGRAM names the binary, which is started as
//     "PROGRAM -d -f CFG"; -W, -D and -arg add flags; it is stopped by SIGINT.
//   - Every configuration begins with a global section that has two stats
//     sockets: a unix one in ${tmpdir}/hN and fd@${cli}, which "haproxy hN -cli"
//     talks to.
//   - A bind line "fd@${name}" makes varnishtest listen on a free port before the
//     program starts and defines ${hN_name_sock}, _addr and _port; the program
//     finds the descriptor's number in its environment.
//   - "feature ignore_unknown_macro" is needed by those lines.
//   - -conf-OK wants the words "Configuration file is valid", which the
//     reference prints only with -V: haproxy h2 -arg "-V" -conf-OK {...}.
//   - A checked configuration needs a name (h2) that no running one has.
//   - ${bad_backend} is an address that refuses; "process -expect-text" sees
//     standard output alone; a skipped scenario counts as failed.
//   - $DNSD is a name server whose answers a file scripts (e2e/dnsd); each scenario
//     has an address of its own for it, 127.53.N.1.
//
// Tests only: nothing imports this package.
package vtc
