// Package process tests the program as a process: signals, exit codes, inherited
// descriptors, what a soft stop does to connections. It imports e2e/oracle for
// the binaries' places.
package process
