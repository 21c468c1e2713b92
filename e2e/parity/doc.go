// Parity counts the words of HAProxy 3.2 that gohap has, by class and tier:
//
//	make parity                        the table, 80 columns wide
//	go run ./e2e/parity --json         the same for machines
//	go run ./e2e/parity -missing class what a class lacks, and why ("all": every class)
//
// The words are those of lbcore/keyword/known.json. A word counts when
// something would break without it:
//
//	fetch, converter   its row has an example with an input and what comes out
//	any other word     its row exists, and it is named by a scenario of e2e/vtc
//	                   ("# disables: class:name", or class:name in "# item:") or
//	                   by a line of a golden case of lbcore/build/testdata that
//	                   raises no alert there
//	class without rows  named so (termination states, signals, values of a word)
//
// It holds no product code; nothing imports it.
package main
