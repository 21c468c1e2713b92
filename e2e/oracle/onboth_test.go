package oracle

import (
	"path/filepath"
	"testing"
	"time"
)

// onBoth starts the reference and gohap with a configuration each that has so many
// addresses to listen at and a command socket; what it returns is by program.
func onBoth(t *testing.T, n int, text func(addrs []string, socket string) string) (sockets map[string]string, addrs map[string][]string) {
	t.Helper()
	sockets, addrs = map[string]string{}, map[string][]string{}
	for name, find := range map[string]func() (string, error){"the reference": Haproxy, "gohap": Gohap} {
		socket := filepath.Join(t.TempDir(), "s")
		for range n {
			addrs[name] = append(addrs[name], FreeAddress(t))
		}
		p := Start(t, Installed(t, find), text(addrs[name], socket))
		if !Eventually(10*time.Second, func() bool { _, err := Command(socket, "show version"); return err == nil }) {
			t.Fatalf("%s does not answer: %s", name, p.Said.String())
		}
		sockets[name] = socket
	}
	return sockets, addrs
}
