package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommandLine holds exit codes and texts to the reference's.
func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	const timeouts = "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
	good := write("good.cfg", timeouts+"frontend f\n bind 127.0.0.1:8099\n default_backend b\nbackend b\n server s 127.0.0.1:1\n")
	bad := write("bad.cfg", timeouts+"frontend f\n bnd 127.0.0.1:80\n")
	warns := write("warns.cfg", "frontend f\n mode http\n bind 127.0.0.1:8099\n")
	empty := write("empty.cfg", timeouts)
	for _, c := range []struct {
		args   string
		code   int
		out    string // in stdout
		err    string // in stderr
		silent bool
	}{
		{args: "", code: 1, err: "Usage:"},
		{args: "-nonsense", code: 1, err: "Usage:"},
		{args: "-v", code: 0, out: "compatible with HAProxy 3.2"},
		{args: "-vv", code: 0, out: "+EPOLL"},
		{args: "-c -f " + good, code: 0, silent: true},
		{args: "-c -V -f " + good, code: 0, out: "Configuration file is valid"},
		{args: "-c -f " + bad, code: 1, err: "unknown keyword 'bnd' in 'frontend' section; did you mean 'bind' maybe ?"},
		{args: "-c -q -f " + bad, code: 1, silent: true},
		{args: "-c -f " + warns, code: 0, err: "missing timeouts for frontend 'f'"},
		{args: "-c -dW -f " + warns, code: 1, err: "Some warnings were found and 'zero-warning' is set. Aborting."},
		{args: "-c -f " + empty, code: 2, out: "will not start (no listener) => exit(2)"},
		{args: "-c -f " + dir + "/nosuch.cfg", code: 1, err: "No such file or directory"},
		{args: "-cc version_atleast(3.2)", code: 0, silent: true},
		{args: "-cc version_atleast(4.0)", code: 1, silent: true},
		{args: "-cc feature(FLEET)", code: 0, silent: true},
		{args: "-cc nonsense(", code: 2, err: "condition"},
		{args: "-dKall", code: 0, out: "# List of registered sample fetch functions:"},
		{args: "-dp -f " + good, code: 1, err: "flag '-dp' is known to HAProxy, not implemented by gohap"},
	} {
		var out, err strings.Builder
		code := Run(strings.Fields(c.args), &out, &err)
		if code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(err.String(), c.err) {
			t.Errorf("%q: exit %d, want %d\nstdout: %.300s\nstderr: %.600s", c.args, code, c.code, out.String(), err.String())
		}
		if c.silent && out.Len()+err.Len() > 0 {
			t.Errorf("%q is not silent: %s%s", c.args, out.String(), err.String())
		}
	}
}
