package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gohap/lbcore/keyword"
)

// candidates is how many commands an unknown one is compared with in the answer.
const candidates = 5

// help lists the commands that the words begin or resemble, all without words.
func (c *conn) help(r *Request, words []string) {
	r.Message(Info, "The following commands are valid at this level:\n%s", c.list(words))
}

// unknown answers what is no command.
func (c *conn) unknown(r *Request, words []string) {
	for n := min(len(words), longestKnown); n > 0; n-- {
		name := strings.Join(words[:n], " ")
		if _, ok := keyword.Known(keyword.Command, name); ok && !c.server.Commands.names[name] {
			r.Message(Info, "%s.", keyword.Refusal("command '"+name+"'"))
			return
		}
	}
	r.Message(Info, "Unknown command: '%s', but maybe one of the following ones is a better match:\n%s", words[0], c.list(words))
}

// longestKnown is how many words the reference's commands have at the most.
const longestKnown = 4

// list is the help's table without its last line feed. Like the reference it
// leaves out what the session's mode hides and not what its level refuses: the
// refusal says so itself.
func (c *conn) list(words []string) string {
	var b strings.Builder
	for _, cmd := range c.server.Commands.match(words, c.modes) {
		helpLine(&b, cmd.Usage, cmd.summary)
	}
	for _, own := range c.server.Commands.own {
		helpLine(&b, own.Usage, own.summary)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func helpLine(b *strings.Builder, usage, summary string) {
	if len(usage) > 40 {
		usage += " "
	}
	fmt.Fprintf(b, "  %-40s: %s\n", usage, summary)
}

// match returns the commands for the help of words: all that begin with them;
// else the one that they begin with; else those that look most like them, in
// the order of the table.
func (c *Commands) match(words []string, on modes) []*command {
	var shown []*command
	for i := range c.rows {
		if r := &c.rows[i]; !r.Hidden && (on.expert || !r.Expert) && (on.experimental || !r.Experimental) {
			shown = append(shown, r)
		}
	}
	if len(words) == 0 {
		return shown
	}
	if slices.Contains(ownOrder, words[0]) {
		return nil // they stand below any list
	}
	begin := filter(shown, func(r *command) bool { return hasPrefix(r.Words, words) })
	if len(begin) == 0 {
		begin = filter(shown, func(r *command) bool { return hasPrefix(words, r.Words) })
	}
	if len(begin) == 0 {
		begin = filter(shown, func(r *command) bool { return completes(words, r.Words) })
		if len(begin) > candidates {
			return nearest(shown, words)
		}
	}
	if len(begin) > 0 {
		return begin
	}
	return nearest(shown, words)
}

func filter(rows []*command, keep func(*command) bool) []*command {
	var kept []*command
	for _, r := range rows {
		if keep(r) {
			kept = append(kept, r)
		}
	}
	return kept
}

// completes tells whether every word typed begins the command's word.
func completes(typed, words []string) bool {
	if len(typed) > len(words) {
		return false
	}
	for i, t := range typed {
		if !strings.HasPrefix(words[i], t) {
			return false
		}
	}
	return true
}

// nearest returns the commands with the smallest edit distance to what was
// typed. Those that share the first word go first when it is a known one.
func nearest(rows []*command, words []string) []*command {
	family := filter(rows, func(r *command) bool { return r.Words[0] == words[0] })
	if len(family) > 0 {
		rows = family
	}
	type scored struct {
		*command
		d, at int
	}
	var all []scored
	for i, r := range rows {
		n := min(len(words), len(r.Words))
		typed, name := strings.Join(words[:n], " "), strings.Join(r.Words, " ")
		all = append(all, scored{r, distance(shorten(typed), name), i})
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(a.d, b.d) })
	all = all[:min(len(all), candidates)]
	slices.SortFunc(all, func(a, b scored) int { return cmp.Compare(a.at, b.at) })
	best := make([]*command, len(all))
	for i, s := range all {
		best[i] = s.command
	}
	return best
}

// shorten bounds the work that a hostile word costs; no command is as long.
func shorten(s string) string { return s[:min(len(s), 64)] }

// distance is the number of characters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
