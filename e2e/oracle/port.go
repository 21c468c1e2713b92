package oracle

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Ports below those that the kernel gives to connections and to whoever asks for any
// (net.ipv4.ip_local_port_range begins at 32768): what is free stays free until the
// program that is to listen there does.
const (
	lowestPort  = 12000
	highestPort = 32000
)

var given struct {
	sync.Mutex
	ports map[int]bool
}

// FreePort returns a port of 127.0.0.1 that nobody listens on, neither TCP nor UDP, and
// that no other call of this process has returned.
func FreePort(t testing.TB) int {
	t.Helper()
	given.Lock()
	defer given.Unlock()
	for range 1000 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if given.ports[port] || !unused(port) {
			continue
		}
		if given.ports == nil {
			given.ports = map[int]bool{}
		}
		given.ports[port] = true
		return port
	}
	t.Fatal("no port is free")
	return 0
}

// FreeAddress is FreePort with the address in front.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return fmt.Sprint("127.0.0.1:", FreePort(t))
}

func unused(port int) bool {
	at := fmt.Sprint("127.0.0.1:", port)
	l, err := net.Listen("tcp", at)
	if err != nil {
		return false
	}
	defer l.Close()
	p, err := net.ListenPacket("udp", at)
	if err != nil {
		return false
	}
	p.Close()
	return true
}
