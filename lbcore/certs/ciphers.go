package certs

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// suite is a cipher suite of TLS 1.2 and before that crypto/tls has.
type suite struct {
	id   uint16
	name string // OpenSSL's
	tags string // the aliases of OpenSSL's cipher strings that it belongs to
	bits int
}

const (
	gcm    = " AES AESGCM HIGH TLSv1.2 DEFAULT ALL"
	chacha = " CHACHA20 HIGH TLSv1.2 DEFAULT ALL"
	cbc256 = " AES CBC HIGH TLSv1.2 SHA256 DEFAULT ALL"
	cbc    = " AES CBC HIGH SHA SHA1 DEFAULT ALL"
	weak   = " CBC MEDIUM SHA SHA1 3DES ALL"
	ecRSA  = "kECDHE kEECDH ECDHE EECDH aRSA"
	ecDSA  = "kECDHE kEECDH ECDHE EECDH aECDSA ECDSA"
	plain  = "kRSA aRSA RSA"
)

var suites = []suite{
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384", ecDSA + " AES256 SHA384" + gcm, 256},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384", ecRSA + " RSA AES256 SHA384" + gcm, 256},
	{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305", ecDSA + chacha, 256},
	{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305", ecRSA + " RSA" + chacha, 256},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256", ecDSA + " AES128 SHA256" + gcm, 128},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256", ecRSA + " RSA AES128 SHA256" + gcm, 128},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, "ECDHE-ECDSA-AES128-SHA256", ecDSA + " AES128" + cbc256, 128},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, "ECDHE-RSA-AES128-SHA256", ecRSA + " RSA AES128" + cbc256, 128},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "ECDHE-ECDSA-AES256-SHA", ecDSA + " AES256 TLSv1.0" + cbc, 256},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "ECDHE-RSA-AES256-SHA", ecRSA + " RSA AES256 TLSv1.0" + cbc, 256},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "ECDHE-ECDSA-AES128-SHA", ecDSA + " AES128 TLSv1.0" + cbc, 128},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "ECDHE-RSA-AES128-SHA", ecRSA + " RSA AES128 TLSv1.0" + cbc, 128},
	{tls.TLS_RSA_WITH_AES_256_GCM_SHA384, "AES256-GCM-SHA384", plain + " AES256 SHA384" + gcm, 256},
	{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, "AES128-GCM-SHA256", plain + " AES128 SHA256" + gcm, 128},
	{tls.TLS_RSA_WITH_AES_128_CBC_SHA256, "AES128-SHA256", plain + " AES128" + cbc256, 128},
	{tls.TLS_RSA_WITH_AES_256_CBC_SHA, "AES256-SHA", plain + " AES256 SSLv3" + cbc, 256},
	{tls.TLS_RSA_WITH_AES_128_CBC_SHA, "AES128-SHA", plain + " AES128 SSLv3" + cbc, 128},
	{tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA, "ECDHE-RSA-DES-CBC3-SHA", ecRSA + " RSA TLSv1.0" + weak, 168},
	{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, "DES-CBC3-SHA", plain + " SSLv3" + weak, 168},
}

// suites13 are the suites of TLS 1.3. crypto/tls offers all of them, always.
var suites13 = []suite{
	{tls.TLS_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", "", 128},
	{tls.TLS_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", "", 256},
	{tls.TLS_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", "", 256},
}

// families are words of OpenSSL's cipher strings whose suites crypto/tls has not
// got, and operators without effect on the choice.
var families = words(`eNULL NULL aNULL kDHE kEDH DHE EDH DH ADH AECDH aDSS DSS PSK kPSK kECDHEPSK kDHEPSK kRSAPSK aPSK
	SRP kSRP aSRP AESCCM AESCCM8 ARIA ARIA128 ARIA256 ARIAGCM CAMELLIA CAMELLIA128 CAMELLIA256 SEED IDEA RC2 RC4 DES MD5
	LOW EXP EXPORT EXPORT40 EXPORT56 GOST kGOST aGOST aGOST01 GOST94 GOST89MAC COMPLEMENTOFDEFAULT COMPLEMENTOFALL FIPS aECDH
	kECDHr kECDHe kECDH ECDH SUITEB128 SUITEB128ONLY SUITEB192 SSLv2 SSLv3 TLSv1 TLSv1.0 TLSv1.2 MEDIUM 3DES`)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// strangers are OpenSSL's names of suites that crypto/tls has not got: a key
// exchange, a cipher and a digest.
func stranger(name string) bool {
	rest := name
	for _, p := range []string{"DHE-RSA-", "DHE-DSS-", "DHE-PSK-", "ECDHE-ECDSA-", "ECDHE-RSA-", "ECDHE-PSK-", "ECDHE-", "RSA-PSK-", "PSK-",
		"ADH-", "AECDH-", "SRP-RSA-", "SRP-DSS-", "SRP-", "EDH-RSA-", "EDH-DSS-", "ECDH-RSA-", "ECDH-ECDSA-"} {
		if r, ok := strings.CutPrefix(name, p); ok {
			rest = r
			break
		}
	}
	return ciphersOf[rest]
}

var ciphersOf = words(`AES128-GCM-SHA256 AES256-GCM-SHA384 AES128-SHA AES256-SHA AES128-SHA256 AES256-SHA256 AES256-SHA384
	AES128-CBC-SHA AES256-CBC-SHA AES128-CBC-SHA256 AES256-CBC-SHA384 AES-128-CBC-SHA AES-256-CBC-SHA AES128-CCM AES256-CCM AES128-CCM8
	AES256-CCM8 CHACHA20-POLY1305 ARIA128-GCM-SHA256 ARIA256-GCM-SHA384 CAMELLIA128-SHA CAMELLIA256-SHA CAMELLIA128-SHA256
	CAMELLIA256-SHA256 CAMELLIA256-SHA384 DES-CBC3-SHA DES-CBC-SHA RC4-SHA RC4-MD5 SEED-SHA IDEA-CBC-SHA 3DES-EDE-CBC-SHA
	NULL-MD5 NULL-SHA NULL-SHA256 NULL-SHA384 DES-CBC3-MD5`)

// ParseCiphers reads an OpenSSL cipher string for TLS 1.2 and before. missing are
// suites that OpenSSL has and crypto/tls has not, unknown what nobody knows; it
// fails when nothing that can be offered remains.
func ParseCiphers(text string) (ids []uint16, missing, unknown []string, err error) {
	dead := map[uint16]bool{}
	for _, item := range strings.FieldsFunc(text, func(r rune) bool { return r == ':' || r == ',' || r == ' ' || r == ';' }) {
		word := strings.TrimLeft(item, "!-+")
		op := item[:len(item)-len(word)]
		if word == "" || word[0] == '@' || strings.HasPrefix(word, "DEFAULT:") {
			continue
		}
		match, known := matchSuites(word)
		switch {
		case !known && stranger(word):
			if op == "" {
				missing = append(missing, word)
			}
		case !known:
			unknown = append(unknown, word)
		case op == "!":
			for _, id := range match {
				dead[id] = true
			}
			fallthrough
		case op == "-":
			ids = slices.DeleteFunc(ids, func(id uint16) bool { return slices.Contains(match, id) })
		case op == "":
			for _, id := range match {
				if !dead[id] && !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	if len(ids) == 0 {
		return nil, missing, unknown, fmt.Errorf("unable to set SSL cipher list to '%s'", text)
	}
	return ids, missing, unknown, nil
}

// matchSuites returns what a name, an alias or several of them joined by "+" stand
// for.
func matchSuites(word string) (ids []uint16, known bool) {
	if i := slices.IndexFunc(suites, func(s suite) bool { return s.name == word }); i >= 0 {
		return []uint16{suites[i].id}, true
	}
	parts := strings.Split(word, "+")
	for _, p := range parts {
		if !families[p] && !slices.ContainsFunc(suites, func(s suite) bool { return slices.Contains(strings.Fields(s.tags), p) }) {
			return nil, false
		}
	}
	for _, s := range suites {
		tags := strings.Fields(s.tags)
		if !slices.ContainsFunc(parts, func(p string) bool { return !slices.Contains(tags, p) }) {
			ids = append(ids, s.id)
		}
	}
	return ids, true
}

// defaultSuites is OpenSSL's DEFAULT, as far as crypto/tls has it.
var defaultSuites = func() []uint16 { ids, _ := matchSuites("DEFAULT"); return ids }()

// ParseSuites reads the list of TLS 1.3 suites; left are those that it leaves out
// and crypto/tls offers all the same.
func ParseSuites(text string) (left []string, err error) {
	named := map[string]bool{}
	for w := range strings.SplitSeq(text, ":") {
		switch {
		case w == "":
		case slices.ContainsFunc(suites13, func(s suite) bool { return s.name == w }):
			named[w] = true
		case strings.HasPrefix(w, "TLS_AES_128_CCM"):
		default:
			return nil, fmt.Errorf("unable to set TLS 1.3 cipher suites to '%s'", text)
		}
	}
	for _, s := range suites13 {
		if !named[s.name] {
			left = append(left, s.name)
		}
	}
	return left, nil
}

// CipherName is OpenSSL's name of a suite.
func CipherName(id uint16) string {
	for _, list := range [2][]suite{suites13, suites} {
		for i := range list {
			if list[i].id == id {
				return list[i].name
			}
		}
	}
	return tls.CipherSuiteName(id)
}

// CipherBits is the length of a suite's key.
func CipherBits(id uint16) int {
	for _, list := range [2][]suite{suites13, suites} {
		for i := range list {
			if list[i].id == id {
				return list[i].bits
			}
		}
	}
	return 0
}

type curve struct {
	id    tls.CurveID
	names []string // the first is what is shown
}

var curves = []curve{
	{tls.X25519MLKEM768, []string{"X25519MLKEM768"}},
	{tls.SecP256r1MLKEM768, []string{"SecP256r1MLKEM768"}},
	{tls.SecP384r1MLKEM1024, []string{"SecP384r1MLKEM1024"}},
	{tls.X25519, []string{"X25519", "x25519"}},
	{tls.CurveP256, []string{"SECP256R1", "prime256v1", "P-256", "secp256r1"}},
	{tls.CurveP384, []string{"SECP384R1", "secp384r1", "P-384"}},
	{tls.CurveP521, []string{"SECP521R1", "secp521r1", "P-521"}},
}

// foreignCurves are groups that OpenSSL knows and crypto/tls has not got.
var foreignCurves = words(`X448 x448 ffdhe2048 ffdhe3072 ffdhe4096 ffdhe6144 ffdhe8192 secp224r1 P-224 secp256k1 secp192r1 prime192v1
	brainpoolP256r1 brainpoolP384r1 brainpoolP512r1 brainpoolP256r1tls13 brainpoolP384r1tls13 brainpoolP512r1tls13 MLKEM512 MLKEM768
	MLKEM1024 sect163k1 sect233k1 sect283k1 sect409k1 sect571k1`)

// ParseCurves reads a list of groups; missing are those that crypto/tls has not got.
func ParseCurves(text string) (ids []tls.CurveID, missing []string, err error) {
	for w := range strings.SplitSeq(strings.ReplaceAll(text, "/", ":"), ":") {
		name := strings.TrimLeft(w, "?*-")
		i := slices.IndexFunc(curves, func(c curve) bool { return slices.Contains(c.names, name) })
		switch {
		case i >= 0 && !slices.Contains(ids, curves[i].id):
			ids = append(ids, curves[i].id)
		case i >= 0:
		case foreignCurves[name]:
			missing = append(missing, name)
		case strings.HasPrefix(w, "?"):
		default:
			return nil, nil, fmt.Errorf("unable to set SSL curves list to '%s'", text)
		}
	}
	if len(ids) == 0 {
		return nil, missing, fmt.Errorf("unable to set SSL curves list to '%s'", text)
	}
	return ids, missing, nil
}

// CurveName is OpenSSL's name of a group.
func CurveName(id tls.CurveID) string {
	for _, c := range curves {
		if c.id == id {
			return c.names[0]
		}
	}
	return ""
}

// ParseSigAlgs checks a list of signature algorithms. crypto/tls offers its own in
// any case.
func ParseSigAlgs(text string) error {
	for w := range strings.SplitSeq(text, ":") {
		key, digest, two := strings.Cut(w, "+")
		switch {
		case two && (key == "RSA" || key == "ECDSA" || key == "DSA" || key == "RSA-PSS" || key == "PSS") && digests[digest]:
		case !two && schemes[strings.ToLower(w)]:
		default:
			return fmt.Errorf("unable to set SSL Signature Algorithm list to '%s'", text)
		}
	}
	return nil
}

var (
	digests = words("SHA1 SHA224 SHA256 SHA384 SHA512 MD5")
	schemes = words(`rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 rsa_pss_rsae_sha512 rsa_pss_pss_sha256 rsa_pss_pss_sha384 rsa_pss_pss_sha512
	rsa_pkcs1_sha1 rsa_pkcs1_sha256 rsa_pkcs1_sha384 rsa_pkcs1_sha512 rsa_pkcs1_sha224 ecdsa_secp256r1_sha256 ecdsa_secp384r1_sha384
	ecdsa_secp521r1_sha512 ecdsa_sha1 ecdsa_sha224 ed25519 ed448 dsa_sha1 dsa_sha224 dsa_sha256 dsa_sha384 dsa_sha512`)
)
