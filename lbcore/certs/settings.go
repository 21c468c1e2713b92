package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Verify is what is asked of a peer's certificate.
type Verify uint8

// The ways to verify. Unset leaves the default.
const (
	VerifyUnset Verify = iota
	VerifyNone
	VerifyOptional
	VerifyRequired
)

// Choice is a switch that may be left open.
type Choice uint8

// The positions of a switch.
const (
	Open Choice = iota
	Yes
	No
)

// over takes the default of a switch that is left open.
func (c Choice) over(d Choice) Choice {
	if c == Open {
		return d
	}
	return c
}

// Settings are how TLS is spoken on a bind line, a line of a crt-list or a server.
// Empty fields take the default.
type Settings struct {
	Versions      Versions
	Ciphers       string
	Suites        string // of TLS 1.3
	Curves        string
	ECDHE         string
	SigAlgs       string
	ClientSigAlgs string
	ALPN          []string
	NoALPN        bool
	Verify        Verify
	CAFile        string
	CAVerifyFile  string
	CRLFile       string
	IgnoreCA      ErrorSet
	IgnoreCrt     ErrorSet
	Tickets       Choice // yes where nothing is said
	NoCANames     bool
	StrictSNI     Choice // no where nothing is said
	TicketFile    string
}

// Over returns s with what it leaves open taken from d.
func (s Settings) Over(d Settings) Settings {
	text := func(a *string, b string) {
		if *a == "" {
			*a = b
		}
	}
	s.Versions = s.Versions.over(d.Versions)
	text(&s.Ciphers, d.Ciphers)
	text(&s.Suites, d.Suites)
	if s.Curves == "" && s.ECDHE == "" {
		s.Curves, s.ECDHE = d.Curves, d.ECDHE
	}
	text(&s.SigAlgs, d.SigAlgs)
	text(&s.ClientSigAlgs, d.ClientSigAlgs)
	if s.ALPN == nil && !s.NoALPN {
		s.ALPN, s.NoALPN = d.ALPN, d.NoALPN
	}
	if s.Verify == VerifyUnset {
		s.Verify = d.Verify
	}
	text(&s.CAFile, d.CAFile)
	text(&s.CAVerifyFile, d.CAVerifyFile)
	text(&s.CRLFile, d.CRLFile)
	if s.IgnoreCA == (ErrorSet{}) {
		s.IgnoreCA = d.IgnoreCA
	}
	if s.IgnoreCrt == (ErrorSet{}) {
		s.IgnoreCrt = d.IgnoreCrt
	}
	text(&s.TicketFile, d.TicketFile)
	s.Tickets = s.Tickets.over(d.Tickets)
	s.NoCANames = s.NoCANames || d.NoCANames
	s.StrictSNI = s.StrictSNI.over(d.StrictSNI)
	return s
}

// Versions are the protocol versions that a line allows: from Min to Max, or, where
// neither is said, all but those of No. Zero leaves a bound open.
type Versions struct {
	Min, Max uint16
	No       uint8 // bits of versionNames
}

// over takes the bounds that are left open from d, and what d takes out.
func (v Versions) over(d Versions) Versions {
	if v.Min == 0 {
		v.Min = d.Min
	}
	if v.Max == 0 {
		v.Max = d.Max
	}
	v.No |= d.No
	return v
}

// versionNames are the configuration's names, oldest first; SSLv3 is spoken by
// nobody here.
var versionNames = []string{"SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}

// sslv3 is one before the oldest that is there.
const sslv3 = tls.VersionTLS10 - 1

// ParseVersion reads a version's name.
func ParseVersion(word string) (uint16, bool) {
	i := slices.Index(versionNames, word)
	return sslv3 + uint16(i), i >= 0
}

// Without takes a version out.
func (v *Versions) Without(version uint16) { v.No |= 1 << (version - sslv3) }

var errNoVersion = errors.New("all SSL/TLS versions are disabled")

// Ambiguity is what is odd about a choice of versions.
type Ambiguity uint8

// The ambiguities.
const (
	Clear   Ambiguity = iota
	Ignored           // versions are taken out beside a bound: they stay
	Lowered           // the newest is older than the oldest that is the default
)

// Range returns the oldest and newest version that are allowed; low is the oldest
// where nothing else is said.
func (v Versions) Range(low uint16) (minVersion, maxVersion uint16, odd Ambiguity, err error) {
	from, to := v.Min, v.Max
	if v.No != 0 && (from != 0 || to != 0) {
		odd, v.No = Ignored, 0
	}
	if to == 0 {
		to = tls.VersionTLS13
	}
	if from == 0 {
		if from = low; to < low {
			from, odd = to, Lowered
		}
	}
	for i := max(from, tls.VersionTLS10); i <= to; i++ {
		if v.No&(1<<(i-sslv3)) == 0 {
			if minVersion == 0 {
				minVersion = i
			}
			maxVersion = i
		}
	}
	if minVersion == 0 {
		return 0, 0, odd, errNoVersion
	}
	return minVersion, maxVersion, odd, nil
}

// ConfigVersion is a version's name in configurations.
func ConfigVersion(v uint16) string { return versionNames[v-sslv3] }

// VersionName is how the reference writes a version.
func VersionName(v uint16) string {
	if v >= tls.VersionTLS11 && v <= tls.VersionTLS13 {
		return versionNames[v-sslv3]
	}
	if v == tls.VersionTLS10 {
		return "TLSv1"
	}
	return ""
}

// ErrorSet is a set of X.509 verification errors.
type ErrorSet [2]uint64

// Has tells whether an error is in the set.
func (e ErrorSet) Has(code int) bool {
	return code > 0 && code < 128 && e[code/64]&(1<<(code%64)) != 0
}

// ParseErrors reads the list of ca-ignore-err and crt-ignore-err.
func ParseErrors(list string) (e ErrorSet, err error) {
	if list == "all" {
		return ErrorSet{^uint64(0), ^uint64(0)}, nil
	}
	for w := range strings.SplitSeq(list, ",") {
		name, named := strings.CutPrefix(w, verifyPrefix)
		n := slices.Index(verifyNames[:], name)
		if !named || n <= 0 {
			if _, err := fmt.Sscanf(w, "%d", &n); err != nil || n <= 0 || n > 127 {
				return e, fmt.Errorf("error constant '%s' unknown in error IDs list '%s'", w, list)
			}
		}
		e[n/64] |= 1 << (n % 64)
	}
	return e, nil
}

// ParseALPN reads a comma-separated list of protocols.
func ParseALPN(list string) []string {
	out := []string{}
	for p := range strings.SplitSeq(list, ",") {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}
