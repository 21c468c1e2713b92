// Package balance holds the load-balancing algorithms, pure: they see nodes
// with a weight, never a server. A policy lives in one short file, state and
// operations first.
//
//	policy      structure                      readers
//	roundrobin  two heaps, one lock a backend   Pick under the lock
//	leastconn   a heap, one lock a backend      Pick and Touch under the lock
//	static-rr   slot table, atomic pointer      Pick without a lock
//	map-based   the same table                  Pick without a lock
//	consistent  sorted ring, atomic pointer     Pick without a lock
//	random      the same ring                   Pick without a lock
//	first       fixed order                     Pick without a lock
//
// Update is called when a node's weight or state changed; it rebuilds what
// needs rebuilding. Lock sections neither allocate, call out nor enter the
// kernel. Imports: hash.
package balance
