// Docs writes docs/keywords.md, the list of every word that gohap implements,
// from the rows of the registry:
//
//	make docs             write it
//	go test ./e2e/docs    fails when it is not what the rows say, or when
//	                      docs/differences.md lacks a word without effect
//
// It holds no product code; nothing imports it.
package main
