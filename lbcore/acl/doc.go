// Package acl owns patterns, ACLs and conditions.
//
//	Matcher   how a value is compared (-m str, beg, ip, ...)
//	Patterns  the values to compare with: indexed when many, a slice when few
//	ACL       a name and its lines (expression + patterns), any of which passes
//	Cond      "if a !b || { expr pattern }" as a flat list of terms
//
//	Cond.Eval(ctx) --> Fail | Miss | Pass    Miss: ask again when more data came
//
// A Cond is read-only after parsing and shared by all loops; Patterns that a
// command or rule may change are replaced behind an atomic pointer. Maps use
// the same patterns with a value beside each (package-level seam: Patterns.Find
// returns the index of what matched).
//
// Imports: keyword, sample, message.
package acl
