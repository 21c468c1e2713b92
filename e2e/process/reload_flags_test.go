package process

import (
	"flag"
	"time"
)

// How much traffic stands on a reload: soak has more.
var (
	clients = flag.Int("clients", 4, "clients of each kind that connect again and again during reloads")
	open    = flag.Int("open", 200, "connections that stay open during reloads")
)

// pause is what a client waits between two connections.
const pause = 2 * time.Millisecond
