// Package rows proves a list of what users of HAProxy name when they describe it:
// features, files, algorithms, keywords, the statistics page, fields, commands and
// tools, one row each, from A1 to M14. TestRows/A1 is the proof of row A1, on the
// reference first, then on gohap; a row about something outside the program has a
// reason instead (see reasons), and a row whose feature gohap does not have yet
// is refused by name, which its test looks for.
//
// The scenarios in e2e/vtc and the comparisons in e2e/oracle are the exact proofs,
// word by word. A row is the coarse one: does the thing that somebody read about
// work at all?
//
// Nothing here but tests. Each row starts the programs it needs on loopback, on
// sockets that the test bound, and stops them.
package rows
