package node

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gohap/cluster/keyring"
)

// TestParseJoin: join takes its own options out of the line, in both forms, and says
// what is wrong with them.
func TestParseJoin(t *testing.T) {
	f, rest, err := parseJoin(strings.Fields("--peers=a,b:1,,c -f x.cfg --name n1 --port 9000 -q --bootstrap-expect 2 --insecure-no-secret --data-dir /d --vip 2001:db8::1"))
	if err != nil {
		t.Fatal(err)
	}
	if f.vip != netip.MustParseAddr("2001:db8::1") {
		t.Error(f.vip)
	}
	f.vip = netip.Addr{}
	if got := fmt.Sprintf("%v %v", *f, rest); got != "{[a b:1 c] n1   9000 /d  2 0 /d/control.sock true {{0 0} {<nil>}} /d/track} [-f x.cfg -q]" {
		t.Error(got)
	}
	for line, want := range map[string]string{
		"-f x":                               "--peers is missing",
		"--peers":                            "--peers wants a,b,c",
		"--peers a --name":                   "--name wants NAME",
		"--peers a --vip lb":                 "--vip: ",
		"--peers a --nosuch 1":               "no option --nosuch",
		"--peers a --port 0":                 "--port: a number from 1 to 65535",
		"--peers a --port x":                 "--port: a number",
		"--peers a,b,c --bootstrap-expect 1": "more than half of the 3 nodes",
		"--peers a --max-voters 10":          "a number from 1 to 9",
		"--peers a --name a\"b":              "may not have the character",
	} {
		if _, _, err := parseJoin(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	var help bytes.Buffer
	joinUsage(&help)
	for _, r := range joinRows {
		if !strings.Contains(help.String(), r.name) {
			t.Errorf("the help has no %s", r.name)
		}
	}
	for line := range strings.Lines(help.String()) {
		if len(line) > 101 {
			t.Errorf("a line of %d: %s", len(line), line)
		}
	}
}

// TestSecrets: without a secret a fleet stays on loopback, unless somebody says that it
// need not.
func TestSecrets(t *testing.T) {
	far, near := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("127.0.0.2")
	if _, err := (&joinFlags{}).secrets(far); err == nil || !strings.Contains(err.Error(), "gohap keys new") {
		t.Error(err)
	}
	for _, f := range []*joinFlags{{noSecret: true}, {}} {
		at := near
		if f.noSecret {
			at = far
		}
		if all, err := f.secrets(at); err != nil || len(all) != 0 {
			t.Error(all, err)
		}
	}
	path := filepath.Join(t.TempDir(), "secret")
	if err := keyring.CreateFile(path, []keyring.Secret{keyring.NewSecret()}); err != nil {
		t.Fatal(err)
	}
	if all, err := (&joinFlags{secret: path}).secrets(far); err != nil || len(all) != 1 {
		t.Error(all, err)
	}
	os.Chmod(path, 0o644)
	if _, err := (&joinFlags{secret: path}).secrets(far); err == nil {
		t.Error("everybody may read it")
	}
}

// TestReached: what is said counts, then an address of --peers that is this machine's.
func TestReached(t *testing.T) {
	for _, x := range []struct {
		f    joinFlags
		want string
	}{
		{joinFlags{advertise: "192.0.2.7", bind: "127.0.0.1"}, "192.0.2.7"},
		{joinFlags{bind: "127.0.0.3"}, "127.0.0.3"},
		{joinFlags{peers: []string{"192.0.2.9", "127.0.0.1:9411"}, bind: "0.0.0.0"}, "127.0.0.1"},
	} {
		if got, err := x.f.reached(); err != nil || got.String() != x.want {
			t.Errorf("%+v: %v %v", x.f, got, err)
		}
	}
	if _, err := (&joinFlags{advertise: "not a host"}).reached(); err == nil {
		t.Error("no address is one")
	}
}
