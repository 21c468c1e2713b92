package answers

import (
	"strconv"
	"strings"
)

// Table is one of the fleet's tables as a node has it.
type Table struct {
	Node          string   `json:"node"`
	Name          string   `json:"table"`
	Keys          int64    `json:"keys"`
	Contributions int64    `json:"contributions"`
	Bytes         int64    `json:"bytes"`
	Lag           int64    `json:"lag"` // changes that the slowest of the others does not have
	Exact         bool     `json:"exact"`
	Why           string   `json:"why,omitempty"`   // it is not exact
	Apart         []string `json:"apart,omitempty"` // nodes that it is not shared with now
	Sources       []Source `json:"processes"`
}

// Source is a process that contributes, as a node sees it.
type Source struct {
	Process       string `json:"process"` // node and life
	State         string `json:"state"`
	Have          string `json:"changes"`
	Contributions string `json:"contributions"`
	Heard         string `json:"heard"`
}

// Reading is what a node reads of a key.
type Reading struct {
	Node    string         `json:"node"`
	Values  string         `json:"reads"` // "" for nothing
	From    []Contribution `json:"contributions"`
	Problem string         `json:"problem,omitempty"`
}

// Contribution is a process's part of it.
type Contribution struct {
	Process string `json:"process"` // node, life and birth of the entry in it
	Change  string `json:"change"`
	Values  string `json:"values"`
}

// each calls f with every line of every node's answer.
func each(text string, f func(node, line string)) {
	node := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if name, ok := strings.CutPrefix(line, "## "); ok {
			node = name
		} else if strings.TrimSpace(line) != "" {
			f(node, line)
		}
	}
}

// fields are the words NAME=VALUE of a line; a value may be quoted.
func fields(line string) map[string]string {
	m := map[string]string{}
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		word, rest, _ := strings.Cut(line, " ")
		name, value, ok := strings.Cut(word, "=")
		if ok && strings.HasPrefix(value, `"`) {
			if quoted, err := strconv.QuotedPrefix(line[len(name)+1:]); err == nil {
				value, _ = strconv.Unquote(quoted)
				rest = line[len(name)+1+len(quoted):]
			}
		}
		if ok {
			m[name] = value
		}
		line = rest
	}
	return m
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// Tables reads the answers to 'show peers fleet'.
func Tables(text string) (all []Table) {
	lags := map[string]int64{} // of the node at hand, by table
	var apart []string
	peer, before := "", ""
	each(text, func(node, line string) {
		if node != before {
			before, apart = node, nil
			clear(lags)
		}
		f := fields(line)
		switch indent := len(line) - len(strings.TrimLeft(line, " ")); {
		case indent == 2 && f["table"] != "":
			all = append(all, Table{Node: node, Name: f["table"], Keys: number(f["used"]), Contributions: number(f["contributions"]), Bytes: number(f["bytes"]),
				Lag: lags[f["table"]], Exact: f["exact"] == "true", Why: f["why"], Apart: apart, Sources: []Source{}})
		case indent == 2 && f["id"] != "":
			peer, _, _ = strings.Cut(f["id"], "(")
			if f["status"] != "local" && f["status"] != "established" {
				apart = append(apart, peer)
			}
		case indent > 8 && f["table"] != "":
			lags[f["table"]] = max(lags[f["table"]], number(f["lag"]))
		case indent == 8 && f["have"] != "" && len(all) > 0:
			process, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			t := &all[len(all)-1]
			t.Sources = append(t.Sources, Source{process, f["state"], f["have"], f["contributions"], f["last_heard"]})
		}
	})
	return all
}

// Named leaves the tables of a name.
func Named(all []Table, name string) (some []Table) {
	for _, t := range all {
		if t.Name == name {
			some = append(some, t)
		}
	}
	return some
}

// Key reads the answers to 'show table NAME key KEY'.
func Key(text string) (all []Reading) {
	at := func(node string) *Reading {
		if len(all) == 0 || all[len(all)-1].Node != node {
			all = append(all, Reading{Node: node, From: []Contribution{}})
		}
		return &all[len(all)-1]
	}
	each(text, func(node, line string) {
		r := at(node)
		switch words := strings.Fields(line); {
		case strings.HasPrefix(line, "# table: "):
		case strings.HasPrefix(line, "0x"):
			r.Values = data(words[1:])
		case strings.HasPrefix(line, "# ") && len(words) > 2:
			r.From = append(r.From, Contribution{words[1], strings.TrimPrefix(words[2], "change="), strings.Join(words[3:], " ")})
		default:
			r.Problem = line
		}
	})
	return all
}

// data leaves out what is the entry's and no datum.
func data(words []string) string {
	var all []string
	for _, w := range words {
		switch name, _, _ := strings.Cut(w, "="); name {
		case "key", "use", "exp", "shard":
		default:
			all = append(all, w)
		}
	}
	return strings.Join(all, " ")
}
