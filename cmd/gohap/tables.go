package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"gohap/cluster"
	"gohap/cluster/admin"
	"gohap/cmd/gohap/answers"
)

func newTables(t *tool) *cobra.Command {
	return &cobra.Command{
		Use: "tables [NAME [KEY]]", Short: "The fleet's tables: how far nodes are, and who counted what", Args: cobra.MaximumNArgs(2),
		Long: `The tables that all nodes count together ('peers fleet'), as each node has them: keys,
contributions of processes, their memory, and LAG: how many of a node's changes the
slowest of the others has not confirmed yet (it does so every few seconds). With a key, what each node reads, and which
process contributed what. Exit codes: 0 all sums are exact, 1 not, 2 cannot tell.`,
		Example: "  gohap tables\n  gohap tables seen\n  gohap tables seen 192.0.2.1",
		RunE: func(c *cobra.Command, args []string) error {
			line := "show peers fleet"
			if len(args) == 2 {
				line = fmt.Sprintf("show table %s key %s", args[0], args[1])
			}
			ctx, cancel := t.within(c)
			defer cancel()
			var said bytes.Buffer
			if err := t.client().Run(ctx, admin.Command{Node: cluster.AllNodes, Line: line}, &said); err != nil && said.Len() == 0 {
				return err
			}
			if len(args) == 2 {
				return showKey(t, c.OutOrStdout(), answers.Key(said.String()), args[0], args[1])
			}
			all := answers.Tables(said.String())
			if len(args) == 1 {
				all = answers.Named(all, args[0])
			}
			return showTables(t, c.OutOrStdout(), all, args)
		},
	}
}

func showTables(t *tool, w io.Writer, all []answers.Table, args []string) error {
	if len(all) == 0 {
		what := "the fleet has no table: one names 'peers fleet' in its stick-table line"
		if len(args) > 0 {
			what = fmt.Sprintf("the fleet has no table %s: 'gohap tables' lists them", args[0])
		}
		return refused{fmt.Errorf("%s", what)}
	}
	fine := true
	for _, k := range all {
		fine = fine && k.Exact
	}
	return t.show(w, all, func() {
		rows := [][]string{{"NODE", "TABLE", "KEYS", "CONTRIBUTIONS", "MEMORY", "LAG", "EXACT"}}
		for _, k := range all {
			exact := "yes"
			if !k.Exact {
				exact = "no"
			}
			rows = append(rows, []string{k.Node, k.Name, strconv.FormatInt(k.Keys, 10), strconv.FormatInt(k.Contributions, 10), size(k.Bytes), strconv.FormatInt(k.Lag, 10), exact})
		}
		admin.Table(w, rows, "TABLE")
		for _, k := range all {
			if !k.Exact {
				fmt.Fprintf(w, "\n%s on %s: %s", k.Name, k.Node, k.Why)
			}
			if len(k.Apart) > 0 {
				fmt.Fprintf(w, "\n%s on %s is not shared with %s at the moment", k.Name, k.Node, strings.Join(k.Apart, ", "))
			}
		}
		if len(args) == 1 {
			showSources(w, all)
		}
		fmt.Fprintln(w)
	}, fine)
}

// showSources shows which processes contribute to a table, as each node sees them.
func showSources(w io.Writer, all []answers.Table) {
	rows := [][]string{{"NODE", "SEES PROCESS", "STATE", "CHANGES", "CONTRIBUTIONS", "HEARD"}}
	for _, k := range all {
		for _, s := range k.Sources {
			rows = append(rows, []string{k.Node, s.Process, s.State, s.Have, s.Contributions, s.Heard})
		}
	}
	fmt.Fprintln(w)
	admin.Table(w, rows, "SEES PROCESS")
}

// showKey shows what each node reads of a key, and who counted it as the first sees it.
func showKey(t *tool, w io.Writer, all []answers.Reading, name, key string) error {
	var found *answers.Reading
	for i := range all {
		switch r := &all[i]; {
		case r.Problem != "":
			return refused{fmt.Errorf("%s: %s", r.Node, r.Problem)}
		case found == nil && r.Values != "":
			found = r
		}
	}
	return t.show(w, all, func() {
		rows := [][]string{{"NODE", "READS"}}
		for _, r := range all {
			if r.Values == "" {
				r.Values = "nothing"
			}
			rows = append(rows, []string{r.Node, r.Values})
		}
		admin.Table(w, rows, "NODE")
		if found == nil {
			fmt.Fprintf(w, "\nNo node has %s in table %s.\n", key, name)
			return
		}
		rows = [][]string{{"PROCESS", "CHANGE", "CONTRIBUTES"}}
		for _, c := range found.From {
			rows = append(rows, []string{c.Process, c.Change, c.Values})
		}
		fmt.Fprintln(w)
		admin.Table(w, rows, "PROCESS")
	}, true)
}
