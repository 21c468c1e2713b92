package certs

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strconv"
	"strings"
)

// SignatureName is OpenSSL's name of the algorithm that signed a certificate.
func SignatureName(c *x509.Certificate) string {
	switch a := c.SignatureAlgorithm; a {
	case x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		return "RSASSA-PSS"
	case x509.ECDSAWithSHA1, x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
		return "ecdsa-with-" + strings.TrimPrefix(a.String(), "ECDSA-")
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA:
		return "RSA-" + strings.TrimSuffix(a.String(), "-RSA")
	case x509.PureEd25519:
		return "ED25519"
	}
	return ""
}

// KeyName is the kind and size of a certificate's key as the PROXY protocol has it:
// RSA2048, EC256.
func KeyName(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return "RSA" + strconv.Itoa(k.N.BitLen())
	case *ecdsa.PublicKey:
		return "EC" + strconv.Itoa(k.Params().BitSize)
	}
	return c.PublicKeyAlgorithm.String()
}

// shortNames are OpenSSL's names of a name's parts.
var shortNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street",
	"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.13": "description", "2.5.4.17": "postalCode", "2.5.4.41": "name",
	"2.5.4.42": "GN", "2.5.4.43": "initials", "2.5.4.46": "dnQualifier", "1.2.840.113549.1.9.1": "emailAddress",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}

// NamePart is one attribute of a distinguished name.
type NamePart struct {
	Key, Value string
	Joined     bool // it stands in one set with the one before
}

// NameParts reads a distinguished name in its own order.
func NameParts(raw []byte) (parts []NamePart) {
	var rdns pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw, &rdns); err != nil {
		return nil
	}
	for _, set := range rdns {
		for i, a := range set {
			v, ok := a.Value.(string)
			if !ok {
				continue
			}
			oid := a.Type.String()
			if n := shortNames[oid]; n != "" {
				oid = n
			}
			parts = append(parts, NamePart{oid, v, i > 0})
		}
	}
	return parts
}

// OneLine is OpenSSL's short form of a name.
func OneLine(parts []NamePart) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + p.Key + "=" + p.Value)
	}
	return b.String()
}

// NameLine is the short form of a name in DER.
func NameLine(raw []byte) string { return OneLine(NameParts(raw)) }
