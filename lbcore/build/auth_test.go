package build_test

import (
	"testing"

	"gohap/lbcore/proxy"
)

// TestAskedFirst holds which places ask a userlist by themselves, and for which
// a proxy has to ask before its rules: those that cannot wait.
func TestAskedFirst(t *testing.T) {
	const head = "userlist l\n user u password $1$abc$B..HicC/afMveWeNyfNsf/\n" +
		"defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n" +
		"listen p\n bind :1\n server s 192.0.2.1:1\n acl in http_auth(l)\n"
	for _, tt := range []struct {
		line  string
		first int // lists that are asked before the rules
		asks  int // those that the first http-request rule's action asks
	}{
		{"http-request deny unless in", 0, 0},
		{"http-request deny unless { http_auth(l) }", 0, 0},
		{"http-request set-header x %[http_auth(l)]", 0, 1},
		{"http-request set-var(txn.a) http_auth_group(l)", 0, 1},
		{"tcp-request content reject unless in", 0, 0},
		{"redirect location / unless in", 0, 0},
		{"use_backend p if in", 0, 0},
		{"use-server s if in", 1, 0},
		{"ignore-persist if in", 1, 0},
		{"monitor fail if in", 1, 0},
		{"use_backend %[http_auth_group(l)]", 1, 0},
	} {
		var p *proxy.Proxy
		for _, p = range loadGood(t, head+" "+tt.line+"\n").Proxies {
		}
		asks := 0
		if len(p.HTTPReqRules) > 0 {
			asks = len(p.HTTPReqRules[0].Asks)
		}
		if len(p.Userlists) != tt.first || asks != tt.asks {
			t.Errorf("%s: %d lists asked first, the action asks %d; want %d and %d", tt.line, len(p.Userlists), asks, tt.first, tt.asks)
		}
	}
}
