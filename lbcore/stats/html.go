package stats

import (
	"strconv"
	"strings"
)

// This file is how text gets into a page. Whatever comes from a configuration, a
// server or a request goes through esc; everything else is ours.

// str appends markup.
func (u *unit) str(parts ...string) {
	for _, s := range parts {
		u.b = append(u.b, s...)
	}
}

// esc appends text that is shown as it is (reference: as numeric references).
func (u *unit) esc(s string) {
	for i := range len(s) {
		switch c := s[i]; c {
		case '<', '>', '&', '"', '\'':
			u.b = append(u.b, "&#"...)
			u.b = strconv.AppendInt(u.b, int64(c), 10)
			u.b = append(u.b, ';')
		default:
			u.b = append(u.b, c)
		}
	}
}

// int appends a plain number.
func (u *unit) int(n int64) { u.b = strconv.AppendInt(u.b, n, 10) }

// num appends a number whose groups of three stand apart (reference: by the space
// behind each group's last digit, so that copying takes the digits alone).
func (u *unit) num(n int64) {
	text := strconv.FormatInt(n, 10)
	for i := range len(text) {
		if left := len(text) - 1 - i; left > 0 && left%3 == 0 && text[i] != '-' {
			u.str(`<span class="rls">`, text[i:i+1], `</span>`)
		} else {
			u.b = append(u.b, text[i])
		}
	}
}

// limit appends a limit, "-" where there is none.
func (u *unit) limit(n int64) {
	if n == 0 {
		u.str("-")
		return
	}
	u.int(n)
}

// percent appends (n of all in percent).
func (u *unit) percent(n, all int64) {
	u.str("<td>(")
	if all > 0 {
		u.int(100 * n / all)
	} else {
		u.str("0")
	}
	u.str("%)</td>")
}

// span is a time in seconds in its two greatest units (reference).
func span(sec int64) string {
	n := func(n int64, unit string) string { return strconv.FormatInt(n, 10) + unit }
	switch {
	case sec < 0:
		return "?"
	case sec >= 86400:
		return n(sec/86400, "d") + n(sec%86400/3600, "h")
	case sec >= 3600:
		return n(sec/3600, "h") + n(sec%3600/60, "m")
	case sec >= 60:
		return n(sec/60, "m") + n(sec%60, "s")
	}
	return n(sec, "s")
}

// moduleOf is the module that a column behind the separator belongs to.
func moduleOf(c *column) string {
	name, _, _ := strings.Cut(c.name, "_")
	return name
}
