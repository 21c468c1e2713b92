package message

// Dates in persistence cookies are five digits of six bits each, the most
// significant first, of the wall clock's seconds divided by four.

const dateDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// CookieDateLen is the length of a date in a cookie.
const CookieDateLen = 5

// AppendCookieDate appends wall seconds as a cookie's date.
func AppendCookieDate(b []byte, sec int64) []byte {
	v := uint32(sec >> 2)
	for shift := 24; shift >= 0; shift -= 6 {
		b = append(b, dateDigits[v>>shift&63])
	}
	return b
}

// ParseCookieDate reads the date that b begins with, in wall seconds; zero when
// there is none.
func ParseCookieDate(b []byte) int64 {
	if len(b) < CookieDateLen {
		return 0
	}
	v := int64(0)
	for _, c := range b[:CookieDateLen] {
		d := dateDigit(c)
		if d < 0 {
			return 0
		}
		v = v<<6 | int64(d)
	}
	return v << 2
}

func dateDigit(c byte) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 26
	case c >= '0' && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}
