package oracle

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	order "encoding/binary" // the package has a function of that name
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// What a server line says about its PROXY header.
var prefaceOptions = []string{
	"send-proxy",
	"send-proxy-v2",
	"send-proxy-v2-ssl",
	"send-proxy-v2-ssl-cn",
	"send-proxy-v2 proxy-v2-options ssl",
	"send-proxy-v2 proxy-v2-options cert-cn",
	"send-proxy-v2 proxy-v2-options cert-key",
	"send-proxy-v2 proxy-v2-options cert-sig",
	"send-proxy-v2 proxy-v2-options ssl-cipher",
	"send-proxy-v2 proxy-v2-options authority",
	"send-proxy-v2 proxy-v2-options crc32c",
	"send-proxy-v2 proxy-v2-options unique-id",
	"send-proxy-v2 proxy-v2-options ssl,cert-cn,cert-key,cert-sig,ssl-cipher,authority,crc32c,unique-id",
	prefaceForward,
	"send-proxy-v2 set-proxy-v2-tlv-fmt(0x20) %[fc_pp_tlv(0xE0)] set-proxy-v2-tlv-fmt(225) of-%[src]-%[var(sess.none)]",
	"send-proxy-v2 proxy-v2-options crc32c,authority,unique-id set-proxy-v2-tlv-fmt(2) %[fc_pp_authority] set-proxy-v2-tlv-fmt(0xE0) %[fc_pp_tlv(0xE0)]",
}

// The manual's own example.
const prefaceForward = "send-proxy-v2 set-proxy-v2-tlv-fmt(0x20) %[fc_pp_tlv(0x20)]"

// A bind line's words, and who connects there.
var prefaceBinds = []struct {
	words   string
	clients []prefaceClient
}{
	{"", []prefaceClient{{}}},
	{"ssl", prefaceTLS},
	{"accept-proxy", prefaceHeaders},
	{"accept-proxy ssl", []prefaceClient{
		{name: "TLS behind a header", header: prefaceV2(0x21, 0x11, "\x01\x02\x03\x04\x05\x06\x07\x08\x04\x57\x08\xae", "\x02\x00\x05proxy"), tls: true, sni: "front.example"},
		{name: "TLS without a name behind a header", header: []byte("PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"), tls: true, cert: true},
	}},
}

// prefaceClient is one way to connect.
type prefaceClient struct {
	name    string
	header  []byte // the PROXY header in front
	tls     bool
	version uint16 // the newest, 0 for any
	sni     string
	alpn    string
	cert    bool // shows a certificate
	again   bool // resumes a session
}

var prefaceTLS = []prefaceClient{
	{name: "1.3", tls: true},
	{name: "1.3 with a name", tls: true, sni: "front.example"},
	{name: "1.3 with ALPN", tls: true, sni: "front.example", alpn: "http/1.1"},
	{name: "1.3 with a certificate", tls: true, cert: true},
	{name: "1.3 resumed", tls: true, sni: "front.example", again: true},
	{name: "1.3 resumed with a certificate", tls: true, cert: true, sni: "front.example", again: true},
	{name: "1.2", tls: true, version: tls.VersionTLS12},
	{name: "1.2 with all", tls: true, version: tls.VersionTLS12, sni: "other.example", alpn: "http/1.1", cert: true},
	{name: "1.2 resumed with a certificate", tls: true, version: tls.VersionTLS12, cert: true, sni: "front.example", again: true},
}

var prefaceHeaders = []prefaceClient{
	{name: "version 1", header: []byte("PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n")},
	{name: "version 1, IPv6", header: []byte("PROXY TCP6 2001:db8::1 ::ffff:5.6.7.8 1111 2222\r\n")},
	{name: "version 1, unknown", header: []byte("PROXY UNKNOWN\r\n")},
	{name: "version 2", header: prefaceV2(0x21, 0x11, "\x01\x02\x03\x04\x05\x06\x07\x08\x04\x57\x08\xae", "")},
	{name: "version 2, local", header: prefaceV2(0x20, 0, "", "")},
	{name: "version 2 with TLVs", header: prefaceV2(0x21, 0x11, "\x01\x02\x03\x04\x05\x06\x07\x08\x04\x57\x08\xae",
		"\x02\x00\x0dfront.example\x05\x00\x03abc\xe0\x00\x04more\x20\x00\x0f\x01\x00\x00\x00\x00\x21\x00\x07TLSv1.2")},
	{name: "version 2, IPv6", header: prefaceV2(0x21, 0x21, strings.Repeat("\x20\x01\x0d\xb8", 8)+"\x04\x57\x08\xae", "\xe0\x00\x00")},
}

func prefaceV2(command, family byte, addresses, tlvs string) []byte {
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), command, family)
	b = order.BigEndian.AppendUint16(b, uint16(len(addresses)+len(tlvs)))
	return append(append(b, addresses...), tlvs...)
}

// connect talks through addr and returns the address that it had itself.
func (p *prefaceClient) connect(addr string, conf *tls.Config) (local *net.TCPAddr, err error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	local = conn.LocalAddr().(*net.TCPAddr)
	if _, err := conn.Write(p.header); err != nil {
		return local, err
	}
	c := conn
	if p.tls {
		c = tls.Client(conn, conf)
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"); err != nil {
		return local, err
	}
	_, err = io.ReadAll(c)
	return local, err
}

// prefaceOf reads the header that a server was sent.
func prefaceOf(c net.Conn) []byte {
	var b []byte
	for one := make([]byte, 1); ; b = append(b, one[0]) {
		switch {
		case bytes.HasPrefix(b, []byte("PROXY")) && bytes.HasSuffix(b, []byte("\n")):
			return b
		case bytes.HasPrefix(b, []byte("\r\n\r\n")) && len(b) >= 16 && len(b) == 16+int(order.BigEndian.Uint16(b[14:])):
			return b
		}
		if n, _ := c.Read(one); n == 0 {
			return b
		}
	}
}

// plainPreface hides what differs from run to run: the client's port and the port
// that it connected to, and the checksum, which has to be right.
func plainPreface(b []byte, client, to int) string {
	b = bytes.Clone(b)
	if bytes.HasPrefix(b, []byte("PROXY")) {
		return strings.Replace(string(b), fmt.Sprint(" ", client, " ", to, "\r"), " CLIENT TO\r", 1)
	}
	if len(b) < 16 {
		return "no header: " + hex.EncodeToString(b)
	}
	size := map[byte]int{0x11: 12, 0x21: 36}[b[13]]
	tlvs := b[16+size:]
	note := ""
	for at := tlvs; len(at) >= 3; at = at[3+int(order.BigEndian.Uint16(at[1:])):] {
		if at[0] != 3 {
			continue
		}
		sum := order.BigEndian.Uint32(at[3:])
		copy(at[3:7], make([]byte, 4))
		if crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) != sum {
			note = "wrong checksum "
		}
	}
	if size > 0 {
		ports := b[16+size-4 : 16+size]
		for i, port := range []int{client, to} {
			if p := ports[2*i : 2*i+2]; int(order.BigEndian.Uint16(p)) == port {
				copy(p, "PP")
			}
		}
	}
	return note + hex.EncodeToString(b[:16]) + " " + hex.EncodeToString(b[16:16+size]) + " " + fmt.Sprintf("%q", tlvs)
}

// TestPrefaces compares byte for byte what servers are sent in front of a connection.
func TestPrefaces(t *testing.T) {
	t.Parallel()
	headers := make(chan []byte, 1)
	server := Serve(t, "127.0.0.1", func(c net.Conn) {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		headers <- prefaceOf(c)
		for b := []byte{}; !bytes.HasSuffix(b, []byte("\r\n\r\n")); {
			one := make([]byte, 1)
			if n, _ := c.Read(one); n == 0 {
				return
			}
			b = append(b, one...)
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
	})
	secret, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	crt, mine := Certificate(t, "front.example", secret), Certificate(t, "client.example", own)
	pair, err := tls.LoadX509KeyPair(mine, mine)
	if err != nil {
		t.Fatal(err)
	}
	modes := []string{"http", "tcp"}
	_, addrs := onBoth(t, len(modes)*len(prefaceBinds)*len(prefaceOptions), func(addrs []string, socket string) string {
		text := "global\n\tstats socket " + socket +
			"\n\tssl-default-bind-ciphers ECDHE-RSA-AES128-GCM-SHA256\n\tssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256\ndefaults\n\ttimeout connect 5s\n\ttimeout client 5s\n\ttimeout server 5s\n"
		for i, addr := range addrs {
			bind := strings.Replace(prefaceBinds[i/len(prefaceOptions)/len(modes)].words, "ssl", "ssl alpn http/1.1 crt "+crt+" verify optional ca-file "+mine, 1)
			text += fmt.Sprintf("listen l%d\n\tmode %s\n\tbind %s %s\n\tunique-id-format the-%%[src]\n\tserver s %s %s\n",
				i, modes[i/len(prefaceOptions)%len(modes)], addr, bind, server, prefaceOptions[i%len(prefaceOptions)])
		}
		return text
	})
	said := func(client *prefaceClient, addr string) string {
		conf := &tls.Config{InsecureSkipVerify: true, ServerName: client.sni, MaxVersion: client.version}
		if client.alpn != "" {
			conf.NextProtos = []string{client.alpn}
		}
		if client.cert {
			conf.Certificates = []tls.Certificate{pair}
		}
		if client.again {
			conf.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			if _, err := client.connect(addr, conf); err != nil {
				t.Fatal(err)
			}
			<-headers
		}
		local, err := client.connect(addr, conf)
		if err != nil {
			return err.Error()
		}
		to, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return plainPreface(<-headers, local.Port, to.Port)
	}
	n, kinds := 0, map[string]bool{}
	for i := range addrs["gohap"] {
		bind := &prefaceBinds[i/len(prefaceOptions)/len(modes)]
		for k := range bind.clients {
			client := &bind.clients[k]
			theirs, ours := said(client, addrs["the reference"][i]), said(client, addrs["gohap"][i])
			n++
			kinds[theirs] = true
			if whole := ` \x00\x0f\x01\x00\x00\x00\x00!\x00\aTLSv1.2`; prefaceOptions[i%len(prefaceOptions)] == prefaceForward && len(client.header) > 60 {
				if strings.Contains(theirs, whole) || !strings.Contains(ours, whole) {
					t.Errorf("a TLV with zeros is not passed on: %s", ours) // docs/differences.md
				}
				continue
			}
			if theirs != ours {
				t.Errorf("mode %s, bind %q, %s, client %q:\nreference %s\ngohap     %s", modes[i/len(prefaceOptions)%len(modes)], bind.words, prefaceOptions[i%len(prefaceOptions)], client.name, theirs, ours)
			}
		}
	}
	if n != len(modes)*len(prefaceOptions)*19 || len(kinds) < 90 {
		t.Errorf("%d connections and %d different headers are not what there is to see", n, len(kinds))
	}
}
