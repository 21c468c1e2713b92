package process

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// stateConfig is a configuration of servers in all kinds of states; reads is what the
// states are read from.
func stateConfig(dir, socket string, reads string) string {
	return "global\n stats socket " + socket + " level admin\n server-state-base " + dir + "\n server-state-file " + reads + "\n" + `
defaults
 mode http
 timeout client 5s
 timeout server 5s
 timeout connect 5s
 load-server-state-from-file global
backend one
 server weighted 127.0.0.1:1 weight 10
 server drained 127.0.0.1:2 weight 7
 server maintained 127.0.0.1:3
 server moved 127.0.0.1:4
 server started 127.0.0.1:5 disabled
 server untouched 127.0.0.1:6 weight 100
 server down 127.0.0.1:7 check inter 100s
 server up 127.0.0.1:8 check inter 100s rise 3 fall 4
 server followed 127.0.0.1:9 track one/up
 server gone 127.0.0.1:10 backup weight 0
backend two
 server agent 127.0.0.1:1 agent-check agent-port 1 agent-inter 100s weight 50
 server agent2 127.0.0.1:2 agent-check agent-port 1 agent-inter 100s weight 50
 server ported 127.0.0.1:3 check port 4 inter 100s
 server secured 127.0.0.1:5 ssl verify none
`
}

// changes make the states.
const changes = `set server one/weighted weight 50%
set server one/drained state drain
set server one/maintained state maint
set server one/moved addr 127.0.0.9 port 99
set server one/started state ready
set server one/down health down
set server one/up health stopping
set server one/gone weight 30
set server two/agent agent down
set server two/agent2 weight 3
set server two/ported check-port 77
set server two/ported check-addr 127.0.0.8
set server two/agent2 agent-addr 127.0.0.7
set server two/agent2 agent-port 88`

// TestStatesBetween holds that each program reads the file of server states that the
// other one wrote: what show servers state says is the same then in both.
func TestStatesBetween(t *testing.T) {
	ours, theirs := oracle.Installed(t, oracle.Gohap), oracle.Installed(t, oracle.Haproxy)
	name := map[string]string{ours: "gohap", theirs: "haproxy"}
	var want []string
	for _, wrote := range []string{theirs, ours} {
		dir := t.TempDir()
		socket := filepath.Join(dir, "a")
		p := oracle.Start(t, wrote, stateConfig(dir, socket, "none"))
		asked(t, p, socket, "show version")
		for line := range strings.Lines(changes) {
			asked(t, p, socket, strings.TrimSpace(line))
		}
		written := asked(t, p, socket, "show servers state")
		if err := os.WriteFile(filepath.Join(dir, "states"), []byte(written), 0o600); err != nil {
			t.Fatal(err)
		}
		p.Stop()
		if want == nil {
			want = states(written)
		} else if d := differ(want, states(written)); d != "" {
			t.Errorf("what %s writes differs from what %s wrote:\n%s", name[wrote], name[theirs], d)
		}
		// The reference says what is read of a file: not all of it.
		var read []string
		for _, reads := range []string{theirs, ours} {
			at := filepath.Join(dir, name[reads])
			p := oracle.Start(t, reads, stateConfig(dir, at, "states"))
			now := states(asked(t, p, at, "show servers state"))
			if read == nil {
				read = now
			} else if d := differ(read, now); d != "" {
				t.Errorf("%s wrote, %s read otherwise than %s:\n%s%s", name[wrote], name[reads], name[theirs], d, p.Said.String())
			}
			for _, part := range []string{"weighted 127.0.0.1 2 0 5 10", "drained 127.0.0.1 2 8 7 7", "maintained 127.0.0.1 0 1 1 1", "down 127.0.0.1 0 0 1 1", "up 127.0.0.1 3 0 1 1", "gone 127.0.0.1 2 0 30 0", "agent 127.0.0.1 0 0 50 50"} {
				if !strings.Contains(strings.Join(now, "\n"), " "+part) {
					t.Errorf("%s wrote, %s read, but there is no '%s' in\n%s", name[wrote], name[reads], part, strings.Join(now, "\n"))
				}
			}
			p.Stop()
		}
	}
}

// differ tells in which lines two lists differ, "" for none.
func differ(want, got []string) string {
	var b strings.Builder
	for i := range max(len(want), len(got)) {
		var w, g string
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			b.WriteString("- " + w + "\n+ " + g + "\n")
		}
	}
	return b.String()
}

// asked waits for a command's answer.
func asked(t *testing.T, p *oracle.Running, socket, line string) (answer string) {
	t.Helper()
	var err error
	if !oracle.Eventually(10*time.Second, func() bool { answer, err = oracle.Command(socket, line); return err == nil }) {
		t.Fatalf("%s: %v\n%s", line, err, p.Said.String())
	}
	return answer
}

// states are the lines of show servers state without how long ago the last change was,
// and without what the first checks say, which may run by then.
func states(text string) (all []string) {
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) > 10 && w[0] != "#" {
			w[9], w[10], w[11] = "-", "-", "-"
			for _, i := range []int{13, 14} { // whether one runs
				if n, err := strconv.Atoi(w[i]); err == nil {
					w[i] = strconv.Itoa(n &^ 1)
				}
			}
			all = append(all, strings.Join(w, " "))
		}
	}
	return all
}
