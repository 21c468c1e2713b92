package node

import (
	"net"
	"os"
)

// notify tells systemd how the service is, under -Ws (sd_notify(3)). Nobody may
// listen; then nobody is told.
func (m *master) notify(state string) {
	at := os.Getenv("NOTIFY_SOCKET")
	if !m.flags.notify || at == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write([]byte(state))
}
