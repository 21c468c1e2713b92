// Package testmux is a mux with many streams a connection, flow control, reset
// and go-away, in a text form that a transcript can be read in. It exists so
// that nothing above assumes one stream a connection before HTTP/2 is there; it
// serves no traffic.
//
//	from the client                     to the client
//	H id METHOD target [name:value…]    h id status [name:value…]   head
//	D id n LF bytes                     d id n LF bytes             body
//	E id                                e id                        end
//	R id                                r id                        reset
//	W id n                              window of a stream, 0 for all new ones
//	G                                   g                           go away
//
// A stream may send as many body bytes as its window has. Imports: mux,
// transport, loop, message, buffer.
package testmux
