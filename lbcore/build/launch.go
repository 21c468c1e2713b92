package build

import (
	"fmt"
	"strconv"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// Launch is what a global section says about how its process comes up, which has
// to be known before the rest is read.
type Launch struct {
	Daemon bool
	Master bool // master-worker
	// Tolerant: a master outlives workers that fail (no-exit-on-failure).
	Tolerant   bool
	PidFile    string
	MaxReloads int // workers older than that are ended, zero for never
}

// Read takes a statement that is about it. It reports false for others, and an
// error in the reference's words.
func (l *Launch) Read(st *config.Statement) (mine bool, err error) {
	most := 2
	switch word := st.Words[0]; word {
	case "daemon":
		l.Daemon, most = true, 1
	case "master-worker":
		switch st.Word(1) {
		case "":
		case "no-exit-on-failure":
			l.Tolerant = true
		default:
			return true, fmt.Errorf("'%s' only supports 'no-exit-on-failure' option", word)
		}
		l.Master = true
	case "pidfile":
		if st.Word(1) == "" {
			return true, fmt.Errorf("'%s' expects a file name as an argument.", word) //lint:ignore ST1005 the reference's text
		}
		l.PidFile = st.Word(1)
	case "mworker-max-reloads":
		if st.Word(1) == "" {
			return true, fmt.Errorf("'%s' expects an integer argument.", word) //lint:ignore ST1005 the reference's text
		}
		if l.MaxReloads, err = strconv.Atoi(st.Word(1)); err != nil || l.MaxReloads < 0 {
			return true, fmt.Errorf("'%s' expects a number of reloads, got '%s'.", word, st.Word(1)) //lint:ignore ST1005 as its neighbours
		}
	default:
		return false, nil
	}
	if len(st.Words) > most {
		return true, fmt.Errorf("'%s' cannot handle unexpected argument '%s'.", st.Words[0], st.Words[most]) //lint:ignore ST1005 the reference's text
	}
	return true, nil
}

// Confinement is what a process gives up once its sockets are open.
type Confinement struct {
	Chroot   string
	UID, GID int // -1 to stay who it is
	// Capabilities are kept, a bit each by number.
	Capabilities uint64
	// Privileged: something that the configuration has does not work without, while
	// traffic runs: connections from foreign addresses or by one interface, marks.
	Privileged bool
}

func launchRows() []keyword.Row {
	row := globalRow
	launch := func(b *Builder, st *config.Statement) {
		if _, err := b.Global.Launch.Read(st); err != nil {
			b.Alertf(st, "%s", err)
		}
	}
	return []keyword.Row{
		row("daemon", "", "goes into the background, as flag -D", "daemon", launch, "daemon x"),
		row("pidfile", "<path>", "where the process in the background, or the master, writes its number", "pidfile /run/gohap.pid", launch, "pidfile", "pidfile a b"),
		row("master-worker", "[no-exit-on-failure]", "a master that starts the process that serves, as flag -W", "master-worker", launch, "master-worker x"),
		row("mworker-max-reloads", "<number>", "how many reloads a worker may outlive", "mworker-max-reloads 50", launch, "mworker-max-reloads"),
		row("chroot", "<folder>", "the folder that the process shuts itself into", "chroot /var/empty", chrootKeyword, "chroot", "chroot /a /b"),
		row("setcap", "<name>[,<name>...]", "capabilities that the process keeps when it becomes somebody else", "setcap cap_net_raw,cap_net_admin", setcapKeyword, "setcap", "setcap cap_foo"),
		row("user", "<name>", "who the process becomes", "user nobody", userKeyword, "user nosuchuser"),
		row("uid", "<number>", "who the process becomes, by number", "uid 65534", userKeyword, "uid", "uid x"),
		row("group", "<name>", "the group of who the process becomes", "group nogroup", groupKeyword, "group nosuchgroup"),
		row("gid", "<number>", "the group of who the process becomes, by number", "gid 65534", groupKeyword, "gid", "gid x"),
	}
}

func chrootKeyword(b *Builder, st *config.Statement) {
	c := &b.Global.Confinement
	switch {
	case b.tooMany(st, 2):
	case st.Word(1) == "":
		b.Alertf(st, "'chroot' expects a directory as an argument.")
	case c.Chroot != "":
		b.Warnf(st, "'chroot' is already specified. Continuing.\n")
	default:
		c.Chroot = st.Word(1)
	}
}

func userKeyword(b *Builder, st *config.Statement) {
	b.identity(st, &b.Global.Confinement.UID, "user", "uid", "user/uid already", userID)
}

func groupKeyword(b *Builder, st *config.Statement) {
	b.identity(st, &b.Global.Confinement.GID, "group", "gid", "group/gid was already", groupID)
}

// identity reads who the process becomes, by a name or its number.
func (b *Builder) identity(st *config.Statement, to *int, name, number, already string, find func(word, arg string) (int, error)) {
	word, text := st.Words[0], st.Word(1)
	if *to >= 0 {
		b.Diag.Rawf(config.Alert, "config : parsing [%s] : %s specified. Continuing.", st.Pos, already)
		return
	}
	id, err := find(word, text)
	switch {
	case word == number && text == "":
		b.Alertf(st, "'%s' expects an integer argument.", word)
	case word == name && err != nil:
		b.Alertf(st, "cannot find %s id for '%s' (0:Success)", word, text)
	case b.tooMany(st, 2):
	case err != nil || id < 0:
		b.Alertf(st, "'%s' expects a number; a name goes behind '%s' (got '%s').", word, name, text)
	default:
		*to = id
	}
}
