package keyring

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func ring(t *testing.T, id string, s ...Secret) *Ring {
	t.Helper()
	r, err := New(id, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// meet has a client speak to a server; it returns what each says of the other, and
// the first error.
func meet(t *testing.T, server, client *tls.Config) (atServer, atClient tls.ConnectionState, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	s, c := tls.Server(a, server), tls.Client(b, client)
	done := make(chan error, 1)
	go func() {
		err := s.HandshakeContext(ctx)
		if err == nil {
			_, err = s.Write([]byte("x"))
		}
		if err != nil {
			a.Close()
		}
		done <- err
	}()
	err = c.HandshakeContext(ctx)
	if err == nil { // the server's verdict comes behind the client's
		_, err = c.Read(make([]byte, 1))
	}
	if err != nil {
		b.Close()
	}
	if e := <-done; e != nil {
		err = e
	}
	return s.ConnectionState(), c.ConnectionState(), err
}

// TestMembers: who has the secret is taken, by the name in the certificate.
func TestMembers(t *testing.T) {
	s := NewSecret()
	a, b := ring(t, "node-a", s), ring(t, "node-b", s)
	for _, id := range []string{"node-a", ""} {
		atServer, atClient, err := meet(t, a.Server([]string{"gohap-raft", "gohap-rpc"}), b.Client("gohap-rpc", id))
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := a.Peer(atServer); id != "node-b" || !ok {
			t.Errorf("the server sees %q, %t", id, ok)
		}
		if id, ok := b.Peer(atClient); id != "node-a" || !ok {
			t.Errorf("the client sees %q, %t", id, ok)
		}
		if atServer.NegotiatedProtocol != "gohap-rpc" || atServer.Version != tls.VersionTLS13 {
			t.Errorf("%q, %x", atServer.NegotiatedProtocol, atServer.Version)
		}
	}
}

// TestStrangers: nobody else is.
func TestStrangers(t *testing.T) {
	s := NewSecret()
	a, b, other := ring(t, "node-a", s), ring(t, "node-b", s), ring(t, "node-b", NewSecret())
	open, err := Open("node-b")
	if err != nil {
		t.Fatal(err)
	}
	server := a.Server([]string{"gohap-rpc"})
	without := func(c *tls.Config, change func(*tls.Config)) *tls.Config { change(c); return c }
	for name, c := range map[string]*tls.Config{
		"another secret":   other.Client("gohap-rpc", "node-a"),
		"no secret":        open.Client("gohap-rpc", "node-a"),
		"no certificate":   without(b.Client("gohap-rpc", "node-a"), func(c *tls.Config) { c.Certificates = nil }),
		"no protocol":      without(b.Client("", "node-a"), func(c *tls.Config) { c.NextProtos = nil }),
		"another protocol": b.Client("h2", "node-a"),
		"another node":     b.Client("gohap-rpc", "node-c"),
		"TLS 1.2":          without(b.Client("gohap-rpc", "node-a"), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }),
		"of another, any":  other.Client("gohap-rpc", ""),
	} {
		if _, _, err := meet(t, server, c); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	// Nor does a member go on with one whom the client did not mean, or a stranger.
	if _, _, err := meet(t, other.Server([]string{"gohap-rpc"}), b.Client("gohap-rpc", "node-b")); err == nil {
		t.Error("a member talks to a stranger")
	}
	if !open.IsOpen() || a.IsOpen() {
		t.Error("who is open")
	}
}

// TestRotation: every step keeps all members together, whoever is ahead; the last one
// leaves those behind who have the old secret alone.
func TestRotation(t *testing.T) {
	one := []Secret{NewSecret()}
	steps := [][]Secret{one}
	for _, f := range []func([]Secret) ([]Secret, error){Add, Promote, Remove} {
		next, err := f(steps[len(steps)-1])
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, next)
	}
	for i := range steps {
		for k := range steps {
			a, b := ring(t, "a", steps[i]...), ring(t, "b", steps[k]...)
			_, _, err := meet(t, a.Server([]string{"x"}), b.Client("x", "a"))
			if together := i-k < 2 && k-i < 2; together != (err == nil) && together {
				t.Errorf("steps %d and %d: %v", i, k, err)
			}
		}
	}
	before, after := ring(t, "a", steps[0]...), ring(t, "b", steps[3]...)
	if _, _, err := meet(t, after.Server([]string{"x"}), before.Client("x", "b")); err == nil {
		t.Error("the secret that was removed is taken")
	}
	// A session that stands is judged by the ring of the day.
	a, b := ring(t, "a", steps[1]...), ring(t, "b", steps[0]...)
	s, _, err := meet(t, a.Server([]string{"x"}), b.Client("x", "a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := ring(t, "a", steps[2]...).Peer(s); !ok {
		t.Error("its secret is there still")
	}
	if id, ok := ring(t, "a", steps[3]...).Peer(s); ok || id != "b" {
		t.Errorf("its secret is gone: %q %t", id, ok)
	}
	for _, x := range []struct {
		f   func([]Secret) ([]Secret, error)
		all []Secret
	}{{Add, steps[1]}, {Promote, one}, {Remove, one}} {
		if _, err := x.f(x.all); err == nil {
			t.Error("a step out of order")
		}
	}
}

// TestDerived: all nodes derive the same, another secret another.
func TestDerived(t *testing.T) {
	s := NewSecret()
	a, b, c := ring(t, "a", s), ring(t, "b", s), ring(t, "c", NewSecret())
	if !bytes.Equal(a.GossipKeys()[0], b.GossipKeys()[0]) || bytes.Equal(a.GossipKeys()[0], c.GossipKeys()[0]) || len(a.GossipKeys()[0]) != 32 {
		t.Error("the gossip keys")
	}
	x, _ := newAuthority(s)
	y, _ := newAuthority(s)
	if !bytes.Equal(x.cert.Raw, y.cert.Raw) {
		t.Error("the authorities differ")
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v", s, []Secret{s}, struct{ S Secret }{s})} {
		if strings.Contains(text, s.Text()) || strings.Contains(text, fmt.Sprint(s.bytes)) || strings.Contains(text, fmt.Sprintf("%#v", s.bytes)) {
			t.Errorf("a secret is printed: %s", text)
		}
	}
}

// TestFile: what is written is read again; what is wrong is said with its line and
// without the secret.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	all := []Secret{NewSecret(), NewSecret()}
	if err := CreateFile(path, all); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	got, err := ReadFile(path)
	if err != nil || len(got) != 2 || !got[0].equal(all[0]) || !got[1].equal(all[1]) {
		t.Fatalf("%v", err)
	}
	if err := CreateFile(path, all); err == nil {
		t.Error("a file was written over")
	}
	os.Chmod(path, 0o640)
	if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("readable for others: %v", err)
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there")
	}
	line := NewSecret().Text()
	for text, want := range map[string]string{
		"":                         "f: no secret in it",
		"# nothing\n\n":            "f: no secret in it",
		"# one\n" + line[:20]:      "f:2: a secret of 15 bytes",
		line + "\n" + line:         "f:2: this secret is there twice",
		"hello world\n":            "f:1: a secret is base64",
		line + "\n" + line[1:]:     "f:2: a secret is base64",
		" " + line + " \r\n#x\n\t": "",
	} {
		_, err := Parse("f", []byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), line[1:20]) {
			t.Errorf("the secret is in the error: %v", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(NewSecret().Text() + "\n# x\n" + NewSecret().Text()))
	f.Add([]byte("AAAA"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := Parse("f", text)
		if (err == nil) == (len(all) == 0) {
			t.Fatalf("%d secrets, %v", len(all), err)
		}
		for _, s := range all {
			if again, err := Parse("f", []byte(s.Text())); err != nil || !again[0].equal(s) {
				t.Fatal(err)
			}
		}
	})
}
