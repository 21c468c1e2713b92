package sample

import (
	"errors"
	"strconv"
	"time"
)

// dateMask: the reference keeps dates in 55 bits.
const dateMask = 1<<55 - 1

// checkUnit wants "s", "ms" or "us" as the second argument and leaves the
// number of units in a second in its Int.
func checkUnit(args []Arg, _ *Options) error {
	if len(args) < 2 {
		return nil
	}
	switch a := &args[1]; a.Str {
	case "s":
		a.Int = 1
	case "ms":
		a.Int = 1000
	case "us":
		a.Int = 1000000
	default:
		return errors.New("expects 's', 'ms' or 'us', got '" + a.Str + "'")
	}
	return nil
}

func unitOf(args []Arg) int64 {
	if len(args) < 2 {
		return 1
	}
	return args[1].Int
}

var (
	dayNames   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
)

// convHTTPDate prints an IMF-fixdate, with decimals for ms and us.
func convHTTPDate(c *Context, args []Arg, s *Sample) bool {
	unit, v := unitOf(args), s.Int
	if len(args) > 0 {
		v += args[0].Int
	}
	v &= dateMask
	t := time.Unix(v/unit, 0).UTC()
	d := appendStrftime(c.Arena.Rest(64), "%a, %d %b %Y %H:%M:%S", t, 0)
	switch unit {
	case 1000:
		d = appendPadded(append(d, '.'), v%unit, 3, '0')
	case 1000000:
		d = appendPadded(append(d, '.'), v%unit, 6, '0')
	}
	s.SetStr(c.Arena.Keep(append(d, " GMT"...)))
	return true
}

// convStrftime prints a date given in units of 1/unit second.
func convStrftime(unit int64, local bool) ConvFunc {
	return func(c *Context, args []Arg, s *Sample) bool {
		v := s.Int & dateMask
		sec, frac := v/unit, v%unit
		if len(args) > 1 {
			// Reference: the offset is in the unit of the input.
			v += args[1].Int
			sec, frac = v/unit, v%unit
		}
		t := time.Unix(sec, 0)
		if !local {
			t = t.UTC()
		}
		nanos := int64(-1)
		if unit > 1 {
			nanos = frac * (1000000000 / unit)
		}
		s.SetStr(c.Arena.Keep(appendStrftime(c.Arena.Rest(128), args[0].Str, t, nanos)))
		return true
	}
}

func appendPadded(dst []byte, v int64, width int, pad byte) []byte {
	if v < 0 {
		dst, v, width = append(dst, '-'), -v, width-1
	}
	n := 1
	for x := v; x >= 10; x /= 10 {
		n++
	}
	for ; pad != 0 && n < width; n++ {
		dst = append(dst, pad)
	}
	return strconv.AppendInt(dst, v, 10)
}

// strftime state for one conversion.
type timeSpec struct {
	pad   byte // what the flags ask for: '0', ' ', 0 for none; 1 means default
	width int
	upper bool
}

// appendStrftime formats t as strftime(3) in the C locale, with the flags
// "_-0^", a width and the modifiers E and O. With nanos >= 0, %N gives the
// fraction, its width counts digits.
func appendStrftime(dst []byte, format string, t time.Time, nanos int64) []byte {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			dst = append(dst, format[i])
			continue
		}
		start := i
		spec, j := parseTimeSpec(format, i+1)
		if j >= len(format) {
			return append(dst, format[start:]...)
		}
		i = j
		n := len(dst)
		var ok bool
		if dst, ok = appendTimeField(dst, format[j], t, nanos, spec); !ok {
			dst = append(dst[:n], format[start:j+1]...)
		} else if spec.upper {
			for k := n; k < len(dst); k++ {
				if dst[k]-'a' < 26 {
					dst[k] &^= 0x20
				}
			}
		}
	}
	return dst
}

func parseTimeSpec(f string, j int) (timeSpec, int) {
	spec := timeSpec{pad: 1}
	for ; j < len(f); j++ {
		switch f[j] {
		case '_':
			spec.pad = ' '
		case '-':
			spec.pad = 0
		case '0':
			spec.pad = '0'
		case '^', '#':
			spec.upper = true
		default:
			for ; j < len(f) && f[j]-'0' <= 9; j++ {
				spec.width = min(spec.width*10+int(f[j]-'0'), 64)
			}
			if j < len(f) && (f[j] == 'E' || f[j] == 'O') && j+1 < len(f) && f[j+1]|0x20-'a' < 26 {
				j++
			}
			return spec, j
		}
	}
	return spec, j
}

// num appends a number with the field's own width and padding.
func (sp timeSpec) num(dst []byte, v, width int, pad byte) []byte {
	if sp.pad != 1 {
		pad = sp.pad
	}
	if sp.width > 0 {
		width = sp.width
	}
	return appendPadded(dst, int64(v), width, pad)
}

func hour12(h int) int {
	if h %= 12; h == 0 {
		return 12
	}
	return h
}

func appendTimeField(dst []byte, verb byte, t time.Time, nanos int64, sp timeSpec) ([]byte, bool) {
	switch verb {
	case '%':
		return append(dst, '%'), true
	case 'n':
		return append(dst, '\n'), true
	case 't':
		return append(dst, '\t'), true
	case 'a':
		return append(dst, dayNames[t.Weekday()][:3]...), true
	case 'A':
		return append(dst, dayNames[t.Weekday()]...), true
	case 'b', 'h':
		return append(dst, monthNames[t.Month()-1][:3]...), true
	case 'B':
		return append(dst, monthNames[t.Month()-1]...), true
	case 'p', 'P':
		return appendAMPM(dst, t, verb), true
	case 'N':
		return appendFraction(dst, nanos, sp)
	case 's':
		return sp.num(dst, int(t.Unix()), 1, '0'), true
	case 'z':
		return appendZone(dst, t), true
	case 'Z':
		return appendZoneName(dst, t), true
	}
	if f := compositeTime(verb); f != "" {
		return appendStrftime(dst, f, t, nanos), true
	}
	return appendTimeNumber(dst, verb, t, sp)
}

func compositeTime(verb byte) string {
	switch verb {
	case 'c':
		return "%a %b %e %H:%M:%S %Y"
	case 'D', 'x':
		return "%m/%d/%y"
	case 'F':
		return "%Y-%m-%d"
	case 'r':
		return "%I:%M:%S %p"
	case 'R':
		return "%H:%M"
	case 'T', 'X':
		return "%H:%M:%S"
	}
	return ""
}

func appendTimeNumber(dst []byte, verb byte, t time.Time, sp timeSpec) ([]byte, bool) {
	wday := int(t.Weekday())
	switch verb {
	case 'C':
		return sp.num(dst, t.Year()/100, 2, '0'), true
	case 'd':
		return sp.num(dst, t.Day(), 2, '0'), true
	case 'e':
		return sp.num(dst, t.Day(), 2, ' '), true
	case 'g', 'G', 'V':
		y, w := t.ISOWeek()
		switch verb {
		case 'g':
			return sp.num(dst, y%100, 2, '0'), true
		case 'G':
			return sp.num(dst, y, 1, '0'), true
		}
		return sp.num(dst, w, 2, '0'), true
	case 'H':
		return sp.num(dst, t.Hour(), 2, '0'), true
	case 'I':
		return sp.num(dst, hour12(t.Hour()), 2, '0'), true
	case 'j':
		return sp.num(dst, t.YearDay(), 3, '0'), true
	case 'k':
		return sp.num(dst, t.Hour(), 2, ' '), true
	case 'l':
		return sp.num(dst, hour12(t.Hour()), 2, ' '), true
	case 'm':
		return sp.num(dst, int(t.Month()), 2, '0'), true
	case 'M':
		return sp.num(dst, t.Minute(), 2, '0'), true
	case 'S':
		return sp.num(dst, t.Second(), 2, '0'), true
	case 'u':
		return sp.num(dst, (wday+6)%7+1, 1, '0'), true
	case 'U':
		return sp.num(dst, (t.YearDay()+6-wday)/7, 2, '0'), true
	case 'w':
		return sp.num(dst, wday, 1, '0'), true
	case 'W':
		return sp.num(dst, (t.YearDay()+6-(wday+6)%7)/7, 2, '0'), true
	case 'y':
		return sp.num(dst, t.Year()%100, 2, '0'), true
	case 'Y':
		return sp.num(dst, t.Year(), 1, '0'), true
	}
	return dst, false
}

func appendAMPM(dst []byte, t time.Time, verb byte) []byte {
	half := "AM"
	if t.Hour() >= 12 {
		half = "PM"
	}
	if verb == 'P' {
		return append(dst, half[0]|0x20, 'm')
	}
	return append(dst, half...)
}

func appendFraction(dst []byte, nanos int64, sp timeSpec) ([]byte, bool) {
	if nanos < 0 {
		return dst, false
	}
	digits := 9
	if sp.width > 0 {
		digits = min(sp.width, 9)
	}
	n := len(dst)
	return appendPadded(dst, nanos, 9, '0')[:n+digits], true
}

func appendZone(dst []byte, t time.Time) []byte {
	_, off := t.Zone()
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	dst = append(dst, sign)
	dst = appendPadded(dst, int64(off/3600), 2, '0')
	return appendPadded(dst, int64(off/60%60), 2, '0')
}

func appendZoneName(dst []byte, t time.Time) []byte {
	if t.Location() == time.UTC {
		return append(dst, "GMT"...)
	}
	name, _ := t.Zone()
	return append(dst, name...)
}

// convDate reads an HTTP date in any of its three forms (RFC 9110 5.6.7).
func convDate(_ *Context, _ []Arg, s *Sample) bool {
	p := dateParser{b: s.Data}
	n, ok := p.parse()
	if ok {
		s.SetInt(n)
	}
	return ok
}

// dateParser reads the three date forms without allocating. Reference: the
// weekday is any known name, digits are not range-checked.
type dateParser struct {
	b []byte
}

func (p *dateParser) parse() (int64, bool) {
	long := p.weekday()
	switch {
	case long < 0:
		return 0, false
	case p.lit(", "):
		day, ok1 := p.digits(2)
		sep := p.lit(" ")
		dash := !sep && p.lit("-")
		mon := p.month()
		if !ok1 || !sep && !dash || mon < 0 || dash != (long == 1) {
			return 0, false
		}
		return p.rest(day, mon, dash)
	case long == 0 && p.lit(" "):
		return p.asctime()
	}
	return 0, false
}

// weekday returns 1 for a long name, 0 for a short one, -1 for none.
func (p *dateParser) weekday() int {
	for _, n := range dayNames {
		if p.lit(n) {
			return 1
		}
		if p.lit(n[:3]) {
			return 0
		}
	}
	return -1
}

func (p *dateParser) lit(s string) bool {
	if len(p.b) < len(s) || string(p.b[:len(s)]) != s {
		return false
	}
	p.b = p.b[len(s):]
	return true
}

func (p *dateParser) digits(n int) (int64, bool) {
	if len(p.b) < n {
		return 0, false
	}
	var v int64
	for _, ch := range p.b[:n] {
		if ch-'0' > 9 {
			return 0, false
		}
		v = v*10 + int64(ch-'0')
	}
	p.b = p.b[n:]
	return v, true
}

func (p *dateParser) month() int {
	for i, n := range monthNames {
		if p.lit(n[:3]) {
			return i
		}
	}
	return -1
}

func (p *dateParser) clock() (h, m, s int64, ok bool) {
	h, ok1 := p.digits(2)
	c1 := p.lit(":")
	m, ok2 := p.digits(2)
	c2 := p.lit(":")
	s, ok3 := p.digits(2)
	return h, m, s, ok1 && ok2 && ok3 && c1 && c2
}

// rest reads " 1994 08:49:37 GMT" or "-94 08:49:37 GMT".
func (p *dateParser) rest(day int64, mon int, short bool) (int64, bool) {
	var year int64
	var ok bool
	if short {
		if !p.lit("-") {
			return 0, false
		}
		year, ok = p.digits(2)
		if year += 1900; year <= 1960 {
			year += 100
		}
	} else {
		if !p.lit(" ") {
			return 0, false
		}
		year, ok = p.digits(4)
	}
	if !ok || !p.lit(" ") {
		return 0, false
	}
	h, m, s, ok := p.clock()
	if !ok || !p.lit(" GMT") {
		return 0, false
	}
	return epoch(year, mon, day, h, m, s), true
}

// asctime reads "Nov  6 08:49:37 1994".
func (p *dateParser) asctime() (int64, bool) {
	mon := p.month()
	if mon < 0 || !p.lit(" ") {
		return 0, false
	}
	width := 2
	if p.lit(" ") {
		width = 1
	}
	day, ok := p.digits(width)
	if !ok || !p.lit(" ") {
		return 0, false
	}
	h, m, s, ok := p.clock()
	if !ok || !p.lit(" ") {
		return 0, false
	}
	year, ok := p.digits(4)
	return epoch(year, mon, day, h, m, s), ok
}

func epoch(year int64, mon int, day, h, m, s int64) int64 {
	d := time.Date(int(year), time.Month(mon+1), 1, 0, 0, 0, 0, time.UTC).Unix() + (day-1)*86400
	return d + h*3600 + m*60 + s
}
