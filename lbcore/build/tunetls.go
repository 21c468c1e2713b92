package build

import (
	"strconv"
	"time"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// tuneTLSRows are the global words about how TLS is written, and those about what Go
// does by itself.
func tuneTLSRows() []keyword.Row {
	size := func(name, summary string, set func(*Global, int)) keyword.Row {
		return globalRow(name, "<bytes>", summary, name+" 1400", func(b *Builder, st *config.Statement) { b.positive(st, set) }, name, name+" -1", name+" x", name+" 1 2")
	}
	idle := func(r keyword.Row, why string) keyword.Row {
		r.Flags |= keyword.NoEffect
		r.Impl = without(r.Impl.(GlobalFunc), why)
		return r
	}
	nothing := func(*Global, int) {}
	const noFetch = "there are no ssl_fc_cipherlist and ssl_fc_extlist fetches"
	once := func(name, summary string) keyword.Row {
		r := size(name, summary, nothing)
		read := r.Impl.(GlobalFunc)
		r.Impl = GlobalFunc(func(b *Builder, st *config.Statement) {
			if b.captures {
				b.Alertf(st, "'%s' is already configured.", name)
				return
			}
			read(b, st)
			b.captures = true
		})
		return r
	}
	cipherlist := once("tune.ssl.capture-cipherlist-size", "the old name of tune.ssl.capture-buffer-size")
	old := cipherlist.Impl.(GlobalFunc)
	cipherlist.Impl = GlobalFunc(func(b *Builder, st *config.Statement) {
		b.Diag.Rawf(config.Warning, "config : parsing [%s]: 'tune.ssl.capture-cipherlist-size' is deprecated and will be removed in version 2.7. Please use 'tune.ssl.capture-buffer-size' instead.", st.Pos)
		old(b, st)
	})
	cipherlist.Flags, cipherlist.Instead = keyword.Deprecated, "tune.ssl.capture-buffer-size"
	return []keyword.Row{
		size("tune.ssl.maxrecord", "how much a record of TLS has at most at the beginning of a transfer and behind a pause, 0 for as much as there is", func(g *Global, n int) { g.Limits.Records.Early = n }),
		size("tune.ssl.hard-maxrecord", "how much a record of TLS has at most, 0 for as much as there is", func(g *Global, n int) { g.Limits.Records.Most = n }),
		globalRow("tune.idletimer", "<time>", "a pause behind which a transfer begins anew, see tune.ssl.maxrecord; 0 for none", "tune.idletimer 500", idleTimer, "tune.idletimer", "tune.idletimer x", "tune.idletimer 70000", "tune.idletimer 1 2"),
		idle(once("tune.ssl.capture-buffer-size", "how much of a client's hello is kept for fetches"), noFetch),
		idle(cipherlist, noFetch),
		idle(size("tune.ssl.ssl-ctx-cache-size", "how many certificates that were generated are kept", nothing), "no certificates are generated"),
		idle(globalRow("tune.ssl.force-private-cache", "", "sessions are not shared between processes", "tune.ssl.force-private-cache", func(b *Builder, st *config.Statement) { b.tooMany(st, 1) }, "tune.ssl.force-private-cache x"), "sessions are held by tickets alone"),
		idle(choiceRow("tune.ssl.certificate-compression", "auto", "off", "whether certificates are sent compressed"), "certificates are not compressed"),
		keylogRow(),
		idle(globalRow("tune.max-checks-per-thread", "<n>", "how many checks a thread runs at a time", "tune.max-checks-per-thread 5", func(b *Builder, st *config.Statement) { b.positive(st, nothing) }, "tune.max-checks-per-thread", "tune.max-checks-per-thread x"), "checks run on no thread of traffic"),
	}
}

// positive reads a number that is not below zero.
func (b *Builder) positive(st *config.Statement, set func(*Global, int)) {
	if b.tooMany(st, 2) {
		return
	}
	n, err := strconv.ParseInt(st.Word(1), 10, 32)
	switch {
	case st.Word(1) == "":
		b.Alertf(st, "'%s' expects an integer argument.", st.Words[0])
	case err != nil || n < 0:
		b.Alertf(st, "'%s' expects a positive numeric value.", st.Words[0])
	default:
		set(&b.Global, int(n))
	}
}

// choiceRow is a word with one of two arguments.
func choiceRow(name, one, other, summary string) keyword.Row {
	return globalRow(name, one+"|"+other, summary, name+" "+other, func(b *Builder, st *config.Statement) {
		if w := st.Word(1); b.tooMany(st, 2) {
			return
		} else if w != one && w != other {
			b.Alertf(st, "'%s' expects either '%s' or '%s' but got '%s'.", name, one, other, w)
		}
	}, name, name+" x", name+" "+one+" x")
}

// keylogRow keeps keys for fetches, which there are none of.
func keylogRow() keyword.Row {
	r := choiceRow("tune.ssl.keylog", "on", "off", "whether the keys of connections are kept for fetches")
	check := r.Impl.(GlobalFunc)
	r.Flags |= keyword.NoEffect
	r.Impl = GlobalFunc(func(b *Builder, st *config.Statement) {
		if check(b, st); st.Word(1) == "on" {
			b.Warnf(st, "'tune.ssl.keylog on' has no effect: there are no fetches of the keys of TLS.")
		}
	})
	return r
}

func idleTimer(b *Builder, st *config.Statement) {
	const name, most = "tune.idletimer", 65535 * time.Millisecond
	if b.tooMany(st, 2) {
		return
	}
	if st.Word(1) == "" {
		b.Alertf(st, "'%s' expects a timer value between 0 and 65535 ms.", name)
		return
	}
	t, err := config.ParseTime(st.Word(1), time.Millisecond)
	bad, _ := err.(*config.CharError)
	switch {
	case bad != nil:
		b.Alertf(st, "unexpected character '%c' in argument to <%s>.", bad.Char, name)
	case err != nil || t.Value > most:
		b.Alertf(st, "'%s' expects a timer value between 0 and 65535 ms.", name)
	default:
		b.Global.Limits.Records.Idle = int64(t.Value)
	}
}
