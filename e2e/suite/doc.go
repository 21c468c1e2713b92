// Command suite runs what decides: steps in order, every failure with its
// output, one line a package, a table of parts, results and times, and "N passed,
// N failed" at the end.
//
//	go run ./e2e/suite [STEP...]          what make test runs, under 20 minutes
//
//	lint      gofmt, go vet, staticcheck, the house rules
//	build     bin/gohap-node and bin/gohap
//	unit      go test of everything else, each fuzz target on what it has kept
//	fault     panics and aborts in a test build
//	netns     fleets in network namespaces with keepalived, each short fault under traffic
//	vtc       scenarios on the reference, then on gohap
//	oracle    gohap and the reference side by side
//
//	go run ./e2e/suite soak [PART...]     what make soak runs, some 90 minutes
//
//	build     bin/gohap-node, and the test build that the parts below use
//	disabled  every word of every scenario taken away: it must fail; the twins
//	race      unit tests under the race detector, assertions on, twice
//	fault     10,000 mixed requests with panics, aborts, resets, no descriptors;
//	          10,000 handshakes with stalls and aborts, bad servers
//	faultrace the same under the race detector
//	reload    six reloads under 2,000 new connections a second, 5,000 open ones
//	tables    memory of 10 million entries; peers: 100,000 entries taught each way, a
//	          million updates
//	netns     the fleets in namespaces twice: partitions of 90 s, pauses of 30 s, deaths
//	          and applied configurations 20 times, with percentiles
//	repeat    scenarios with gohap and tests of the process, three times
//	fleets    2,000 simulated fleets of fresh seeds, 5,000 schedules of tables that
//	          several nodes count, a hundred members
//	checks    MariaDB, PostgreSQL, Redis and OpenSMTPD, started and checked
//	balance   10,000 keys of every algorithm that hashes, on the reference's servers
//	oracle    exchanges of fresh seeds for -oracletime (12m); they are printed, and
//	          -seed N begins with the same ones again
//	fuzz      each fuzz target for -fuzztime (2m); a finding stays in its
//	          package's testdata/fuzz, where the unit tests run it ever after
//
// A run of make test has thousands of tests that share two noisy cores. At most three
// that fail are run again, each alone; those that pass then are named as unsteady at
// the end. Soak runs nothing again.
//
// A test counts once, its subtests instead of itself where it has any; a fuzz
// target is one. Every half minute without news a line says where a step stands.
// A step whose programs are not installed is skipped by name, never passed in
// silence. It imports the standard library and e2e/oracle.
package main
