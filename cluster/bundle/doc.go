// Package bundle keeps the contents of configurations on disk: each file once, under
// the SHA-256 of what is in it, readable for its owner alone (private keys are among
// them). What a bundle consists of says its manifest, which is agreed on elsewhere.
//
//	store.go   the contents: put, opened, swept
//	last.go    the last good bundle's manifest, which a node starts from without
//	           anybody's help
//	gather.go  a manifest of files as they are
//
// Everything is written by package durable: after a crash a file is whole or absent. What is read is checked against its hash.
//
// Any goroutine may call any method.
package bundle
