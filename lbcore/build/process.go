//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"fmt"
	"path/filepath"
	"strconv"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// processRows are global words about the process: its limits, its processors, its
// name among peers, where its files are.
func processRows() []keyword.Row {
	row := globalRow
	limits := row("strict-limits", "", "a limit of the system that cannot be raised ends the start", "strict-limits", func(b *Builder, st *config.Statement) {
		if !b.tooMany(st, 1) {
			b.Global.LaxLimits = st.No
		}
	}, "strict-limits x")
	limits.Flags |= keyword.Negatable
	return []keyword.Row{
		limits,
		row("cpu-map", "[auto:]<group>[/<threads>] <cpus>…", "the processors that event loops run on", "cpu-map 1/1-64 0-63", cpuMap,
			"cpu-map", "cpu-map 1", "cpu-map x 0", "cpu-map 1 x", "cpu-map 70 0"),
		row("default-path", "current|config|parent|origin <path>", "the folder that relative paths of files begin at", "default-path current", defaultPath,
			"default-path", "default-path nonsense", "default-path origin"),
		row("fd-hard-limit", "<number>", "most file descriptors, whatever the system allows", "fd-hard-limit 5000", fdHardLimit, "fd-hard-limit", "fd-hard-limit 1 2"),
		row("stats-file", "<path>", "a file of counters to begin with, as dump stats-file prints it", "stats-file /var/lib/gohap/stats", statsFile, "stats-file", "stats-file a b"),
		row("localpeer", "<name>", "the name of this node among its peers", "localpeer lb1", localPeer, "localpeer", "localpeer a b"),
		row("expose-experimental-directives", "", "allows words that may change", "expose-experimental-directives", func(b *Builder, st *config.Statement) {
			if !b.tooMany(st, 1) {
				b.Global.Experimental = true
			}
		}, "expose-experimental-directives x"),
		row("noreuseport", "", "one listening socket for all event loops, without SO_REUSEPORT", "noreuseport", func(b *Builder, st *config.Statement) {
			if !b.tooMany(st, 1) {
				b.Global.NoReusePort = true
			}
		}, "noreuseport x"),
	}
}

func fdHardLimit(b *Builder, st *config.Statement) {
	switch text := st.Word(1); {
	case b.tooMany(st, 2):
	case b.Global.FDLimit > 0:
		b.Alertf(st, "'fd-hard-limit' already specified. Continuing.")
	case text == "":
		b.Alertf(st, "'fd-hard-limit' expects an integer argument.")
	default:
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 { // reference: taken as 0
			b.Alertf(st, "'fd-hard-limit' expects a number (got '%s').", text)
			return
		}
		b.Global.FDLimit = n
	}
}

// localPeer checks what Early has taken.
func localPeer(b *Builder, st *config.Statement) {
	switch {
	case b.tooMany(st, 2):
	case st.Word(1) == "":
		b.Alertf(st, "'localpeer' expects a name as an argument.\n")
	case b.PeerFixed:
		b.Warnf(st, "'localpeer' ignored since it is already set by using the '-L' command line argument.")
	}
}

// paths is what default-path says.
type paths struct {
	mode   string // "" or "current", "config", "parent", "origin"
	origin string
	start  string // where the process is, once it has left
	file   string // the file that is being read
	disk   config.Files
}

func defaultPath(b *Builder, st *config.Statement) {
	mode := st.Word(1)
	most := 2
	switch mode {
	case "current", "config", "parent":
	case "origin":
		most = 3
		if st.Word(2) == "" {
			b.Alertf(st, "'%s %s' expects a directory as an argument.", st.Words[0], mode)
			return
		}
	case "":
		b.Alertf(st, "missing default-path mode '' for '%s', supported modes include 'current', 'config', 'parent', and 'origin'.", st.Words[0])
		return
	default:
		b.Alertf(st, "unsupported default-path mode '%s' for '%s', supported modes include 'current', 'config', 'parent', and 'origin'.", mode, st.Words[0])
		return
	}
	if b.tooMany(st, most) {
		return
	}
	b.paths.mode, b.paths.origin = mode, st.Word(2)
	if err := b.paths.enter(); err != nil {
		b.Alertf(st, "couldn't set '%s' to origin '%s': %s.", st.Words[0], b.paths.origin, err)
	}
}

// enter goes where the relative paths of the present file begin.
func (p *paths) enter() error {
	if p.mode == "" {
		return nil
	}
	if p.start == "" {
		var err error
		if p.start, err = p.disk.Getwd(); err != nil {
			return err
		}
	}
	if err := p.disk.Chdir(p.start); err != nil {
		return p.problem(err)
	}
	to := ""
	switch p.mode {
	case "config", "parent":
		if to, _ = filepath.Split(p.file); p.mode == "parent" {
			to = filepath.Join(to, "..")
		}
	case "origin":
		to = p.origin
	}
	if to == "" {
		return nil
	}
	if err := p.disk.Chdir(to); err != nil {
		return p.problem(err)
	}
	return nil
}

// problem words what kept the process from going somewhere, as the reference does.
func (p *paths) problem(err error) error {
	return fmt.Errorf("Impossible to get back to directory '%s': %s", p.start, config.Reason(err))
}

// leave goes back to where the process was.
func (p *paths) leave() error {
	if p.start == "" {
		return nil
	}
	if err := p.disk.Chdir(p.start); err != nil {
		return p.problem(err)
	}
	return nil
}

// EnterFile implements config.FileHandler.
func (b *Builder) EnterFile(name string) error {
	b.paths.file = name
	return b.paths.enter()
}

// LeaveFile implements config.FileHandler.
func (b *Builder) LeaveFile() error { return b.paths.leave() }
