//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"math"
	"strconv"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// This file has the global words that tune what gohap does not have. They are
// checked, so that a file stays as it is; -dD names them.

// noEffectRows are those words.
func noEffectRows() []keyword.Row {
	rows := []keyword.Row{
		globalRow("tune.events.max-events-at-once", "<number>", "its events need no task of their own", "tune.events.max-events-at-once 100",
			within("tune.events.max-events-at-once", 1, 10000), "tune.events.max-events-at-once", "tune.events.max-events-at-once 0", "tune.events.max-events-at-once x"),
		globalRow("tune.pattern.cache-size", "<number>", "patterns are looked up in indexes, there is no cache in front of them", "tune.pattern.cache-size 10000",
			positive("tune.pattern.cache-size"), "tune.pattern.cache-size", "tune.pattern.cache-size -1", "tune.pattern.cache-size x"),
		globalRow("tune.bufsize.small", "<size>", "there is one size of buffers", "tune.bufsize.small 1k", size(0, math.MaxInt32, func(*Global, int64) {}),
			"tune.bufsize.small", "tune.bufsize.small x"),
		globalRow("tune.listener.multi-queue", "on|fair|off", "each loop accepts for itself; what one socket brings goes to the loop with the fewest connections", "tune.listener.multi-queue on", multiQueue,
			"tune.listener.multi-queue", "tune.listener.multi-queue x"),
		globalRow("tune.ring.queues", "<number>", "rings have no queues in front of them", "tune.ring.queues 6",
			positive("tune.ring.queues"), "tune.ring.queues x"),
		globalRow("cluster-secret", "<text>", "it is for QUIC alone", "cluster-secret fox", clusterSecret, "cluster-secret", "cluster-secret a b"),
	}
	for _, name := range []string{"tune.rcvbuf.backend", "tune.rcvbuf.frontend", "tune.sndbuf.frontend"} {
		rows = append(rows, globalRow(name, "<size>", "nothing is received or served by datagrams", name+" 64k", func(b *Builder, st *config.Statement) {
			if b.tooMany(st, 2) {
				return
			}
			b.readSizeOf(st)
		}, name, name+" x"))
	}
	for i := range rows {
		rows[i].Flags |= keyword.NoEffect
	}
	return rows
}

// readSizeOf reads the size behind a word that may stand alone.
func (b *Builder) readSizeOf(st *config.Statement) (uint32, bool) {
	if st.Word(1) == "" {
		b.Alertf(st, "unexpected '' after size passed to '%s'", st.Words[0])
		return 0, false
	}
	return b.readSize(st)
}

// positive checks a number that is no less than zero. Reference: letters are zero.
func positive(word string) GlobalFunc {
	return func(b *Builder, st *config.Statement) {
		if b.tooMany(st, 2) {
			return
		}
		if n, err := strconv.Atoi(st.Word(1)); err != nil || n < 0 {
			b.Alertf(st, "'%s' expects a positive numeric value", word)
		}
	}
}

// within checks a number between bounds.
func within(word string, low, high int) GlobalFunc {
	return func(b *Builder, st *config.Statement) {
		if b.tooMany(st, 2) {
			return
		}
		if n, err := strconv.Atoi(st.Word(1)); err != nil || n < low || n > high {
			b.Alertf(st, "'%s' expects an integer argument between %d and %d.", word, low, high)
		}
	}
}

func multiQueue(b *Builder, st *config.Statement) {
	switch w := st.Word(1); w {
	case "on", "fair", "off":
		b.tooMany(st, 2)
	default:
		b.Alertf(st, "'tune.listener.multi-queue' expects either 'on', 'fair', or 'off' but got '%s'.", w)
	}
}

func clusterSecret(b *Builder, st *config.Statement) {
	if !b.tooMany(st, 2) && st.Word(1) == "" {
		b.Alertf(st, "expects an ASCII string argument.")
	}
}
