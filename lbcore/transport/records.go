package transport

// Records says how much plaintext a record of TLS has at most, bytes, zero for as much
// as there is. It is read-only once loops run.
type Records struct {
	Most int // tune.ssl.hard-maxrecord
	// Early is the same at the beginning of a transfer and behind a pause of Idle
	// ns: a client can use a small record sooner (tune.ssl.maxrecord).
	Early int
	Idle  int64 // zero for no pause
}

// earlyBytes is how much makes a transfer a large one, for which full records pay.
const earlyBytes = 64 << 10

// sizing is how far a transfer is.
type sizing struct {
	*Records
	sent int   // bytes since its beginning
	last int64 // when the last one was sent
}

// Size makes the connection's records as small as r says; nil is as much as fits.
func (t *TLS) Size(r *Records) {
	if r != nil && (r.Most > 0 || r.Early > 0) {
		t.sizing = &sizing{Records: r}
	}
}

// write gives p to the library, a record a call.
func (t *TLS) write(p []byte) (err error) {
	z := t.sizing
	if z == nil {
		_, err = t.conn.Write(p)
		return err
	}
	now := t.raw.loop.Now()
	if z.Idle > 0 && now-z.last > z.Idle {
		z.sent = 0
	}
	z.last = now
	for len(p) > 0 && err == nil {
		n := min(len(p), z.next())
		_, err = t.conn.Write(p[:n])
		z.sent += n
		p = p[n:]
	}
	return err
}

// next is how much the next record has at most.
func (z *sizing) next() int {
	n := recordSize
	if z.Most > 0 {
		n = min(n, z.Most)
	}
	if z.Early > 0 && z.sent < earlyBytes {
		n = min(n, z.Early)
	}
	return n
}
