// Package keyring turns the fleet's secret into the keys that members use: who holds
// the secret is a member, nobody else is.
//
//	secret.go  the file of secrets: made, read, rotated
//	ring.go    what is derived of them: the gossip key, an authority, TLS settings
//
// Of each secret come, by HKDF with SHA-256 (RFC 5869) and a label each,
//
//	secret --"gossip"--> 32 bytes, the key of gossip packets
//	       --"ca"------> an Ed25519 authority, the same on every node
//
// Every process issues itself a certificate of the first secret's authority, for a key
// that it makes at its start and never stores. The name in it is the node's id, so a
// misdirected connection is caught. Certificates are checked as of a fixed date: a
// wrong clock keeps nobody out. All secrets of the file are accepted, so a fleet goes
// from one to the next in three steps: add the new one everywhere, let it be the
// first, remove the old one.
//
// This proves membership, not which member: whoever has the secret can issue any
// name. Nothing is revoked but by rotation.
//
// A Ring does not change; any goroutine may use it. The package does no I/O but for
// the file of secrets (package durable).
package keyring
