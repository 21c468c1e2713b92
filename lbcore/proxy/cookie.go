package proxy

import (
	"encoding/binary"
	"fmt"

	"gohap/lbcore/acl"
	"gohap/lbcore/hash"
	"gohap/lbcore/sample"
)

// CookieMode is what persistence does with its cookie in answers.
type CookieMode uint8

// The modes of cookie.
const (
	CookiePassive CookieMode = iota
	CookieInsert
	CookieRewrite
	CookiePrefix
)

// Cookie is a backend's persistence cookie.
type Cookie struct {
	Name []byte
	Mode CookieMode

	Indirect, NoCache, PostOnly, Preserve, Dynamic bool
	// Letters tells that the log shows what became of the cookie.
	Letters bool
	// Tail is what follows an inserted cookie: path, domains, attributes.
	Tail []byte
	// MaxIdle and MaxLife are in seconds, zero for no limit.
	MaxIdle, MaxLife int64
}

// Dated tells whether cookies carry dates.
func (c *Cookie) Dated() bool { return c.MaxIdle > 0 || c.MaxLife > 0 }

// PersistRule is force-persist or, where Ignore is set, ignore-persist.
type PersistRule struct {
	Cond   *acl.Cond
	Ignore bool
}

// UseServer is one use-server rule: a server, or a name computed for each request.
type UseServer struct {
	Cond   *acl.Cond
	Server *Server
	Name   *sample.Format
}

// Stopped tells whether the server takes nothing at all, not even what persists;
// any goroutine.
func (s *Server) Stopped() bool { return s.Oper() == Down || s.Admin().Maint() }

// DynamicCookie is the value that option dynamic gives a server, "" for one that
// has no IP address.
func (s *Server) DynamicCookie(key string) string {
	ip := s.Address().To.IP
	if !ip.IsValid() {
		return ""
	}
	b := append([]byte(key), ip.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint32(b, uint32(ip.Port()))
	return fmt.Sprintf("%016x", hash.XXH64(b, 0))
}
