package agree

import "time"

// A follower whose log and snapshot do not fit each other can be sent the same
// snapshot for ever (hashicorp/raft issues 697 and 704). What cures it: an empty log
// under the snapshot, with term and vote kept.
const (
	cureAfter  = 3                // installations of one snapshot
	cureWithin = 30 * time.Second // in this time
)

// installs counts the installations of one snapshot.
type installs struct {
	index uint64
	since time.Time
	n     int
}

// count tells whether there were too many.
func (i *installs) count(index uint64, now time.Time) bool {
	if index != i.index || now.Sub(i.since) > cureWithin {
		*i = installs{index: index, since: now}
	}
	i.n++
	return i.n >= cureAfter
}
