package main

import (
	"bytes"
	"net/netip"
	"os"
	"strings"
	"testing"

	"gohap/cluster"
	"gohap/cluster/admin"
)

// TestKeepalived: what the node knows becomes a configuration; e2e/netns runs it.
func TestKeepalived(t *testing.T) {
	s := &cluster.Status{Nodes: []cluster.NodeStatus{
		{Name: "lb2", ID: "b", Address: "127.0.0.1:9410"}, {Name: "lb3", ID: "c", Address: "192.0.2.3:9410"}, {Name: "lb1", ID: "a", Address: "192.0.2.1:9410"},
	}}
	self := &admin.Self{Name: "lb2", ID: "b", Address: "127.0.0.1:9410", VIP: "127.9.9.9", Track: "/var/lib/gohap/track"}
	v := &keepalived{id: 51}
	if err := v.learn(self, s, ""); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	v.print(&out)
	for _, want := range []string{
		"interface lo\n", "priority 149\n", "127.9.9.9/8 dev lo\n", "unicast_src_ip 127.0.0.1\n", "    process gohap-node\n    terminate_delay ",
		"unicast_peer {\n        192.0.2.1\n        192.0.2.3\n    }\n", `file "/var/lib/gohap/track"`, "nopreempt",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	v = &keepalived{id: 51, iface: "eth7", match: "/usr/sbin/gohap-node join --name lb2"}
	if err := v.learn(self, s, "198.51.100.9/24"); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	v.print(&out)
	for _, want := range []string{"198.51.100.9/24 dev eth7\n", "process /usr/sbin/gohap-node join --name lb2\n    param_match initial\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	for want, v := range map[string]struct {
		k       keepalived
		vip     string
		address string
	}{
		"which address?":  {keepalived{id: 1}, "", ""},
		"is none of":      {keepalived{id: 256}, "192.0.2.9", ""},
		"of two families": {keepalived{id: 1}, "", "2001:db8::9"},
		"is no address":   {keepalived{id: 1}, "", "lb"},
	} {
		to := *self
		to.VIP = v.vip
		if err := v.k.learn(&to, s, v.address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// TestDeployed: docs/deploy/keepalived.conf is what is printed.
func TestDeployed(t *testing.T) {
	text, err := os.ReadFile("../../docs/deploy/keepalived.conf")
	if err != nil {
		t.Fatal(err)
	}
	v := &keepalived{name: "lb1", iface: "eth0", id: 51, priority: firstPriority, own: netip.MustParseAddr("192.0.2.1"), track: "/var/lib/gohap/track",
		peers: []netip.Addr{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")}, vip: netip.MustParsePrefix("192.0.2.10/24")}
	var out bytes.Buffer
	v.print(&out)
	_, body, _ := strings.Cut(out.String(), "\n")
	if !strings.HasSuffix(string(text), "\n"+body) {
		t.Errorf("it does not end with\n%s", body)
	}
}
