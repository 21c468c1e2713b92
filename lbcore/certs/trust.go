//lint:file-ignore ST1005 the reference's messages are printed as they are

package certs

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// This file changes ca-files and crl-files while the configuration runs, each in a
// transaction of its own kind. All of it is for any goroutine but a loop's; errors are
// what is answered.

// Trust is a kind of file that says whom to trust.
type Trust uint8

// The kinds.
const (
	CAFile Trust = iota
	CRLFile
)

// String is the kind as answers have it.
func (k Trust) String() string { return [...]string{"CA", "CRL"}[k] }

// trusted is what one file holds; one of the two is nil.
type trusted struct {
	path string
	ca   *Authority
	crl  *Revocations
}

func newTrusted(k Trust, path string) *trusted {
	if k == CRLFile {
		return &trusted{path: path, crl: &Revocations{Path: path}}
	}
	return &trusted{path: path, ca: &Authority{Path: path, Pool: x509.NewCertPool()}}
}

// trusts returns what a file holds, nil for none of the kind. Under the lock.
func (s *Store) trusts(k Trust, path string) *trusted {
	if k == CRLFile {
		if r := s.crls[path]; r != nil {
			return &trusted{path: path, crl: r}
		}
	} else if a := s.cas[path]; a != nil {
		return &trusted{path: path, ca: a}
	}
	return nil
}

// keep puts t, or nothing, in the place of what a file of the kind holds.
func (s *Store) keep(k Trust, path string, t *trusted) {
	switch {
	case t == nil && k == CRLFile:
		delete(s.crls, path)
	case t == nil:
		delete(s.cas, path)
	case k == CRLFile:
		s.crls[path] = t.crl
	default:
		s.cas[path] = t.ca
	}
}

// take reads a text's certificates or lists into t. Reference: there must be
// something in it, of whatever kind.
func (t *trusted) take(text string) error {
	some := false
	for rest := []byte(text); ; some = true {
		b, after, err := nextBlock(rest)
		if err == nil && b != nil {
			err = t.takeBlock(b)
		}
		switch {
		case err != nil, b == nil && !some:
			return errors.New("Invalid payload")
		case b == nil:
			return nil
		}
		rest = after
	}
}

func (t *trusted) takeBlock(b *pem.Block) error {
	if t.crl != nil {
		return t.crl.take(b)
	}
	return t.ca.take(b)
}

// NewTrust makes an empty file.
func (s *Store) NewTrust(k Trust, path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cas[path] != nil || s.crls[path] != nil { // reference: they share their names
		return fmt.Errorf("%s file '%s' already exists!", k, path)
	}
	s.keep(k, path, newTrusted(k, path))
	return nil
}

// SetTrust puts what a text has into the transaction in place of what the file has, or
// with add beside it. It reports whether the transaction is a new one.
func (s *Store) SetTrust(k Trust, path, text string, add bool) (fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.next[k]
	switch {
	case before != nil && before.path != path:
		return false, other(before.path, path, "set")
	case before == nil:
		if before, fresh = s.trusts(k, path), true; before == nil {
			return false, fmt.Errorf("Can't replace a %s file which is not referenced by the configuration!", k)
		}
	}
	t := newTrusted(k, path)
	if add {
		for _, c := range before.ca.Certs {
			t.ca.add(c)
		}
	}
	if err := t.take(text); err != nil {
		return false, err
	}
	s.next[k] = t
	return fresh, nil
}

// AbortTrust ends the transaction.
func (s *Store) AbortTrust(k Trust, path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch t := s.next[k]; {
	case t == nil:
		return errors.New("No ongoing transaction!")
	case t.path != path:
		return other(t.path, path, "abort a transaction for")
	}
	s.next[k] = nil
	return nil
}

// DelTrust forgets a file that nobody uses.
func (s *Store) DelTrust(k Trust, path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.next[k] != nil && s.next[k].path == path:
		return fmt.Errorf("ongoing transaction for the %s file '%s'", k, path)
	case s.trusts(k, path) != nil:
	case k == CRLFile && s.cas[path] != nil:
		return errors.New("'del ssl crl-file' does not work on CA files!")
	case k == CAFile && s.crls[path] != nil && s.trusting(path) > 0:
	default:
		return fmt.Errorf("%s file '%s' doesn't exist!", k, path)
	}
	if s.trusting(path) > 0 {
		return fmt.Errorf("%s file '%s' in use, can't be deleted!", k, path)
	}
	s.keep(k, path, nil)
	return nil
}

// trusting counts the places that use a ca-file or crl-file. Under the lock.
func (s *Store) trusting(path string) (n int) {
	for _, f := range s.fronts {
		n += f.trusting(path)
	}
	for _, b := range s.backs {
		if s.names(&b.settings, path) {
			n++
		}
	}
	return n
}

func (f *Front) trusting(path string) (n int) {
	for _, e := range f.entries {
		if f.store.names(&e.profile.settings, path) {
			n++
		}
	}
	return n
}

// names tells whether settings name a file.
func (s *Store) names(by *Settings, path string) bool {
	for _, name := range []string{by.CAFile, by.CAVerifyFile, by.CRLFile} {
		if name != "" && under(s.CABase, name) == path {
			return true
		}
	}
	return false
}

// CommitTrust puts what the transaction has in the place of what the file has, for all
// connections that begin from now on. It reports in how many places it is used. The
// error is a Refusal when nothing was begun.
func (s *Store) CommitTrust(k Trust, path string) (used int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.next[k]
	switch {
	case t == nil:
		return 0, Refusal{errors.New("No ongoing transaction! !")}
	case t.path != path:
		return 0, Refusal{other(t.path, path, "set")}
	}
	s.next[k] = nil
	before := s.trusts(k, path)
	s.keep(k, path, t)
	if used, err = s.trustAgain(path); err != nil {
		s.keep(k, path, before)
	}
	return used, err
}

// trustAgain makes anew what depends on a file and then lets it be used, all or
// nothing.
func (s *Store) trustAgain(path string) (used int, err error) {
	all, err := s.renewBacks(func(b *Back) bool { return s.names(&b.settings, path) })
	used = len(all)
	if err != nil {
		return used, err
	}
	for _, f := range s.fronts {
		n := f.trusting(path)
		if n == 0 && !s.names(&f.plain.settings, path) {
			continue
		}
		renew, err := f.renew(path)
		if err != nil {
			return used, err
		}
		used += n
		all = append(all, renew)
	}
	for _, renew := range all {
		renew()
	}
	return used, nil
}

// renew makes the settings that name a file anew; what it returns puts them into
// force.
func (f *Front) renew(path string) (func(), error) {
	made := maps.Clone(f.made)
	maps.DeleteFunc(made, func(_ string, p *profile) bool { return f.store.names(&p.settings, path) })
	plain, err := f.profile(made, f.plain.settings)
	if err != nil {
		return nil, err
	}
	entries := slices.Clone(f.entries)
	for i, e := range entries {
		p, err := f.profile(made, e.profile.settings)
		if err != nil {
			return nil, err
		}
		if p != e.profile {
			entries[i] = e.again(e.cert, p)
		}
	}
	return func() {
		f.made = made
		f.publish(entries, plain)
	}, nil
}

// ListedTrust is the list of the files of a kind.
func (s *Store) ListedTrust(k Trust) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	line := func(mark string, t *trusted) {
		b.WriteString(mark + t.path)
		if t.ca != nil {
			fmt.Fprintf(&b, " - %d certificate(s)", len(t.ca.Certs))
		}
		b.WriteByte('\n')
	}
	if t := s.next[k]; t != nil {
		b.WriteString("# transaction\n")
		line("*", t)
	}
	b.WriteString("# filename\n")
	paths := slices.Sorted(maps.Keys(s.cas))
	if k == CRLFile {
		paths = slices.Sorted(maps.Keys(s.crls))
	}
	for _, path := range paths {
		line("", s.trusts(k, path))
	}
	return b.String()
}

// DescribeTrust tells what a file holds, or only what stands at an index behind a
// colon.
func (s *Store) DescribeTrust(k Trust, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, inDraft := marked(name)
	index := 0
	if s.trusts(k, path) == nil { // a path may have a colon of its own
		if i := strings.LastIndexByte(path, ':'); i >= 0 {
			n, err := strconv.Atoi(path[i+1:])
			if err != nil || n <= 0 {
				return "", fmt.Errorf("wrong %s index after colons in '%s'!", k, name)
			}
			index, path = n, path[:i]
		}
	}
	t := s.trusts(k, path)
	if inDraft {
		if t = s.next[k]; t != nil && t.path != path {
			t = nil
		}
	}
	if t == nil {
		return "", fmt.Errorf("Can't display the %s file : Not found!", k)
	}
	return t.describe(s.status(t, inDraft), index, inDraft), nil
}

func (s *Store) status(t *trusted, inDraft bool) string {
	switch {
	case inDraft:
		return "Uncommitted"
	case t.crl != nil && len(t.crl.Lists) == 0:
		return "Empty"
	case s.trusting(t.path) > 0:
		return "Used"
	}
	return "Unused"
}

// describe writes the file, or what stands at an index from one on. Reference: a
// ca-file without anything to show is not shown at all.
func (t *trusted) describe(status string, index int, inDraft bool) string {
	var b strings.Builder
	for i, c := range certsOf(t) {
		if index == 0 || index == i+1 {
			fmt.Fprintf(&b, " \nCertificate #%d:\n", i+1)
			describe(&b, c)
		}
	}
	if t.ca != nil && b.Len() == 0 {
		return ""
	}
	if t.crl != nil {
		for i, l := range t.crl.Lists {
			if index == 0 || index == i+1 {
				fmt.Fprintf(&b, " \nCertificate Revocation List #%d:\n", i+1)
				l.describe(&b)
			}
		}
	}
	mark := ""
	if inDraft {
		mark = "*"
	}
	return fmt.Sprintf("Filename: %s%s\nStatus: %s\n", mark, t.path, status) + b.String()
}

func certsOf(t *trusted) []*x509.Certificate {
	if t.ca == nil {
		return nil
	}
	return t.ca.Certs
}

// describe writes a list of revoked certificates as OpenSSL does.
func (r *Revocation) describe(b *strings.Builder) {
	next := "NONE"
	if !r.NextUpdate.IsZero() {
		next = timeText(r.NextUpdate)
	}
	fmt.Fprintf(b, "Version %d\nSignature Algorithm: %s\nIssuer: %s\nLast Update: %s\nNext Update: %s\n",
		r.version(), longNames[r.SignatureAlgorithm], NameLine(r.RawIssuer), timeText(r.ThisUpdate), next)
	if len(r.RevokedCertificateEntries) == 0 {
		b.WriteString("No Revoked Certificates.\n")
		return
	}
	b.WriteString("Revoked Certificates:\n")
	for _, e := range r.RevokedCertificateEntries {
		fmt.Fprintf(b, "    Serial Number: %s\n        Revocation Date: %s\n", serialText(e.SerialNumber.Bytes()), timeText(e.RevocationTime))
	}
}

// version is 2 where the list says so (RFC 5280 section 5.1.2.1).
func (r *Revocation) version() int {
	var tbs asn1.RawValue
	if _, err := asn1.Unmarshal(r.RawTBSRevocationList, &tbs); err == nil && len(tbs.Bytes) > 0 && tbs.Bytes[0] == asn1.TagInteger {
		return 2
	}
	return 1
}

// longNames are OpenSSL's long names of signature algorithms.
var longNames = map[x509.SignatureAlgorithm]string{
	x509.MD5WithRSA: "md5WithRSAEncryption", x509.SHA1WithRSA: "sha1WithRSAEncryption", x509.SHA256WithRSA: "sha256WithRSAEncryption",
	x509.SHA384WithRSA: "sha384WithRSAEncryption", x509.SHA512WithRSA: "sha512WithRSAEncryption",
	x509.SHA256WithRSAPSS: "rsassaPss", x509.SHA384WithRSAPSS: "rsassaPss", x509.SHA512WithRSAPSS: "rsassaPss",
	x509.ECDSAWithSHA1: "ecdsa-with-SHA1", x509.ECDSAWithSHA256: "ecdsa-with-SHA256", x509.ECDSAWithSHA384: "ecdsa-with-SHA384",
	x509.ECDSAWithSHA512: "ecdsa-with-SHA512", x509.PureEd25519: "ED25519",
}
