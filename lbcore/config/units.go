package config

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// MaxTime is the longest time in milliseconds that a timeout may have.
const MaxTime = math.MaxInt32 * time.Millisecond

// ErrTimeOverflow says that a time exceeds what its unit can hold. The caller
// words it, since keywords differ; OverflowText has the common form.
var ErrTimeOverflow = errors.New("timer overflow")

// CharError is the first character that does not belong in a number.
type CharError struct {
	Char byte   // 0 at the end of the text
	Rest string // from that character on
}

// Error gives the common beginning of the reference's texts.
func (e *CharError) Error() string { return fmt.Sprintf("unexpected character '%c'", e.Char) }

func charError(rest string) *CharError {
	if rest == "" {
		return &CharError{}
	}
	return &CharError{rest[0], rest}
}

// timeUnits are the suffixes, the longer ones first.
var timeUnits = []struct {
	suffix string
	unit   time.Duration
}{
	{"us", time.Microsecond}, {"ms", time.Millisecond},
	{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour},
}

// Time is a time as written.
type Time struct {
	Value time.Duration // rounded up to the unit asked for
	Bare  bool          // written without a unit
	// Trailing is what stands behind a complete value ("1h2m"): the reference
	// ignores it with a warning, see TrailingText.
	Trailing string
}

// ParseTime reads "30s", "1500" (in unit), "200us". The result is rounded up to
// a multiple of unit. At most 2147483647 units fit. The error is a *CharError
// or ErrTimeOverflow.
func ParseTime(text string, unit time.Duration) (Time, error) {
	n := 0
	var number uint64
	overflow := false
	for ; n < len(text) && isDigit(text[n]); n++ {
		hi, lo := bits.Mul64(number, 10)
		sum, carry := bits.Add64(lo, uint64(text[n]-'0'), 0)
		overflow = overflow || hi != 0 || carry != 0
		number = sum
	}
	if n == 0 {
		return Time{}, charError(text)
	}
	t := Time{Bare: n == len(text)}
	scale := unit
	if !t.Bare {
		rest := text[n:]
		scale = 0
		for _, u := range timeUnits {
			if len(rest) >= len(u.suffix) && rest[:len(u.suffix)] == u.suffix {
				scale, t.Trailing = u.unit, rest[len(u.suffix):]
				break
			}
		}
		if scale == 0 {
			return Time{}, charError(rest)
		}
	}
	hi, ns := bits.Mul64(number, uint64(scale))
	limit := uint64(unit) * math.MaxInt32
	if overflow || hi != 0 || ns > limit {
		return Time{}, ErrTimeOverflow
	}
	u := uint64(unit)
	t.Value = time.Duration((ns + u - 1) / u * u)
	return t, nil
}

// Millis is the value in milliseconds.
func (t Time) Millis() int { return int(t.Value / time.Millisecond) }

// Small reports a time in milliseconds that was written without unit and is so
// short that its author may have meant seconds.
func (t Time) Small() bool { return t.Bare && t.Value > 0 && t.Value < 100*time.Millisecond }

// SmallText is the warning about what, "timeout client 5" or "inter 5", in a
// place, "proxy 'b'" or "server 's'", when t is Small.
func (t Time) SmallText(what, place string) string {
	return fmt.Sprintf("'%s %d' in %s is suspiciously small for a value in milliseconds. Please use an explicit unit ('%dms') if that was the intent.",
		what, t.Millis(), place, t.Millis())
}

// TrailingText is the warning about what stands behind a complete time; it
// names no place (reference: the same).
func (t Time) TrailingText(text string) string {
	return fmt.Sprintf("unexpected character '%c' after the timer value '%s', only (us=microseconds,ms=milliseconds,s=seconds,m=minutes,h=hours,d=days) are supported. This will be reported as an error in next versions.",
		t.Trailing[0], text)
}

// OverflowText is the alert about a time in milliseconds that is too long.
func OverflowText(text, what string) string {
	return fmt.Sprintf("timer overflow in argument '%s' to '%s' (maximum value is 2147483647 ms or ~24.8 days)", text, what)
}

// ParseSize reads a number of bytes with an optional k, m or g in either case,
// below 4 GiB. The error is a *CharError whose Rest is what the reference shows
// ("unexpected 'b' after size passed to 'tune.bufsize'").
func ParseSize(text string) (uint32, error) {
	v, err := parseSize(text, math.MaxUint32)
	return uint32(v), err
}

// ParseSize64 reads a size without the limit of 4 GiB.
func ParseSize64(text string) (uint64, error) { return parseSize(text, math.MaxUint64) }

func parseSize(text string, limit uint64) (uint64, error) {
	var v uint64
	n := 0
	for ; n < len(text) && isDigit(text[n]); n++ {
		hi, lo := bits.Mul64(v, 10)
		sum, carry := bits.Add64(lo, uint64(text[n]-'0'), 0)
		if hi != 0 || carry != 0 || sum > limit {
			return 0, charError(text[n:])
		}
		v = sum
	}
	if n == 0 {
		return 0, charError(text)
	}
	if n == len(text) {
		return v, nil
	}
	shift := map[byte]uint{'k': 10, 'm': 20, 'g': 30}[text[n]|0x20]
	if shift == 0 || v > limit>>shift {
		return 0, charError(text[n:])
	}
	if n+1 < len(text) {
		return 0, charError(text[n+1:])
	}
	return v << shift, nil
}
