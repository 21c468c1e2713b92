package certs

import (
	"crypto/sha1" //nolint:gosec // what fingerprints are made of
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// This file tells what a store holds, in the reference's words. All of it is for any
// goroutine but a loop's.

// Listed is the list of the certificates; path is one of its lines without the mark
// of a transaction.
func (s *Store) Listed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	if s.draft != nil {
		b.WriteString("# transaction\n*" + s.draft.slot.Path + "\n")
	}
	if len(s.slots) > 0 {
		b.WriteString("# filename\n")
	}
	for _, path := range slices.Sorted(maps.Keys(s.slots)) {
		b.WriteString(path + "\n")
	}
	return b.String()
}

// marked reads the name of a certificate or file: a mark in front for that of the
// transaction, escaped where the name begins so.
func marked(name string) (path string, inDraft bool) {
	if path, ok := strings.CutPrefix(name, "*"); ok {
		return path, true
	}
	if strings.HasPrefix(name, `\`) {
		return name[1:], false
	}
	return name, false
}

// shown finds a certificate by its name as a command has it; nil for none.
func (s *Store) shown(name string) (slot *Slot, p *Parts, inDraft bool) {
	path, inDraft := marked(name)
	if inDraft {
		if s.draft == nil || s.draft.slot.Path != path {
			return nil, nil, true
		}
		return s.draft.slot, &s.draft.parts, true
	}
	if slot = s.slots[path]; slot == nil {
		return nil, nil, false
	}
	if c := slot.Cert(); c != nil {
		p = &c.parts
	}
	return slot, p, false
}

// DescribeCert tells what is known of a certificate, "" for none of that name.
func (s *Store) DescribeCert(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, p, inDraft := s.shown(name)
	if slot == nil {
		return ""
	}
	var b strings.Builder
	line := func(what, text string) {
		if text != "" {
			b.WriteString(what + " filename: " + text + "\n")
		}
	}
	mark := ""
	if inDraft {
		mark = "*"
	}
	fmt.Fprintf(&b, "Filename: %s%s\n", mark, slot.Path)
	line("Crt", slot.files.crt)
	line("Key", slot.files.key)
	line("OCSP", slot.files.ocsp)
	line("OCSP Issuer", slot.files.issuer)
	line("SCTL", slot.files.sctl)
	status, id := "Unused", []byte(nil)
	switch {
	case inDraft:
		status = "Uncommitted"
	case p == nil:
		status = "Empty"
	case s.uses(slot) > 0:
		status = "Used"
		id = slot.Cert().ocspID
	}
	fmt.Fprintf(&b, "Status: %s\n", status)
	if p != nil && p.Leaf != nil {
		describe(&b, p.Leaf)
		for _, c := range p.Chain {
			fmt.Fprintf(&b, "Chain Subject: %s\nChain Issuer: %s\n", NameLine(c.RawSubject), NameLine(c.RawIssuer))
		}
	}
	fmt.Fprintf(&b, "OCSP Response Key: %x\n", id)
	return b.String()
}

// describe writes the fields of one certificate.
func describe(b *strings.Builder, c *x509.Certificate) {
	fmt.Fprintf(b, "Serial: %s\nnotBefore: %s\nnotAfter: %s\n", serialText(c.SerialNumber.Bytes()), timeText(c.NotBefore), timeText(c.NotAfter))
	b.WriteString("Subject Alternative Name: " + altNames(c) + "\n")
	fmt.Fprintf(b, "Algorithm: %s\nSHA1 FingerPrint: %X\nSubject: %s\nIssuer: %s\n", KeyName(c), sha1.Sum(c.Raw), NameLine(c.RawSubject), NameLine(c.RawIssuer))
}

// serialText is a serial number in hex, whole bytes.
func serialText(b []byte) string {
	if len(b) == 0 {
		return "00"
	}
	return fmt.Sprintf("%X", b)
}

// timeText is how OpenSSL prints a time.
func timeText(t time.Time) string { return t.UTC().Format("Jan _2 15:04:05 2006 GMT") }

var oidAltNames = asn1.ObjectIdentifier{2, 5, 29, 17}

// altNames lists the names for DNS. Reference: others leave their comma.
func altNames(c *x509.Certificate) string {
	i := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidAltNames) })
	if i < 0 {
		return ""
	}
	var all []asn1.RawValue
	if rest, err := asn1.Unmarshal(c.Extensions[i].Value, &all); err != nil || len(rest) > 0 {
		return ""
	}
	const dns = 2 // RFC 5280 section 4.2.1.6
	parts := make([]string, len(all))
	for i, v := range all {
		if v.Class == asn1.ClassContextSpecific && v.Tag == dns {
			parts[i] = "DNS:" + string(v.Bytes)
		}
	}
	return strings.Join(parts, ", ")
}

// DumpCert is a certificate with its key and its chain in PEM, "" for none of that
// name.
func (s *Store) DumpCert(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, p, _ := s.shown(name)
	if p == nil {
		return ""
	}
	var b strings.Builder
	if p.Key != nil {
		if der, err := x509.MarshalPKCS8PrivateKey(p.Key); err == nil {
			b.Write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		}
	}
	for _, c := range append([]*x509.Certificate{p.Leaf}, p.Chain...) {
		if c != nil {
			b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
		}
	}
	return b.String()
}
