// Command dnsd is a name server whose answers a file scripts, for scenarios and tests.
//
//	dnsd -listen 127.53.0.1:5353 -zone FILE [-log FILE]
//
// It answers over UDP and TCP and reads the file anew for each query. A line is a
// record, "a.test. 30 IN A 127.0.0.1", or says what to do beyond answering about a
// name, perhaps of one type: "a.test do nxdomain", "a.test/AAAA do silent", "* do
// log". What can be done:
//
//	nxdomain refused servfail   that code, no record
//	empty          no record      silent      no answer
//	truncate       over UDP: the first record and TC; over TCP all
//	wrongid wrongname             another id; another question
//	spoof          from another port
//	upper          the question and the names in upper case
//	noextra        no additional records
//	garbage        bytes that are no message
//	slow           after 300 ms
//	burst          nxdomain, but every fifth time
//	half           every second record, by turns
//	twice          each record twice
//	rotate         the records in another order each time
//
// Each query is written to the log: its transport, name and type.
//
// Tests only: nothing imports it. It imports nothing of gohap.
package main
