// Package stick has stick tables: what is remembered of keys (addresses, numbers,
// names) while they are of use, by whom it was served and how often and how fast
// something happened.
//
//	types.go   kinds of keys and of data, their names and numbers on the wire
//	layout.go  where the data of a table's entries stand
//	table.go   the table: find, create, hold, touch, delete
//	walk.go    all of its entries; remove.go: a held one goes; copy.go: into another
//	shard.go   a part of a table with a lock of its own: hash chains, expiry
//	slab.go    the memory of entries, without pointers
//	entry.go   a held entry: counters, rates, tags
//	key.go     keys from samples and as text
//	dict.go    the server keys that entries name
//	log.go     which entries changed since, for peers
//	fleet.go   the seam to who adds the other nodes' counts to an entry's own
//
// A table is divided into shards by the hash of the key. Finding, creating and
// removing an entry takes its shard's lock for some hundred nanoseconds; counting
// on an entry that is held takes none: each datum is an atomic word. An entry that
// somebody holds neither expires nor makes room for another one.
//
//	shard: buckets --> entry --> entry     slab: [ref|expire|chain|wheel|key|data]
//	       wheel[slot] --> entry <--> entry
//
// The wheel sorts entries by the time at which they expire, coarsely. Touching an
// entry stores a time and nothing more; when the wheel comes to an entry's slot
// and it has been touched since, it moves to another slot. So a tick costs what
// expires, plus one move an entry and expiry time.
//
// Times are milliseconds of a monotonic clock as uint32; they wrap after 49 days
// and are compared serially. Callers give the time: a loop its turn's.
//
// The package starts no goroutine, does no I/O and knows nothing of HTTP, rules or
// peers; it imports the standard library alone. Any goroutine may call anything
// but where a comment says otherwise.
package stick
