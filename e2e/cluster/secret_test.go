package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gohap/cluster/keyring"
	"gohap/cluster/rpc"
)

// TestSecrets goes from one secret to the next while the nodes run and serve: no request
// is lost, nobody leads but who did, and the old secret opens nothing in the end.
func TestSecrets(t *testing.T) {
	f := newFleet(t)
	shared := filepath.Join(f.dir, "secret")
	former, err := keyring.ReadFile(shared)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(shared)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range f.nodes { // each has its own file, as on machines
		n.secret = filepath.Join(f.dir, "secret-"+n.name)
		if err := os.WriteFile(n.secret, text, 0o600); err != nil {
			t.Fatal(err)
		}
		f.start(n)
	}
	f.healthy(patience)
	f.await("the file is the fleet's", patience, func() bool { return f.status(f.nodes[0]).Generation == 1 })
	leader := f.status(f.nodes[0]).Leader
	stop := f.traffic()
	for i, step := range []string{"add", "promote", "remove"} {
		f.must(f.nodes[0], "keys", "rotate", step, shared)
		f.carry(shared, i)
		f.await("all have the same secrets", patience, func() bool {
			out, err := f.run(f.nodes[1], "keys", "status")
			return err == nil && strings.HasSuffix(out, "\nAll have the same.\n")
		})
		f.write(step)
		f.must(f.nodes[i], "cluster", "apply", "-f", "haproxy.cfg")
	}
	t.Logf("%d requests, none lost", stop())
	f.counted()
	for _, n := range f.nodes {
		if s := f.status(n); !s.Healthy || s.Leader != leader || s.Generation != 4 {
			t.Errorf("%s says %+v; %s led", n.name, s, leader)
		}
	}
	member := func(all []keyring.Secret) error {
		r, err := keyring.New("11111111-2222-4333-8444-555555555555", all)
		if err != nil {
			t.Fatal(err)
		}
		_, err = talk(fmt.Sprint("127.0.0.1:", f.nodes[0].port), r.Client(rpc.Protocol, ""))
		return err
	}
	if member(former) == nil {
		t.Error("the secret that was removed opens the port")
	}
	now, err := keyring.ReadFile(shared)
	if err != nil {
		t.Fatal(err)
	}
	if err := member(now); err != nil {
		t.Errorf("the new one does not: %v", err)
	}
	f.hidden(append(former, now...))
	f.spoilt()
}

// carry brings the file to every node: each takes it over, by the tool or by a signal.
func (f *fleet) carry(shared string, step int) {
	f.t.Helper()
	text, err := os.ReadFile(shared)
	if err != nil {
		f.t.Fatal(err)
	}
	for k, n := range f.nodes {
		if err := os.WriteFile(n.secret, text, 0o600); err != nil {
			f.t.Fatal(err)
		}
		if (k+step)%2 == 0 {
			if out := f.must(n, "keys", "load"); !strings.Contains(out, "accepts "+fmt.Sprint(strings.Count(string(text), "\n"))) {
				f.t.Error(out)
			}
		} else if err := n.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
			f.t.Fatal(err)
		}
		if k == 0 {
			f.await("they differ meanwhile", patience, func() bool {
				out, err := f.run(f.nodes[1], "keys", "status")
				return code(err) == 1 && strings.Contains(out, "\nNot the same: ")
			})
		}
	}
}

// spoilt: a file that cannot be used changes nothing.
func (f *fleet) spoilt() {
	f.t.Helper()
	n := f.nodes[2]
	if err := os.WriteFile(n.secret, []byte("short\n"), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if out, err := f.run(n, "keys", "load"); code(err) != 1 || !strings.Contains(out, n.secret+":1: a secret is base64") {
		f.t.Errorf("%d %s", code(err), out)
	}
	f.healthy(patience)
}
