package control

import "gohap/lbcore/cli"

// Exposer is a host whose listening sockets another process may have.
type Exposer interface {
	// ExposedSockets returns descriptors and the names that the other process
	// knows them by, a line each.
	ExposedSockets() (names []string, fds []int)
}

// getSockets hands the listening sockets over, a line with its descriptor each.
func getSockets(r *cli.Request) {
	host, ok := r.Host.(Exposer)
	if !ok || !r.Exposes() {
		r.Fail("Permission denied: the socket has no 'expose-fd listeners'.")
		return
	}
	names, fds := host.ExposedSockets()
	for i, fd := range fds {
		if r.Pass(names[i], fd) != nil {
			return // the other end is gone or takes no descriptors: it misses them
		}
	}
}
