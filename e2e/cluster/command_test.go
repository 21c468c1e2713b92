package cluster

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// tell has a command socket of a node execute a line.
func (f *fleet) tell(network, address, line string) string {
	f.t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		f.t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

// commands: those of a stats socket run on other nodes.
func (f *fleet) commands() {
	f.t.Helper()
	a, b := f.nodes[0], f.nodes[1]
	stats := func(line string) string { return f.tell("unix", a.dir+"/stats", line) }
	pid := func(n *node) string { return fmt.Sprint("\nPid: ", n.Cmd.Process.Pid, "\n") }
	if text := stats("@lb2 show info"); !strings.Contains(text, pid(b)) {
		f.t.Errorf("of lb2: %s", text)
	}
	all := stats("@* show info; show cli level")
	for _, n := range f.nodes {
		if !strings.Contains(all, "## "+n.name+"\n") || !strings.Contains(all, pid(n)) {
			f.t.Errorf("of all, %s: %s", n.name, all)
		}
	}
	if !strings.HasSuffix(all, "\nadmin\n\n") {
		f.t.Errorf("what follows runs here: %q", all)
	}
	for line, want := range map[string]string{
		"@lb9 show info":                             "the fleet has no node lb9; it has lb1, lb2, lb3",
		"@lb2":                                       "Expects a node and a command",
		"user; @lb2 disable frontend web":            "Permission denied",
		"operator; @lb2 show cli level":              "operator",
		"@lb2 echo a\\ b":                            "a b",
		"@lb2 @lb3 show info":                        "names no other",
		"@lb1 show cli level":                        "admin",
		"@lb2 nosuch":                                "Unknown command: 'nosuch'",
		"@lb2 set ssl cert /nosuch <<\nPEM\nlines\n": "/nosuch",
	} {
		if text := stats(line); !strings.Contains(text, want) {
			f.t.Errorf("%q: no %q in %q", line, want, text)
		}
	}
	if text := f.tell("tcp", fmt.Sprint("127.0.0.1:", a.cli), "@lb2 show info"); !strings.Contains(text, "Permission denied") || strings.Contains(text, "Pid") {
		f.t.Errorf("over TCP: %q", text)
	}
	if text := f.must(b, "cluster", "run", "lb1", "show info"); !strings.Contains(text, pid(a)) {
		f.t.Errorf("by the tool: %s", text)
	}
	if text := f.must(b, "cluster", "run", "all", "show", "stat"); strings.Count(text, "web,FRONTEND,") != 3 {
		f.t.Errorf("by the tool, of all: %s", text)
	}
	for _, words := range [][]string{{"remove"}, {"leader", "transfer"}, {"run"}} { // what the shell completes
		out, err := exec.Command(f.tool, append(append([]string{"__complete", "--socket", filepath.Join(b.dir, "control.sock"), "cluster"}, words...), "")...).Output()
		if err != nil || !strings.Contains(string(out), "lb1\nlb2\nlb3\n") {
			f.t.Errorf("%q: %v %s", words, err, out)
		}
	}
	if text, err := f.run(b, "cluster", "run", "lb9", "show info"); code(err) != 1 || !strings.Contains(text, "the fleet has no node lb9") {
		f.t.Errorf("by the tool: %d %s", code(err), text)
	}
}

// metrics: the exporter of every node has those of the fleet.
func (f *fleet) metrics() {
	f.t.Helper()
	leader := f.status(f.nodes[0]).Leader
	for _, n := range f.nodes {
		scrape := func(query string) string {
			r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics%s", n.web, query))
			if err != nil {
				f.t.Fatal(err)
			}
			defer r.Body.Close()
			text, err := io.ReadAll(r.Body)
			if err != nil {
				f.t.Fatal(err)
			}
			return string(text)
		}
		for _, want := range []string{
			"\n# TYPE gohap_fleet_members gauge\n", "\ngohap_fleet_members{state=\"alive\"} 3\n", "\ngohap_fleet_members{state=\"failed\"} 0\n",
			"\ngohap_fleet_leader{node=\"" + leader + "\"} 1\n", "\ngohap_fleet_healthy 1\n", "\ngohap_fleet_generation_active 3\n",
			"\ngohap_fleet_generation_running 3\n", "\ngohap_fleet_raft_lag_entries 0\n", "\ngohap_fleet_table_lag_milliseconds 0\n", "\ngohap_fleet_vip_held 0\n",
		} {
			f.await(n.name+" exports "+strings.TrimSpace(want), patience, func() bool { return strings.Contains(scrape(""), want) })
		}
		if text := scrape("?metrics=gohap_fleet_healthy"); !strings.HasSuffix(text, "\ngohap_fleet_healthy 1\n") || strings.Contains(text, "members") {
			f.t.Errorf("one alone: %s", text)
		}
		if text := scrape("?scope=frontend"); strings.Contains(text, "gohap_fleet") {
			f.t.Errorf("of frontends: %s", text)
		}
	}
}
