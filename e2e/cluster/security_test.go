package cluster

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gohap/cluster/keyring"
	"gohap/cluster/port"
	"gohap/cluster/rpc"
	"gohap/e2e/oracle"
)

// TestStrangers does to a node's port what somebody without the secret can do, and what
// a member could do wrong: nothing is learned, nothing changes, memory stays.
func TestStrangers(t *testing.T) {
	f := newFleet(t)
	key := f.keyed()
	for _, n := range f.nodes {
		f.start(n)
	}
	f.healthy(patience)
	a := f.nodes[0]
	f.await("the file is the fleet's", patience, func() bool { return f.status(a).Generation == 1 })
	before := f.status(a)
	address := fmt.Sprint("127.0.0.1:", a.port)
	memory := oracle.Resident(t, a.Cmd.Process.Pid)

	secrets, err := keyring.ReadFile(filepath.Join(f.dir, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	member, err := keyring.New("11111111-2222-4333-8444-555555555555", secrets)
	if err != nil {
		t.Fatal(err)
	}
	other, err := keyring.New("11111111-2222-4333-8444-555555555555", []keyring.Secret{keyring.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	open, err := keyring.Open("11111111-2222-4333-8444-555555555555")
	if err != nil {
		t.Fatal(err)
	}
	change := func(c *tls.Config, f func(*tls.Config)) *tls.Config { f(c); return c }
	for name, c := range map[string]*tls.Config{
		"another secret":  other.Client(rpc.Protocol, ""),
		"no secret":       open.Client(rpc.Protocol, ""),
		"no certificate":  change(member.Client(rpc.Protocol, ""), func(c *tls.Config) { c.Certificates = nil }),
		"no protocol":     change(member.Client(rpc.Protocol, ""), func(c *tls.Config) { c.NextProtos = nil }),
		"http":            change(member.Client(rpc.Protocol, ""), func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }),
		"another node":    member.Client(rpc.Protocol, "00000000-2222-4333-8444-555555555555"),
		"an old protocol": change(member.Client(rpc.Protocol, ""), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }),
	} {
		if text, err := talk(address, c); err == nil {
			t.Errorf("%s: taken, %q", name, text)
		}
	}
	if text, err := talk(address, member.Client(rpc.Protocol, "")); err != nil || !strings.Contains(text, "lb1") {
		t.Fatalf("a member is not taken: %q %v", text, err)
	}
	plain(t, address)
	gossip(t, address)
	oversized(t, member, address)
	flood(t, address)
	if text, err := talk(address, member.Client(rpc.Protocol, "")); err != nil || !strings.Contains(text, "lb1") {
		t.Errorf("a member is kept out: %q %v", text, err)
	}
	if grown := oracle.Resident(t, a.Cmd.Process.Pid) - memory; grown > 64<<20 {
		t.Errorf("%d bytes more are resident", grown)
	}
	f.healthy(patience)
	if after := f.status(a); after.Generation != before.Generation || len(after.Nodes) != 3 || after.Fleet != before.Fleet {
		t.Errorf("%+v, before %+v", after, before)
	}
	f.hidden(secrets)
	f.apart(key)
}

// keyed has the configuration name a certificate, and returns its private key.
func (f *fleet) keyed() []byte {
	f.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	text, err := os.ReadFile(oracle.Certificate(f.t, "lb.example", private))
	if err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.dir, "lb.pem"), text, 0o600); err != nil {
		f.t.Fatal(err)
	}
	cfg, err := os.ReadFile(f.file)
	if err != nil {
		f.t.Fatal(err)
	}
	with := strings.Replace(string(cfg), "frontend web\n", "frontend web\n\tbind \"127.0.0.1:${MORE}\" ssl crt lb.pem\n", 1)
	if err := os.WriteFile(f.file, []byte(with), 0o600); err != nil {
		f.t.Fatal(err)
	}
	_, rest, ok := bytes.Cut(text, []byte("PRIVATE KEY-----\n"))
	if !ok {
		f.t.Fatal("no private key")
	}
	return rest[70:110] // behind what all keys begin with
}

// apart looks for a private key of the configuration: it is among the contents of each
// node, which only it can read, and nowhere else.
func (f *fleet) apart(key []byte) {
	f.t.Helper()
	for _, n := range f.nodes {
		if strings.Contains(n.Said.String(), string(key)) {
			f.t.Errorf("%s logs a private key", n.name)
		}
		found := 0
		err := filepath.WalkDir(n.dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(text, key) {
				return err
			}
			found++
			if filepath.Dir(path) != filepath.Join(n.dir, "contents") {
				f.t.Errorf("a private key is in %s", path)
			}
			return nil
		})
		if err != nil {
			f.t.Error(err)
		}
		if found != 1 {
			f.t.Errorf("%s: the private key is in %d files", n.name, found)
		}
	}
}

// talk asks a node who it is.
func talk(address string, c *tls.Config) (string, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: c}
	conn, err := d.Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	const text = `{"method":"hello"}`
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)); err != nil {
		return "", err
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil {
		return "", err
	}
	b := make([]byte, binary.BigEndian.Uint32(head))
	_, err = io.ReadFull(conn, b)
	return string(b), err
}

// plain speaks without TLS.
func plain(t *testing.T, address string) {
	for _, text := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\xff\xff", "\x00\x00\x00\x12{\"method\":\"hello\"}", strings.Repeat("x", 100_000)} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		c.Write([]byte(text))
		if got, _ := io.ReadAll(c); len(got) > 7 { // more than an alert
			t.Errorf("%.20q: answered %q", text, got)
		}
		c.Close()
	}
}

// gossip sends datagrams that no key of the fleet's has sealed.
func gossip(t *testing.T, address string) {
	c, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 5000 {
		b := make([]byte, rnd.IntN(1400))
		for k := range b {
			b[k] = byte(rnd.Uint32())
		}
		if i%3 == 0 && len(b) > 8 { // with the label that all have
			copy(b, "\xf4\x05gohap\x01")
		}
		c.Write(b)
	}
	c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if n, _ := c.Read(make([]byte, 1500)); n > 0 {
		t.Errorf("a datagram of a stranger is answered by %d bytes", n)
	}
}

// oversized is a member that announces more than there may be.
func oversized(t *testing.T, r *keyring.Ring, address string) {
	p := port.New(port.Config{Ring: r, Log: slog.New(slog.DiscardHandler)})
	defer p.Close()
	for _, protocol := range []string{rpc.Protocol, "gohap-raft", "gohap-gossip", "gohap-tables"} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		c, err := p.Dial(ctx, address, protocol, "")
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		for range 64 {
			if _, err := c.Write(bytes.Repeat([]byte{0xff}, 16<<10)); err != nil {
				break
			}
		}
		c.Close()
	}
}

// flood opens 10,000 connections that say nothing, as many at once as there may be
// descriptors here.
func flood(t *testing.T, address string) {
	const most = 10_000
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	open := min(most, int(limit.Cur)-200)
	var all []net.Conn
	for i := range most {
		c, err := net.DialTimeout("tcp", address, 5*time.Second)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if all = append(all, c); len(all) > open {
			all[0].Close()
			all = all[1:]
		}
	}
	t.Logf("%d connections of strangers, %d at once", most, len(all))
	t.Cleanup(func() {
		for _, c := range all {
			c.Close()
		}
	})
}

// hidden looks for secrets where they may not be: in logs, in what others can read, in
// the log of what is agreed on.
func (f *fleet) hidden(secrets []keyring.Secret) {
	f.t.Helper()
	for _, s := range secrets {
		raw, err := base64.StdEncoding.DecodeString(s.Text())
		if err != nil {
			f.t.Fatal(err)
		}
		for _, n := range f.nodes {
			if said := n.Said.String(); strings.Contains(said, s.Text()) || strings.Contains(said, string(raw)) {
				f.t.Errorf("%s logs the secret", n.name)
			}
			err := filepath.WalkDir(n.dir, func(path string, e fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				info, err := e.Info()
				if err != nil {
					return err
				}
				if info.Mode().IsRegular() {
					if info.Mode().Perm()&0o077 != 0 {
						f.t.Errorf("others can read %s (%v)", path, info.Mode())
					}
					text, err := os.ReadFile(path)
					if err != nil {
						return err
					}
					if bytes.Contains(text, raw) || bytes.Contains(text, []byte(s.Text())) {
						f.t.Errorf("the secret is in %s", path)
					}
				}
				return nil
			})
			if err != nil {
				f.t.Error(err)
			}
		}
	}
}
