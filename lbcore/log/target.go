//lint:file-ignore ST1005 the reference's messages are printed as they are

package log

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gohap/lbcore/config"
)

// Level is a syslog severity; smaller is more severe.
type Level int8

// The severities.
const (
	Emerg Level = iota
	Alert
	Crit
	Err
	Warning
	Notice
	Info
	Debug
	levelCount
)

var levelNames = [levelCount]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// String returns the level's word.
func (l Level) String() string {
	if l >= 0 && l < levelCount {
		return levelNames[l]
	}
	return "level " + strconv.Itoa(int(l))
}

// ParseLevel returns a level by its word.
func ParseLevel(word string) (Level, bool) {
	i := slices.Index(levelNames[:], word)
	return Level(i), i >= 0
}

// Facility is a syslog facility.
type Facility uint8

var facilityNames = [24]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2", "ftp",
	"ntp", "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// String returns the facility's word.
func (f Facility) String() string { return facilityNames[f%24] }

// ParseFacility returns a facility by its word.
func ParseFacility(word string) (Facility, bool) {
	i := slices.Index(facilityNames[:], word)
	return Facility(max(i, 0)), i >= 0
}

// Format is how a line is framed.
type Format uint8

// The formats. Unspecified is local, or rfc3164 with log-send-hostname.
const (
	Unspecified Format = iota
	Local
	RFC3164
	RFC5424
	Priority
	Short
	Timed
	ISO
	Raw
	formatCount
)

var formatNames = [formatCount]string{"", "local", "rfc3164", "rfc5424", "priority", "short", "timed", "iso", "raw"}

// String returns the format's word.
func (f Format) String() string { return formatNames[f] }

// Kind is the kind of a target.
type Kind uint8

// The kinds of targets.
const (
	UDP  Kind = iota // datagrams to Addr
	Unix             // datagrams to Path
	FD               // a descriptor: stdout, stderr, fd@n
	InRing
	TCP        // a connection to Addr
	UnixStream // a connection to Path
)

// Target is one "log" line as the configuration has it.
type Target struct {
	Kind     Kind
	Addr     netip.AddrPort // UDP, TCP
	Path     string         // Unix, UnixStream; an abstract name starts with "@"
	FD       int
	Ring     string
	Profile  string // name of the log-profile section, empty without
	Len      int    // bytes of a whole line, its LF included
	Format   Format
	Sample   Sampling
	Facility Facility
	Level    Level // the least severe level that is sent
	MinLevel Level // more severe messages are sent as this level
	Text     string
}

// Connects tells whether lines go over a connection.
func (t *Target) Connects() bool { return t.Kind == TCP || t.Kind == UnixStream }

// The limits of a line.
const (
	MinLen     = 80
	MaxLen     = 65535
	DefaultLen = 1024
)

// Entry is what one "log" keyword says.
type Entry struct {
	Flush  bool    // "no log"
	Global bool    // "log global"
	Target *Target // otherwise
}

// Parse reads the words after "log" ("no" says that the line began with it).
// resolve and the like come by rules, usually a copy of config.LogRules. The
// error has the reference's text without its "log : ".
func Parse(words []string, no bool, rules *config.AddressRules) (Entry, error) {
	switch {
	case no && len(words) > 0:
		return Entry{}, errors.New("'no log' does not expect arguments")
	case no:
		return Entry{Flush: true}, nil
	case len(words) == 1 && words[0] == "global":
		return Entry{Global: true}, nil
	case len(words) < 2:
		return Entry{}, errors.New("expects <address> and <facility> or global as arguments")
	}
	t := &Target{Len: DefaultLen, Level: Debug, MinLevel: Emerg, Text: words[0]}
	if err := t.address(words[0], rules); err != nil {
		return Entry{}, err
	}
	rest, err := t.params(words[1:])
	if err != nil {
		return Entry{}, err
	}
	return Entry{Target: t}, t.severity(rest)
}

func (t *Target) address(text string, rules *config.AddressRules) error {
	switch {
	case text == "stdout":
		t.Kind, t.FD = FD, 1
		return nil
	case text == "stderr":
		t.Kind, t.FD = FD, 2
		return nil
	case strings.HasPrefix(text, "ring@"):
		t.Kind, t.Ring = InRing, strings.TrimPrefix(text, "ring@")
		return nil
	case strings.HasPrefix(text, "backend@"):
		return fmt.Errorf("target '%s': log backends are known to HAProxy, not implemented by gohap", text)
	}
	a, err := config.ParseAddress(text, rules)
	if err != nil {
		return err
	}
	switch {
	case a.Family == config.FD:
		t.Kind, t.FD = FD, a.FD
	case a.Family == config.Sockpair:
		return fmt.Errorf("target '%s': descriptors cannot be passed to a log target", text)
	case a.Family == config.Unix:
		t.Kind, t.Path = Unix, a.Path
	case a.Family == config.Abstract || a.Family == config.AbstractZ:
		t.Kind, t.Path = Unix, "@"+a.AbstractName()
	case !a.IP.IsValid():
		return fmt.Errorf("target '%s': no IP address", text)
	default:
		port := a.Port
		if port == 0 {
			port = 514
		}
		t.Addr = netip.AddrPortFrom(a.IP, uint16(port))
	}
	if t.Kind != FD && !a.Datagram {
		t.Kind = map[Kind]Kind{UDP: TCP, Unix: UnixStream}[t.Kind]
	}
	return nil
}

// params reads len, format, sample and profile in any order.
func (t *Target) params(words []string) ([]string, error) {
	for len(words) > 0 {
		arg := ""
		if len(words) > 1 {
			arg = words[1]
		}
		switch words[0] {
		case "len":
			n, err := strconv.Atoi(arg)
			if err != nil || n < MinLen || n > MaxLen {
				return nil, fmt.Errorf("invalid log length '%s', must be between %d and %d", arg, MinLen, MaxLen)
			}
			t.Len = n
		case "format":
			i := slices.Index(formatNames[1:], arg)
			if i < 0 {
				return nil, fmt.Errorf("unknown log format '%s'", arg)
			}
			t.Format = Format(i + 1)
		case "sample":
			s, err := ParseSampling(arg)
			if err != nil {
				return nil, err
			}
			t.Sample = s
		case "profile":
			t.Profile = arg
		default:
			return words, nil
		}
		words = words[min(2, len(words)):]
	}
	return nil, nil
}

// severity reads facility, level and minimum level.
func (t *Target) severity(words []string) error {
	facility := ""
	if len(words) > 0 {
		facility = words[0]
	}
	var ok bool
	if t.Facility, ok = ParseFacility(facility); !ok {
		return fmt.Errorf("unknown log facility '%s'", facility)
	}
	if len(words) > 1 {
		if t.Level, ok = ParseLevel(words[1]); !ok {
			return fmt.Errorf("unknown optional log level '%s'", words[1])
		}
	}
	if len(words) > 2 {
		if t.MinLevel, ok = ParseLevel(words[2]); !ok {
			return fmt.Errorf("unknown optional minimum log level '%s'", words[2])
		}
	}
	if len(words) > 3 {
		return fmt.Errorf("cannot handle unexpected argument '%s'", words[3])
	}
	return nil
}

// Sampling says which lines of a period are sent; the zero value sends all.
type Sampling struct {
	Ranges []Range
	Size   uint32
}

// Range is inclusive and counts from 1.
type Range struct{ Low, High uint32 }

// ParseSampling reads "1-2,5:10".
func ParseSampling(text string) (Sampling, error) {
	list, size, ok := strings.Cut(text, ":")
	if !ok {
		return Sampling{}, errors.New("Missing sample size")
	}
	n, err := strconv.ParseUint(size, 10, 31)
	if err != nil || n == 0 {
		return Sampling{}, fmt.Errorf("wrong sample size '%s' for sample range '%s'", size, list)
	}
	s := Sampling{Size: uint32(n)}
	for _, part := range strings.Split(list, ",") {
		lo, hi, dash := strings.Cut(part, "-")
		if !dash {
			hi = lo
		}
		l, err1 := strconv.ParseUint(lo, 10, 31)
		h, err2 := strconv.ParseUint(hi, 10, 31)
		if err1 != nil || err2 != nil || l == 0 || h < l {
			return Sampling{}, fmt.Errorf("wrong sample range '%s'", part)
		}
		s.Ranges = append(s.Ranges, Range{uint32(l), uint32(h)})
	}
	return s, s.check()
}

func (s *Sampling) check() error {
	slices.SortFunc(s.Ranges, func(a, b Range) int { return int(a.Low) - int(b.Low) })
	var highest uint32
	for i, r := range s.Ranges {
		if i > 0 && r.Low <= highest {
			return errors.New("ranges are overlapping")
		}
		highest = max(highest, r.High)
	}
	if s.Size < highest {
		return fmt.Errorf("sample size %d should be greater or equal to %d the maximum of the high ranges limits", s.Size, highest)
	}
	return nil
}

// takes reports whether the n-th line of a period, from 1, is sent.
func (s *Sampling) takes(n uint32) bool {
	for _, r := range s.Ranges {
		if n >= r.Low && n <= r.High {
			return true
		}
	}
	return false
}
