// Package certs keeps certificates and says how TLS is spoken.
//
//	Store --path--> Slot --> Cert          a file with its key and side files
//	  |---path--> Authority                ca-file and crl-file
//	  `---path--> Tickets                  keys of session tickets
//	Front (a bind line) --SNI--> Entry --> Slot, tls.Config
//	Back  (a server)    --> tls.Config, sessions
//
// A Store belongs to one configuration. Files are read once, while it is built;
// a Slot's certificate and a Front's index stand behind atomic pointers, so that a
// version can replace another under running loops. Front and Back make what
// crypto/tls asks for; the functions that it calls run on a loop, inside a
// handshake, and neither block nor read files. Private keys that take long are
// used by helper goroutines while the handshake waits.
//
//	goroutine Help: private key operations that take long; as many as processors, they end when idle
//
// What OpenSSL calls an error, and how it words it, is in problem.go: logs and
// fetches show its texts where Go can know the cause.
//
// Imports: clock, and the standard library.
package certs
