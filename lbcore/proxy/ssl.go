package proxy

import (
	"sync/atomic"

	"gohap/lbcore/certs"
	"gohap/lbcore/mux"
)

// ssl is whether a server is spoken to by TLS, which operators switch.
type ssl struct {
	said   atomic.Int32 // srv_use_ssl
	config atomic.Pointer[mux.ServerConfig]
}

// Dialled is how connections to the server are made from now on; any goroutine or
// loop. Connections that were made another way are used no more.
func (s *Server) Dialled() *mux.ServerConfig {
	if c := s.ssl.config.Load(); c != nil {
		return c
	}
	return &s.Config
}

// UseSSL is 1 when the server is spoken to by TLS, 0 when it is not, -1 (reference)
// where the configuration says no-ssl; any goroutine.
func (s *Server) UseSSL() int { return int(s.ssl.said.Load()) }

// SaySSL sets what UseSSL returns; before the instance runs.
func (s *Server) SaySSL(n int) { s.ssl.said.Store(int32(n)) }

// SetTLS makes connections speak TLS or not; any goroutine. It reports false where
// nothing was said about TLS on the server's line.
func (s *Server) SetTLS(on bool) bool {
	if s.TLS == nil {
		return false
	}
	c := s.Config
	var back *certs.Back
	said := int32(0)
	if on {
		back, said = s.TLS, 1
	}
	c.TLS = back
	s.ssl.config.Store(&c)
	s.ssl.said.Store(said)
	return true
}
