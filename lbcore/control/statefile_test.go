package control

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gohap/lbcore/check"
	"gohap/lbcore/clock"
	"gohap/lbcore/config"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
)

const someColumns = "127.0.0.1 2 8 33 10 1000 6 3 4 6 0 0 0 - 80 - 0 0 - - 0"

// Where reading stops, as the reference does.
func TestParseStates(t *testing.T) {
	line := "3 b 1 s1 " + someColumns + "\n"
	for name, c := range map[string]struct {
		text, fault string
		at, lines   int
	}{
		"whole":            {"1\n" + stateHeader + "\n" + line, "", 0, 1},
		"no header":        {"1\n" + line, "", 0, 1},
		"empty lines":      {"1\n\n# x\n" + line + "\n", "", 0, 1},
		"twice":            {"1\n" + line + line, "", 0, 1},
		"nothing":          {"", "empty", 0, 0},
		"other version":    {"2\n" + line, "version", 0, 0},
		"no version":       {line, "version", 0, 0},
		"carriage return":  {"1\r\n" + line, "version", 0, 0},
		"nineteen columns": {"1\n" + stateHeader + "\n3 b 1 s1 127.0.0.1 2 8 2 1 1000 1 0 2 0 0 0 0 - 18200\n" + line, "corrupt", 2, 0},
		"twenty columns":   {"1\n3 b 1 s1 127.0.0.1 2 8 2 1 1000 1 0 2 0 0 0 0 - 18200 -\n", "", 0, 1},
		"no end":           {"1\n" + line + strings.TrimSuffix(line, "\n"), "corrupt", 2, 1},
	} {
		lines, fault, at := parseStates(strings.NewReader(c.text), nil)
		if fault != c.fault || at != c.at || len(lines) != c.lines {
			t.Errorf("%s: %d lines, %q at %d", name, len(lines), fault, at)
		}
	}
}

// Which columns are refused, each in the reference's words.
func TestParseRecord(t *testing.T) {
	whole := strings.Fields("3 b 1 s1 " + someColumns)
	for i, c := range []struct {
		column int
		value  string
		wrong  string
	}{
		{5, "9", "srv_op_state"}, {6, "9", "srv_admin_state"}, {6, "999", "srv_admin_state"}, {7, "999", "srv_uweight"},
		{8, "x", "srv_iweight"}, {9, "xx", "srv_last_time_change"}, {10, "21", "srv_check_status"}, {11, "5", "srv_check_result"},
		{12, "x", "srv_check_health"}, {12, "-1", ""}, {13, "32", "srv_check_state"}, {14, "32", "srv_agent_state"},
		{18, "99999", "srv_port"}, {18, "x", ""}, {6, "127", "srv_admin_state"}, {6, "119", ""}, {10, "20", ""}, {4, "foo", ""},
	} {
		f := append([]string(nil), whole...)
		f[c.column] = c.value
		want := ""
		if c.wrong != "" {
			want = fmt.Sprintf("invalid %s value '%s'", c.wrong, c.value)
		}
		if _, wrong := parseRecord(f); strings.Join(wrong, ", ") != want {
			t.Errorf("%d: %q", i, wrong)
		}
	}
	f := append([]string(nil), whole...)
	f[5], f[7] = "9", "999"
	if _, wrong := parseRecord(f); strings.Join(wrong, ", ") != "invalid srv_op_state value '9', invalid srv_uweight value '999'" {
		t.Errorf("two: %q", wrong)
	}
}

func FuzzStates(f *testing.F) {
	f.Add("1\n" + stateHeader + "\n3 b 1 s1 " + someColumns + "\n")
	f.Add("1\n3 b 1 s1 x 1 127 256 0 -1 20 4 x 31 31 1 1 - 65535 - 1 99999 ::1 x -\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, _, _ := parseStates(strings.NewReader(text), nil)
		for key, fields := range lines {
			if len(fields) < leastColumns || key != fields[1]+"/"+fields[3] {
				t.Fatalf("%q: %q", key, fields)
			}
			r, wrong := parseRecord(fields)
			if len(wrong) == 0 && (r.port < 0 || r.port > 65535 || r.weight > 256 || r.saved.Oper > proxy.Stopping) {
				t.Fatalf("taken: %+v", r)
			}
		}
	})
}

// restored reads a file into a backend and returns its server and what was told.
func restored(t *testing.T, columns string, change func(*proxy.Server)) (*proxy.Server, []string) {
	t.Helper()
	at := loop.IPSockaddr(netip.MustParseAddrPort("127.0.0.1:80"))
	s := &proxy.Server{Name: "s1", ID: 1, Weight0: 10, Rise: 2, Fall: 3,
		Check: &proxy.CheckConfig{Rise: 2, Fall: 3, Inter: time.Hour, Addr: at}}
	s.Move(&proxy.Address{To: at})
	if change != nil {
		change(s)
	}
	p := &proxy.Proxy{Name: "b", ID: 3, IsBackend: true, StateFrom: proxy.StateGlobal}
	p.AddServer(s)
	now := clock.NewFake(time.Unix(100000, 0))
	s.Init(100000, nil)
	file := filepath.Join(t.TempDir(), "states")
	if err := os.WriteFile(file, []byte("1\n3 b 1 s1 "+columns+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said []string
	tell := func(_ config.Severity, text string) { said = append(said, text) }
	states := ReadStates([]*proxy.Proxy{p}, file, "", tell)
	c := &check.Checker{Proxies: []*proxy.Proxy{p}, Clock: now, Log: func(_ *proxy.Proxy, _ int, line string) { said = append(said, line) }}
	c.Prepare()
	states.Apply(c, tell)
	return s, said
}

func TestRestore(t *testing.T) {
	const left = ". 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue."
	for name, c := range map[string]struct {
		columns string
		change  func(*proxy.Server)
		oper    proxy.Operational
		admin   proxy.Admin
		health  int
		weight  int
		said    string
	}{
		"drained":       {"127.0.0.1 2 8 33 10 1000 6 3 4 6 0 0 0 - 80 - 0 0 - - 0", nil, proxy.Running, proxy.ForcedDrain, 4, 33, ""},
		"other weight":  {"127.0.0.1 2 0 33 11 1000 6 3 4 6 0 0 0 - 80 - 0 0 - - 0", nil, proxy.Running, 0, 4, 10, ""},
		"down":          {"127.0.0.1 0 0 10 10 1000 8 2 1 6 0 0 0 - 80 - 0 0 - - 0", nil, proxy.Down, 0, 0, 10, "Server b/s1 is DOWN, changed from server-state after a reload" + left},
		"maintenance":   {"127.0.0.1 2 1 10 10 1000 8 2 1 6 0 0 0 - 80 - 0 0 - - 0", nil, proxy.Down, proxy.ForcedMaint, 0, 10, ""},
		"disabled then": {"127.0.0.1 2 5 10 10 1000 8 2 1 6 0 0 0 - 80 - 0 0 - - 0", nil, proxy.Running, 0, 4, 10, ""},
		"starting":      {"127.0.0.1 1 0 10 10 1000 8 2 9 6 0 0 0 - 80 - 0 0 - - 0", nil, proxy.Running, 0, 1, 10, ""},
		"enabled since": {"127.0.0.1 2 4 10 10 1000 8 2 1 6 0 0 0 - 80 - 0 0 - - 0",
			func(s *proxy.Server) { s.SetAdmin(proxy.ForcedMaint|proxy.ConfigMaint, 0, 0) }, proxy.Running, proxy.ConfigMaint, 2, 10,
			"Server b/s1 is UP/READY (leaving forced maintenance)."},
		"still disabled": {"127.0.0.1 2 0 10 10 1000 8 2 1 6 0 0 0 - 80 - 0 0 - - 0",
			func(s *proxy.Server) { s.SetAdmin(proxy.ForcedMaint|proxy.ConfigMaint, 0, 0) }, proxy.Down, proxy.ForcedMaint | proxy.ConfigMaint, 4, 10, ""},
		"checks off": {"127.0.0.1 2 0 10 10 1000 8 2 1 2 0 0 0 - 80 - 0 99 - - 0", nil, proxy.Running, 0, 4, 10,
			"server-state partially applied for server 'b/s1', health checks are not enabled on this server"},
		"wrong": {"127.0.0.1 9 0 33 10 1000 8 2 1 2 0 0 0 - 80 - 0 99 - - 0", nil, proxy.Running, 0, 2, 10,
			"server-state application failed for server 'b/s1', invalid srv_op_state value '9'"},
	} {
		s, said := restored(t, c.columns, c.change)
		if h := s.Health(); s.Oper() != c.oper || s.Admin() != c.admin || h.Value != c.health || s.UserWeight() != c.weight || strings.Join(said, "; ") != c.said {
			t.Errorf("%s: state %d, admin %d, health %d, weight %d, said %q", name, s.Oper(), s.Admin(), h.Value, s.UserWeight(), said)
		} else if name != "wrong" && h.LastChange != 99000 {
			t.Errorf("%s: changed at %d", name, h.LastChange)
		}
	}
}

// The port is taken, the address only of a server that is known by a name.
func TestRestoreAddress(t *testing.T) {
	const columns = "127.0.0.9 2 0 10 10 1000 6 3 4 6 0 0 0 - 99 - 0 44 127.0.0.8 - 0"
	s, _ := restored(t, columns, nil)
	if ip, port := s.Address().Shown(); ip != "127.0.0.1" || port != 99 {
		t.Errorf("at %s port %d", ip, port)
	}
	if p := s.CheckAt(); p.Port != 44 || p.Addr.String() != "127.0.0.8" {
		t.Errorf("checked at %v", p)
	}
	s, _ = restored(t, columns, func(s *proxy.Server) { s.FQDN = "app.example" })
	if ip, _ := s.Address().Shown(); ip != "127.0.0.9" {
		t.Errorf("at %s", ip)
	}
}
