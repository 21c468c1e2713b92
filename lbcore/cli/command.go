package cli

import (
	"fmt"
	"slices"
	"strings"

	"gohap/lbcore/keyword"
)

// Level is what a connection is allowed to do.
type Level uint8

// The levels, each of which may do what the one before may.
const (
	User Level = iota
	Operator
	Admin
)

// String returns the level's word.
func (l Level) String() string {
	return [...]string{"user", "operator", "admin"}[min(l, Admin)]
}

// ParseLevel returns the level that a word of "stats socket" names.
func ParseLevel(word string) (Level, error) {
	for l := User; l <= Admin; l++ {
		if word == l.String() {
			return l, nil
		}
	}
	return User, fmt.Errorf("level %q is none of user, operator and admin", word)
}

// Command is what a row of class keyword.Command carries in Impl.
type Command struct {
	// Words are what a person types, {"show", "info"}; nil means the words of
	// the row's name.
	Words []string
	// Level is what the connection needs at least; who has less is answered
	// "Permission denied".
	Level Level
	// Usage is the first column of the help; empty means the row's name and
	// arguments.
	Usage string
	// Expert commands are refused and not shown before "expert-mode on",
	// Hidden ones are never shown.
	Expert, Hidden bool
	// Experimental commands are refused and not shown before "experimental-mode on".
	Experimental bool
	// Of says which processes have it.
	Of Process
	// Run executes the command on the connection's goroutine; it may block
	// there, watching Request.Context.
	Run func(*Request)
}

// Process is a kind of process that has a command socket.
type Process uint8

// The kinds. A process without a master is like a worker.
const (
	OfWorker Process = iota
	OfMaster
	OfBoth
)

// command is a row ready to be found.
type command struct {
	Command
	summary string
}

// Commands is the set of commands of a registry, in the order of the help. It
// is read-only and may be used by any goroutine.
type Commands struct {
	rows []command
	own  []command // help, prompt, quit
	// names are those of all commands, of other kinds of processes too.
	names map[string]bool
}

// NewCommands collects the rows of class keyword.Command that a kind of process
// has. It panics on a row
// whose Impl is not a Command with a Run: a programmer's error.
func NewCommands(set *keyword.Set, of Process) *Commands {
	c := &Commands{names: map[string]bool{}}
	for _, row := range set.Rows(keyword.Command) {
		impl, ok := row.Impl.(Command)
		if !ok || impl.Run == nil {
			panic(fmt.Sprintf("cli: the row of command %q carries no cli.Command with a Run", row.Name))
		}
		c.names[row.Name] = true
		if impl.Of != of && impl.Of != OfBoth {
			continue
		}
		if impl.Words == nil {
			impl.Words = strings.Fields(row.Name)
		}
		if impl.Usage == "" {
			impl.Usage = strings.TrimSpace(row.Name + " " + row.Args)
		}
		if cmd := (command{Command: impl, summary: row.Summary}); slices.Contains(ownOrder, row.Name) {
			c.own = append(c.own, cmd)
		} else {
			c.rows = append(c.rows, cmd)
		}
	}
	// reference: the help is sorted by words, the engine's own three come last.
	slices.SortStableFunc(c.rows, func(a, b command) int {
		return slices.Compare(a.Words, b.Words)
	})
	return c
}

// find returns the command whose words begin args, nil when there is none. Of
// two the one with more words wins.
func (c *Commands) find(args []string) *command {
	for i := range c.own {
		if len(args) > 0 && args[0] == c.own[i].Words[0] {
			return &c.own[i]
		}
	}
	var best *command
	for i := range c.rows {
		r := &c.rows[i]
		if hasPrefix(args, r.Words) && (best == nil || len(r.Words) > len(best.Words)) {
			best = r
		}
	}
	return best
}

func hasPrefix(args, words []string) bool {
	return len(args) >= len(words) && slices.Equal(args[:len(words)], words)
}
