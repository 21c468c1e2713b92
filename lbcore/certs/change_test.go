package certs

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// changing is a store with one certificate on one bind line, and what else is needed
// to change it.
func changing(t testing.TB) (s *Store, f *Front, path string) {
	t.Helper()
	k := ecKey(t)
	path = write(t, t.TempDir()+"/a.pem", issue(t, k, nil, nil, "a.example"), keyPEM(t, k))
	s = NewStore()
	f, err := NewFront(s, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	slots, err := s.Find(path, Files{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Add(slots, Settings{}, nil, true); err != nil {
		t.Fatal(err)
	}
	f.Finish()
	return s, f, path
}

// shows returns what a client is shown that asks for a name.
func shows(f *Front, name string) *Cert {
	all := [kinds]bool{true, true, true}
	e := f.find(name, &takes{old: all, new: all})
	if e == nil {
		return nil
	}
	return e.Cert()
}

// TestChange is a certificate's way through a transaction, in parts.
func TestChange(t *testing.T) {
	s, f, path := changing(t)
	k := ecKey(t)
	crt, key := string(issue(t, k, nil, nil, "b.example")), string(keyPEM(t, k))
	stamps := base64.StdEncoding.EncodeToString([]byte("\x00\x06\x00\x04abcd"))
	before := shows(f, "a.example")
	for _, c := range []struct{ name, text, want string }{
		{path, crt, "true <nil>"}, {path + ".key", key, "false <nil>"}, {path + ".sctl", stamps[:6] + "\n" + stamps[6:] + "\n", "false <nil>"},
		{path + ".sctl", "AAAA", "false Can't load the payload"}, {"b", crt, fmt.Sprintf("false The ongoing transaction is about '%s' but you are trying to set 'b'", path)},
	} {
		if _, fresh, err := s.SetCert(c.name, c.text); fmt.Sprint(fresh, " ", err) != c.want {
			t.Errorf("%s: %v %v, want %s", c.name, fresh, err, c.want)
		}
	}
	if shows(f, "a.example") != before {
		t.Error("the certificate has changed before the commit")
	}
	if used, err := s.CommitCert(path); used != 1 || err != nil {
		t.Fatalf("used %d times, %v", used, err)
	}
	after := shows(f, "b.example")
	if after == nil || after == before || shows(f, "a.example") != after { // it answers everybody
		t.Errorf("answered by %v", after)
	}
	if got := after.TLS.SignedCertificateTimestamps; len(got) != 1 || string(got[0]) != "abcd" {
		t.Errorf("timestamps %q", got)
	}
	if _, err := s.CommitCert(path); !errors.As(err, &Refusal{}) {
		t.Errorf("a commit without a transaction: %v", err)
	}
}

// TestServerCertificate is what a server is shown, and that sessions begin anew.
func TestServerCertificate(t *testing.T) {
	s, _, path := changing(t)
	slots, _ := s.Find(path, Files{})
	b, err := NewBack(s, Settings{Verify: VerifyNone}, slots[0], "", true)
	if err != nil {
		t.Fatal(err)
	}
	shown := func(c *tls.Config) []byte {
		crt, err := c.GetClientCertificate(&tls.CertificateRequestInfo{})
		if err != nil {
			t.Fatal(err)
		}
		return crt.Certificate[0]
	}
	before := b.Config()
	k := ecKey(t)
	if _, _, err := s.SetCert(path, string(issue(t, k, nil, nil, "b"))+string(keyPEM(t, k))); err != nil {
		t.Fatal(err)
	}
	if used, err := s.CommitCert(path); used != 2 || err != nil {
		t.Errorf("used %d times, %v", used, err)
	}
	after := b.Config()
	if slices.Equal(shown(before), shown(after)) || before.ClientSessionCache == after.ClientSessionCache {
		t.Error("connections begin as before")
	}
	if b.Release(); s.uses(slots[0]) != 1 {
		t.Error("a server that is gone still counts")
	}
}

// TestTicketKeys is one more key: the newest so far seals, the oldest goes.
func TestTicketKeys(t *testing.T) {
	line := func(b byte) string { return base64.StdEncoding.EncodeToString(slices.Repeat([]byte{b}, 48)) }
	path := write(t, t.TempDir()+"/keys", []byte(line(1)+"\n"+line(2)+"\n"+line(3)+"\n"))
	s := NewStore()
	k, err := s.Tickets(path)
	if err != nil {
		t.Fatal(err)
	}
	sealedBy := k.derived()[0]
	for _, c := range []struct {
		text string
		want error
	}{{line(4), nil}, {"x", ErrKeyText}, {line(4)[:32], ErrKeySize}} {
		if err := s.AddTicketKey(k, c.text); err != c.want {
			t.Errorf("%s: %v, want %v", c.text, err, c.want)
		}
	}
	if got := k.Secrets(); !slices.Equal(got, []string{line(2), line(3), line(4)}) {
		t.Errorf("the keys are %v", got)
	}
	if now := k.derived(); now[0] == sealedBy || !slices.Contains(now, sealedBy) {
		t.Error("the key that sealed so far seals or is gone")
	}
}

// FuzzSide is what commands give as a part of a certificate.
func FuzzSide(f *testing.F) {
	k := ecKey(f)
	f.Add(string(keyPEM(f, k)))
	f.Add(string(issue(f, k, nil, nil, "a")))
	f.Add("AAYABGFiY2Q=\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		for _, side := range sides {
			var p Parts
			err := side.take("f", text, &p)
			if got := p.Key != nil || p.OCSP != nil || p.Issuer != nil || p.SCTL != nil; got != (err == nil) {
				t.Errorf("%s: %+v, %v", side.ext, p, err)
			}
		}
	})
}

// FuzzTrust is what commands give as authorities or revocations.
func FuzzTrust(f *testing.F) {
	k := ecKey(f)
	f.Add(string(issue(f, k, nil, nil, "a")))
	f.Add(string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte{0x30, 0}})))
	f.Fuzz(func(t *testing.T, text string) {
		for k := CAFile; k <= CRLFile; k++ {
			tr := newTrusted(k, "f")
			if tr.take(text) == nil {
				_ = tr.describe("Unused", 0, false)
			}
		}
	})
}

// FuzzAdded is the line that a command adds to a list.
func FuzzAdded(f *testing.F) {
	f.Add("a.pem [alpn h2] !b *.c\r\n")
	f.Add("# x\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := NewStore().ReadAdded(text)
		if err == nil && (l.Name == "" || slices.Contains(l.Filters, "") || strings.Contains(l.Name, "\n")) {
			t.Errorf("%+v", l)
		}
	})
}

// FuzzResponse is an OCSP response.
func FuzzResponse(f *testing.F) {
	f.Add([]byte{0x30, 0x03, 0x0a, 0x01, 0x06})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := parseResponse(der)
		if text := ResponseText(der); (text == "") != (err != nil) {
			t.Errorf("%q, %v", text, err)
		}
		if err == nil && r.Data.Responses[0].ID.Serial == nil {
			t.Error("an id without a number")
		}
	})
}

// TestNotesOfChanges commits a ca-file again and again: what was said of the bind
// line at the start is not said, and kept, once more each time.
func TestNotesOfChanges(t *testing.T) {
	k := ecKey(t)
	text := string(issue(t, k, nil, nil, "a.example"))
	ca := write(t, t.TempDir()+"/ca.pem", []byte(text))
	s := NewStore()
	f, err := NewFront(s, Settings{SigAlgs: "ECDSA+SHA256", Verify: VerifyRequired, CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	f.Finish()
	before := len(f.Notes)
	for range 3 {
		was := f.plain
		if _, err := s.SetTrust(CAFile, ca, text, false); err != nil {
			t.Fatal(err)
		}
		if _, err := s.CommitTrust(CAFile, ca); err != nil {
			t.Fatal(err)
		}
		if f.plain == was {
			t.Fatal("the line's settings were not made anew")
		}
	}
	if before == 0 || len(f.Notes) != before {
		t.Errorf("%d notes, at the start %d", len(f.Notes), before)
	}
}
