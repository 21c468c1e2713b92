package proxy

// Node is a server as its backend's policy sees it; it implements balance.Node.
type Node struct{ Server *Server }

// Weight implements balance.Node.
func (n Node) Weight() int { return int(n.Server.eff.Load()) }

// Load implements balance.Node.
func (n Node) Load() int64 { return n.Server.Conn.Load() + n.Server.line.waiting.Load() }

// Full implements balance.Node.
func (n Node) Full() bool {
	limit := n.Server.Limit()
	return limit > 0 && (n.Server.line.waiting.Load() > 0 || n.Server.Conn.Load() >= limit)
}

// Crowded implements balance.Node.
func (n Node) Crowded() bool {
	limit := n.Server.Limit()
	return limit > 0 && n.Load() >= limit+int64(n.Server.Maxqueue)
}

// ID implements balance.Node.
func (n Node) ID() int { return n.Server.ID }

// Key implements balance.Node.
func (n Node) Key() uint32 { return n.Server.RingKey }
