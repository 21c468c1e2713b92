// Package peers runs the reference and gohap as peers of each other, in both roles
// and both orders of start, and compares what their stick tables hold.
//
// gohap runs inside the test, where its tables are read and written; the reference
// is asked over its command socket. Tests only: nothing imports this package.
package peers
