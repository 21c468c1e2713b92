package log

import (
	"strconv"
	"time"
)

// Message is one line before it is framed.
type Message struct {
	Level Level
	Time  time.Time
	Tag   string
	SD    []byte // structured data for rfc5424; empty means none
	Text  []byte // without a line end
}

// Encoder frames lines. It caches the printed second and is used by one loop
// or under one lock.
type Encoder struct {
	Host string // log-send-hostname; empty when not set
	PID  int

	sec  int64
	loc  *time.Location
	bsd  [15]byte // "Nov  3 07:05:09", local time
	iso  [19]byte // "2026-11-03T07:05:09", local time
	zone [6]byte  // "+01:00"
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// refresh renders the second of t unless it is the cached one.
func (e *Encoder) refresh(t time.Time) {
	if e.sec == t.Unix() && e.loc == t.Location() {
		return
	}
	e.sec, e.loc = t.Unix(), t.Location()
	month, day := int(t.Month()), t.Day()
	copy(e.bsd[:], months[3*(month-1):3*month])
	e.bsd[3], e.bsd[6], e.bsd[9], e.bsd[12] = ' ', ' ', ':', ':'
	two(e.bsd[4:], day)
	if day < 10 {
		e.bsd[4] = ' '
	}
	two(e.bsd[7:], t.Hour())
	two(e.bsd[10:], t.Minute())
	two(e.bsd[13:], t.Second())
	e.iso[4], e.iso[7], e.iso[10], e.iso[13], e.iso[16] = '-', '-', 'T', ':', ':'
	two(e.iso[0:], t.Year()/100)
	two(e.iso[2:], t.Year()%100)
	two(e.iso[5:], month)
	two(e.iso[8:], day)
	copy(e.iso[11:], e.bsd[7:])
	_, off := t.Zone()
	e.zone[0], e.zone[3] = '+', ':'
	if off < 0 {
		e.zone[0], off = '-', -off
	}
	two(e.zone[1:], off/3600)
	two(e.zone[4:], off/60%60)
}

func two(b []byte, v int) { b[0], b[1] = byte('0'+v/10%10), byte('0'+v%10) }

// Append appends the whole line for a target: header, text and LF, cut so that
// it has at most t.Len bytes.
func (e *Encoder) Append(dst []byte, t *Target, m *Message) []byte {
	start := len(dst)
	e.refresh(m.Time)
	dst = e.header(dst, t, m)
	dst = append(dst, m.Text...)
	if limit := start + t.Len - 1; len(dst) > limit {
		dst = dst[:limit]
	}
	return append(dst, '\n')
}

func (e *Encoder) header(dst []byte, t *Target, m *Message) []byte {
	level := max(m.Level, t.MinLevel)
	pri := int(t.Facility)*8 + int(level)
	format := t.Format
	if format == Unspecified {
		format = Local
		if e.Host != "" {
			format = RFC3164
		}
	}
	switch format {
	case Raw:
		return dst
	case Short:
		return angle(dst, int(level))
	case Priority:
		return angle(dst, pri)
	case Timed:
		return append(e.stamp(angle(dst, int(level)), m), ' ')
	case ISO:
		return append(e.stamp(dst, m), ' ')
	case RFC5424:
		return e.rfc5424(angle(dst, pri), m)
	}
	dst = append(append(angle(dst, pri), e.bsd[:]...), ' ')
	if format == RFC3164 {
		dst = append(append(dst, e.host("localhost")...), ' ')
	}
	dst = append(append(dst, m.Tag...), '[')
	return append(strconv.AppendInt(dst, int64(e.PID), 10), "]: "...)
}

func (e *Encoder) host(none string) string {
	if e.Host == "" {
		return none
	}
	return e.Host
}

func angle(dst []byte, v int) []byte {
	return append(strconv.AppendInt(append(dst, '<'), int64(v), 10), '>')
}

// stamp appends local time with microseconds and zone (RFC 3339).
func (e *Encoder) stamp(dst []byte, m *Message) []byte {
	dst = append(append(dst, e.iso[:]...), '.')
	us := m.Time.Nanosecond() / 1000
	for unit := 100000; unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+us/unit%10))
	}
	return append(dst, e.zone[:]...)
}

// rfc5424 appends version, time, host, tag, pid, no message id and the
// structured data (RFC 5424 section 6).
func (e *Encoder) rfc5424(dst []byte, m *Message) []byte {
	dst = append(e.stamp(append(dst, "1 "...), m), ' ')
	dst = append(append(dst, e.host("-")...), ' ')
	tag := m.Tag
	if tag == "" {
		tag = "-"
	}
	dst = append(append(dst, tag...), ' ')
	dst = append(strconv.AppendInt(dst, int64(e.PID), 10), " - "...)
	if len(m.SD) == 0 {
		return append(dst, "- "...)
	}
	return append(append(dst, m.SD...), ' ')
}
