package transport

import "gohap/lbcore/buffer"

// SpliceIn moves up to n bytes from the socket into an empty pipe. Unlike Recv a
// short transfer does not tell that the socket is drained: pipes fill by pages.
func (r *Raw) SpliceIn(p *buffer.Pipe, n int) (int, State) {
	if r.drained {
		r.Watch()
		return 0, Again
	}
	if r.eof {
		return 0, EOF
	}
	for {
		n, e := r.loop.SpliceIn(r.fd, p, n)
		switch {
		case e == 0 && n == 0:
			r.eof, r.hup = true, true
			return 0, EOF
		case e == 0:
			return n, OK
		}
		if s, over := r.stopped(e, &r.drained); over {
			return 0, s
		}
	}
}

// SpliceOut moves what a pipe holds to the socket.
func (r *Raw) SpliceOut(p *buffer.Pipe) (int, State) {
	if r.blocked {
		return 0, Again
	}
	sent := 0
	for {
		n, e := r.loop.SpliceOut(r.fd, p)
		sent += n
		switch {
		case e == 0 && p.Len() == 0:
			return sent, OK
		case e == 0 && n > 0:
			continue
		}
		if s, over := r.stopped(e, &r.blocked); over {
			return sent, s
		}
	}
}
