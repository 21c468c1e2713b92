package certs

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
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
