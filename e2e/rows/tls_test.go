package rows

import (
	"crypto/tls"
	"fmt"
	"net"

	"gohap/e2e/oracle"
)

// once asks addr for / and returns the body, "" after any error.
func once(addr string) string {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return ""
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
	return readReply(c).body
}

// idleTLS: some hundred idle TLS connections take no more memory than the
// reference's, 32 KiB each, by far.
func idleTLS(s *subject) {
	s.certificate()
	s.start("\nfrontend f\n    timeout client 1m\n    bind {bind:f} ssl crt {dir}/cert.pem\n    http-request return status 200 string tls content-type text/plain\n")
	open := func(n int) {
		for range n {
			c, err := tls.Dial("tcp", s.addr("f"), &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				s.Fatal(err)
			}
			s.Cleanup(func() { c.Close() })
			s.exchange(c, "GET / HTTP/1.1", []string{"host: x"}, "")
		}
	}
	open(100)
	before := oracle.Resident(s, s.proc.Cmd.Process.Pid)
	open(400)
	if each := (oracle.Resident(s, s.proc.Cmd.Process.Pid) - before) / 400; each > 48<<10 {
		s.Errorf("%d bytes for an idle connection", each)
	}
	s.same(s.stat("f/FRONTEND", "scur"), 500)
}

// served returns the certificate that a listener serves.
func (s *subject) served(front string) string {
	s.Helper()
	c, err := tls.Dial("tcp", s.addr(front), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		s.Fatal(err)
	}
	defer c.Close()
	return string(c.ConnectionState().PeerCertificates[0].Raw)
}

// clientHello returns the first message of a TLS client that asks for name.
func clientHello(name string) []byte {
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() { _ = tls.Client(theirs, &tls.Config{ServerName: name}).Handshake(); theirs.Close() }()
	p := make([]byte, 16<<10)
	n, _ := ours.Read(p)
	return p[:n]
}
