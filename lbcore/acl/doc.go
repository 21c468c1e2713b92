// Package acl owns patterns, ACLs, conditions and maps.
//
//	Matcher   how a value is compared (-m str, beg, ip, ...)
//	Ref       a list of patterns, with values or without: a file or a line's own
//	Use       one way of looking into a list: by a matcher, for a form of value
//	ACL       a name and its lines (expression + uses), any of which passes
//	Cond      "if a !b || { expr pattern }" as a flat list of terms
//
//	Cond.Eval(ctx) --> Fail | Miss | Pass    Miss: ask again when more data came
//
// A Cond is read-only after parsing and shared by all loops. A list may change at
// any time, by commands and by rules, on any goroutine, one at a time (Ref.mu).
// Who looks takes no lock and waits for nobody:
//
//	Ref.cur --> version --> view of the use --> short  Patterns: up to 16, walked
//	                |                       +-> long   index: hash table and list
//	                +-> store: entries, texts
//
//	file         what
//	store.go     entries and texts in pieces without pointers, written behind the
//	             readers' back: a text that was written never changes, a number of
//	             an entry is not used twice, what has died goes by the piece
//	index.go     the table, which holds what tells keys apart; it grows a few slots
//	             with each change
//	how.go       what each matcher puts there and how it looks
//	patterns.go  the same for a short list, ip.go for addresses
//	version.go   one version of a list, changed in place; commit and clear put
//	             another one there, the collector takes the old
//	ref.go       what commands and rules do; file.go what a file holds
//	mapconv.go   the converters map_*
//
// What wins is as with the reference: strings, beginnings and addresses the finest
// match (unless -i), everything else the first in the list.
//
// Imports: keyword, sample, message.
package acl
