package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gohap/lbcore/config"
)

// issue makes a certificate for names, signed by parent or by itself.
func issue(t testing.TB, key crypto.Signer, parent *x509.Certificate, by crypto.Signer, names ...string) []byte {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: parent == nil, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	if bits < 1024 {
		t.Setenv("GODEBUG", "rsa1024min=0")
	}
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func write(t testing.TB, path string, parts ...[]byte) string {
	t.Helper()
	if err := os.WriteFile(path, bytes.Join(parts, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	k, other := ecKey(t), ecKey(t)
	crt := issue(t, k, nil, nil, "a.example")
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("good.pem"), crt, keyPEM(t, k))
	write(t, in("side.pem"), crt)
	write(t, in("side.pem.key"), keyPEM(t, k))
	write(t, in("nokey.pem"), crt)
	write(t, in("mismatch.pem"), crt, keyPEM(t, other))
	write(t, in("garbage.pem"), []byte("garbage"))
	write(t, in("onlykey.pem"), keyPEM(t, k))
	write(t, in("broken.pem"), bytes.Replace(crt, []byte("MI"), []byte("XX"), 1), keyPEM(t, k))
	write(t, in("locked.pem"), crt, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}}))
	small := rsaKey(t, 1024)
	write(t, in("small.pem"), issue(t, small, nil, nil, "s"), keyPEM(t, small))
	write(t, in("b.rsa"), crt, keyPEM(t, k))
	write(t, in("b.ecdsa"), crt, keyPEM(t, k))
	for _, c := range []struct{ name, want string }{
		{"good.pem", ""}, {"side.pem", ""}, {"b", ""},
		{"nokey.pem", "No Private Key found in '$nokey.pem.key'"},
		{"mismatch.pem", "inconsistencies between private key and certificate loaded '$mismatch.pem'"},
		{"garbage.pem", "unable to load certificate from file '$garbage.pem': no start line"},
		{"onlykey.pem", "unable to load certificate from file '$onlykey.pem': no start line"},
		{"broken.pem", "unable to load certificate from file '$broken.pem': malformed certificate"},
		{"locked.pem", "the private key of '$locked.pem' is encrypted and there is nobody to ask for its pass phrase; decrypt it"},
		{"small.pem", "unable to load SSL certificate into SSL Context '$small.pem': ee key too small"},
		{"none.pem", "unable to stat SSL certificate from file '$none.pem' : No such file or directory"},
	} {
		slots, err := NewStore().Find(in(c.name), Files{})
		got := ""
		if err != nil {
			got = strings.ReplaceAll(err.Error(), dir+"/", "$")
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if want := map[bool]int{true: 2, false: 1}[c.name == "b"]; c.want == "" && len(slots) != want {
			t.Errorf("%s: %d certificates, want %d", c.name, len(slots), want)
		}
	}
}

// TestChoice is the choice of a certificate by name and key.
func TestChoice(t *testing.T) {
	dir := t.TempDir()
	store := NewStore()
	store.CrtBase = dir
	ec, rs := ecKey(t), rsaKey(t, 2048)
	write(t, dir+"/first.pem", issue(t, ec, nil, nil, "first.example"), keyPEM(t, ec))
	write(t, dir+"/two.ecdsa", issue(t, ec, nil, nil, "two.example"), keyPEM(t, ec))
	write(t, dir+"/two.rsa", issue(t, rs, nil, nil, "two.example"), keyPEM(t, rs))
	write(t, dir+"/wild.pem", issue(t, ec, nil, nil, "*.wild.example"), keyPEM(t, ec))
	write(t, dir+"/own.pem", issue(t, ec, nil, nil, "own.example"), keyPEM(t, ec))
	build := func(strict bool) *Front {
		f, err := NewFront(store, Settings{StrictSNI: map[bool]Choice{true: Yes}[strict]})
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"first.pem", "two", "wild.pem", "own.pem"} {
			slots, err := store.Find(name, Files{})
			if err != nil {
				t.Fatal(err)
			}
			var filters []string
			if name == "own.pem" {
				filters = []string{"*.filter.example", "!not.filter.example"}
			}
			if err := f.Add(slots, Settings{}, filters, i == 0); err != nil {
				t.Fatal(err)
			}
		}
		f.Finish()
		return f
	}
	all, onlyRSA := [kinds]bool{true, true, true}, [kinds]bool{RSA: true}
	for _, c := range []struct {
		name   string
		takes  [kinds]bool
		strict bool
		want   string
	}{
		{"first.example", all, false, "first.pem"}, {"", all, false, "first.pem"}, {"nobody.example", all, false, "first.pem"},
		{"nobody.example", all, true, ""}, {"", all, true, ""}, {"first.example", all, true, "first.pem"},
		{"two.example", all, false, "two.ecdsa"}, {"two.example", onlyRSA, false, "two.rsa"},
		{"a.wild.example", all, false, "wild.pem"}, {"a.b.wild.example", all, false, "first.pem"}, {"wild.example", all, false, "first.pem"},
		{"a.filter.example", all, false, "own.pem"}, {"not.filter.example", all, false, "first.pem"}, {"own.example", all, true, ""},
	} {
		got := ""
		if e := build(c.strict).find(c.name, &takes{old: c.takes, new: c.takes}); e != nil {
			got = filepath.Base(e.Cert().Path)
		}
		if got != c.want {
			t.Errorf("%q (strict %v, %v): %q, want %q", c.name, c.strict, c.takes, got, c.want)
		}
	}
}

func TestCiphers(t *testing.T) {
	const intermediate = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" +
		"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305"
	for _, c := range []struct {
		text             string
		n                int
		missing, unknown string
		fails            bool
	}{
		{intermediate, 6, "DHE-RSA-AES128-GCM-SHA256 DHE-RSA-AES256-GCM-SHA384 DHE-RSA-CHACHA20-POLY1305", "", false},
		{"DEFAULT", len(defaultSuites), "", "", false},
		{"DEFAULT:!kRSA", len(defaultSuites) - 5, "", "", false},
		{"ECDHE+AESGCM:!aNULL:!MD5:@STRENGTH", 4, "", "", false},
		{"AES128-SHA:!AES128:AES128-SHA:AES256-SHA", 1, "", "", false},
		{"AES128-SHA:-AES128:AES128-SHA", 1, "", "", false},
		{"ECDHE-RSA-AES128-GCM-SHA256:FOO", 1, "", "FOO", false},
		{"foo", 0, "", "foo", true},
		{"DHE-RSA-AES128-GCM-SHA256", 0, "DHE-RSA-AES128-GCM-SHA256", "", true},
		{"", 0, "", "", true},
	} {
		ids, missing, unknown, err := ParseCiphers(c.text)
		if len(ids) != c.n || strings.Join(missing, " ") != c.missing || strings.Join(unknown, " ") != c.unknown || (err != nil) != c.fails {
			t.Errorf("%s: %d suites, missing %v, unknown %v, %v", c.text, len(ids), missing, unknown, err)
		}
	}
}

func TestVersions(t *testing.T) {
	v := func(s string) (x Versions) {
		for _, w := range strings.Fields(s) {
			kind, name, _ := strings.Cut(w, "=")
			n, ok := ParseVersion(name)
			if !ok {
				t.Fatal(name)
			}
			switch kind {
			case "min":
				x.Min = n
			case "max":
				x.Max = n
			case "no":
				x.Without(n)
			}
		}
		return x
	}
	for _, c := range []struct{ in, want string }{
		{"", "TLSv1.2 TLSv1.3 0"}, {"min=TLSv1.0", "TLSv1 TLSv1.3 0"}, {"min=SSLv3", "TLSv1 TLSv1.3 0"}, {"no=TLSv1.3", "TLSv1.2 TLSv1.2 0"},
		{"no=TLSv1.2", "TLSv1.3 TLSv1.3 0"}, {"min=TLSv1.0 no=TLSv1.2", "TLSv1 TLSv1.3 1"}, {"min=TLSv1.3 max=TLSv1.2", "none"},
		{"max=TLSv1.1", "TLSv1.1 TLSv1.1 2"}, {"no=TLSv1.2 no=TLSv1.3", "none"}, {"min=TLSv1.0 max=TLSv1.1", "TLSv1 TLSv1.1 0"},
	} {
		got := "none"
		if lo, hi, odd, err := v(c.in).Range(tls.VersionTLS12); err == nil {
			got = VersionName(lo) + " " + VersionName(hi) + " " + strconv.Itoa(int(odd))
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestTickets(t *testing.T) {
	line := func(n int, b byte) string {
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, n)) + "\n"
	}
	for _, c := range []struct{ text, want string }{
		{line(48, 1) + line(48, 2) + line(48, 3), ""},
		{line(80, 1) + line(80, 2) + line(80, 3) + "\n", ""},
		{line(48, 1), "please supply at least 3 keys in the tls-tickets-file"},
		{line(48, 1) + line(80, 2), "wrong sized key on line 2"},
		{"a b\n", "unable to decode base64 key on line 1"},
		{line(10, 1), "wrong sized key on line 1"},
	} {
		k, err := parseTickets("f", []byte(c.text))
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "'f' : ")
		} else if len(k.derived()) != 3 {
			t.Errorf("%d keys", len(k.derived()))
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	a, _ := parseTickets("f", []byte(line(48, 1)+line(48, 2)+line(48, 3)))
	b, _ := parseTickets("f", []byte(line(48, 2)+line(48, 3)+line(48, 4)))
	if !slices.Contains(b.derived(), a.derived()[0]) {
		t.Error("after a rotation by one the key that sealed opens no more")
	}
}

func TestList(t *testing.T) {
	text := "# c\n\na.pem\nb.pem [alpn h2 verify none] *.x.y !z.x.y\n  c.pem [ssl-min-ver TLSv1.2]\nd.pem foo\n"
	lines, err := parseList("f", text)
	got := fmt.Sprintf("%v %v", lines, err)
	if want := "[{3 a.pem [] []} {4 b.pem [alpn h2 verify none] [*.x.y !z.x.y]} {5 c.pem [ssl-min-ver TLSv1.2] []} {6 d.pem [] [foo]}] <nil>"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if _, err := parseList("f", "a [b [c]] d"); err == nil || !strings.HasPrefix(err.Error(), "parsing [f:1]") {
		t.Error(err)
	}
}

func TestRevocations(t *testing.T) {
	ca := ecKey(t)
	caPEM := issue(t, ca, nil, nil, "ca")
	p, err := parsePEM(caPEM)
	if err != nil {
		t.Fatal(err)
	}
	k := ecKey(t)
	q, _ := parsePEM(issue(t, k, p.certs[0], ca, "leaf"))
	list := func(next time.Time, revoked ...*big.Int) string {
		l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-2 * time.Hour), NextUpdate: next}
		for _, s := range revoked {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: s, RevocationTime: time.Now()})
		}
		der, err := x509.CreateRevocationList(rand.Reader, l, p.certs[0], ca)
		if err != nil {
			t.Fatal(err)
		}
		return write(t, t.TempDir()+"/crl", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
	}
	pool := x509.NewCertPool()
	pool.AddCert(p.certs[0])
	for _, c := range []struct {
		name, path string
		ignore     ErrorSet
		code       int
		fails      bool
	}{
		{"good", list(time.Now().Add(time.Hour)), ErrorSet{}, 0, false},
		{"revoked", list(time.Now().Add(time.Hour), q.certs[0].SerialNumber), ErrorSet{}, VerifyRevoked, true},
		{"revoked, forgiven", list(time.Now().Add(time.Hour), q.certs[0].SerialNumber), ErrorSet{1 << VerifyRevoked}, VerifyRevoked, false},
		{"expired", list(time.Now().Add(-time.Hour)), ErrorSet{}, VerifyCRLExpired, true},
	} {
		crl, err := loadRevocations(config.Disk, c.path)
		if err != nil {
			t.Fatal(err)
		}
		v := &verifier{authority: &Authority{Pool: pool}, crl: crl, usage: x509.ExtKeyUsageAny, ignoreCrt: c.ignore}
		d, err := v.verify(q.certs)
		if d.Code != c.code || (err != nil) != c.fails {
			t.Errorf("%s: %+v, %v", c.name, d, err)
		}
		if old := crl.Expired(time.Now()); (len(old) > 0) != (c.code == VerifyCRLExpired) {
			t.Errorf("%s: %d lists are said to be old", c.name, len(old))
		}
	}
	other := &verifier{authority: &Authority{Pool: x509.NewCertPool()}, usage: x509.ExtKeyUsageAny}
	if d, err := other.verify(q.certs); d.Code != VerifyNoIssuer || err == nil {
		t.Errorf("an unknown issuer: %+v, %v", d, err)
	}
	if d, err := other.verify(p.certs); d.Code != VerifySelfSigned || err == nil {
		t.Errorf("self-signed: %+v, %v", d, err)
	}
}

func FuzzPEM(f *testing.F) {
	k := ecKey(f)
	f.Add(append(issue(f, k, nil, nil, "a"), keyPEM(f, k)...))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseParts("f", b)
		if err == nil && p.Leaf == nil {
			t.Error("parts without a certificate")
		}
		if err != nil || p.Key == nil {
			return
		}
		if c, err := assemble("f", p, nil, false); err == nil && (c.Leaf() == nil || c.TLS.PrivateKey == nil) {
			t.Error("a certificate without leaf or key")
		}
	})
}

// TestBlocks is what is wrong with a text, in the words of OpenSSL.
func TestBlocks(t *testing.T) {
	k := ecKey(t)
	crt, key := string(issue(t, k, nil, nil, "a")), string(keyPEM(t, k))
	cut := func(s string) string { return s[:len(s)/2] }
	for _, c := range []struct{ text, want string }{
		{crt + key, ""}, {key + "words\n" + crt, ""}, {strings.ReplaceAll(crt+key, "\n", "\r\n"), ""},
		{"", "unable to load certificate from file 'f': no start line"},
		{key, "unable to load certificate from file 'f': no start line"},
		{crt[12:] + key, "unable to load certificate from file 'f': no start line"},
		{cut(crt), "unable to load certificate from file 'f': bad end line"},
		{cut(crt) + "\n" + key, "unable to load certificate from file 'f': bad end line"},
		{crt + key + cut(crt), "unable to load certificate chain from file 'f': bad end line"},
		{strings.Replace(crt, "MII", "!!!", 1) + key, "unable to load certificate from file 'f': bad base64 decode"},
		{crt + strings.Replace(key, "M", "!", 1), "unable to load certificate chain from file 'f': bad base64 decode"},
	} {
		got := ""
		if _, err := parseParts("f", []byte(c.text)); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func FuzzList(f *testing.F) {
	f.Add("a.pem [alpn h2] !b *.c\n# x\n")
	f.Fuzz(func(t *testing.T, s string) {
		lines, err := parseList("f", s)
		for _, l := range lines {
			if err == nil && l.Name == "" {
				t.Errorf("a line without a name: %+v", l)
			}
		}
	})
}

func FuzzCiphers(f *testing.F) {
	f.Add("ECDHE+AESGCM:!aNULL:-AES128:@STRENGTH:DHE-RSA-AES128-SHA")
	f.Fuzz(func(t *testing.T, s string) {
		ids, _, _, err := ParseCiphers(s)
		if (err == nil) != (len(ids) > 0) {
			t.Errorf("%d suites, %v", len(ids), err)
		}
		_, _, _ = ParseCurves(s)
		_, _ = ParseSuites(s)
		_ = ParseSigAlgs(s)
		_, _ = ParseErrors(s)
	})
}

func FuzzTickets(f *testing.F) {
	f.Add([]byte(strings.Repeat(base64.StdEncoding.EncodeToString(make([]byte, 48))+"\n", 3)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := parseTickets("f", b); err == nil && len(k.derived()) != 3 {
			t.Errorf("%d keys", len(k.derived()))
		}
		_, _ = parseSCTL(b)
		_, _ = readSession(b)
	})
}

func TestInherit(t *testing.T) {
	a, b := NewStore(), NewStore()
	if err := b.Inherit(a.Secrets()); err != nil || !slices.Equal(a.random.derived(), b.random.derived()) {
		t.Errorf("%v, other keys", err)
	}
	before := b.random.derived()[0]
	for _, bad := range []string{"", secretsMark, secretsMark + "short", "gohap tickets 2\n" + strings.Repeat("x", 32)} {
		if err := b.Inherit([]byte(bad)); err == nil || b.random.derived()[0] != before {
			t.Errorf("%q was taken", bad)
		}
	}
}
