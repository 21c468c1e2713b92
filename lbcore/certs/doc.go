// Package certs keeps certificates and says how TLS is spoken.
//
//	Store --path--> Slot --> Cert          a file with its key and side files
//	  |---path--> Authority, Revocations   ca-file and crl-file
//	  |---path--> List --> ListLine        crt-list or folder, and the Fronts that use it
//	  `---path--> Tickets                  keys of session tickets
//	Front (a bind line) --SNI--> Entry --> Cert, tls.Config
//	Back  (a server)    --> tls.Config, sessions
//
// A Store belongs to one configuration. Files are read once, while it is built.
// Commands change certificates, authorities, lists and keys in transactions, under the
// store's lock, which no connection takes: a Front's index, a Back's configuration and
// the keys of Tickets never change once they are made, and a change publishes others
// behind atomic pointers. Whoever began with the former ones goes on with them.
//
//	change.go     certificates        trust.go    ca-files and crl-files
//	list.go       crt-lists           ocsptext.go OCSP responses
//	tickets.go    keys of tickets     describe.go, sni.go  what there is
//	storage.go    crt-stores          renewal.go  responses that are fetched (package renew)
//
// Front and Back make what crypto/tls asks for; the functions that it calls run on a
// loop, inside a handshake, and neither block nor read files. Private keys that take
// long are used by helper goroutines while the handshake waits.
//
//	goroutine Help: private key operations that take long; as many as processors, they end when idle
//
// What OpenSSL calls an error, and how it words it, is in problem.go: logs and
// fetches show its texts where Go can know the cause.
//
// Imports: clock, x/crypto/ocsp, and the standard library.
package certs
