package sample

import "unicode/utf8"

// escapeSets marks the bytes that each set writes in another form.
var escapeSets = [...][256]bool{
	EscapeNone:    {},
	EscapeText:    logSet(`"#`),
	EscapeCapture: logSet(`"#{|}`),
	EscapeHeader:  headerSet(),
}

func logSet(also string) (t [256]bool) {
	for i := range t {
		t[i] = i < 32 || i > 126
	}
	for i := 0; i < len(also); i++ {
		t[also[i]] = true
	}
	return t
}

func headerSet() (t [256]bool) {
	for i := 0; i < 32; i++ {
		t[i] = i != '\t'
	}
	t[127] = true
	return t
}

func needsEscape(b []byte, e Escape) bool {
	if e == EscapeNone {
		return false
	}
	t := &escapeSets[e]
	for _, ch := range b {
		if t[ch] {
			return true
		}
	}
	return false
}

// AppendText appends a string value encoded for its place: bytes of the escape
// set as #XX (%XX in headers), with LogEscape a backslash before '"', '\' and
// ']', with LogQuote between quotes, with LogJSON as a JSON string. An empty
// text is printed as the flags ask for a missing value.
func AppendText(dst, text []byte, e Escape, flags LogFlags) []byte {
	if len(text) == 0 {
		return appendMissing(dst, flags)
	}
	quote := flags&(LogQuote|LogJSON) != 0
	if quote {
		dst = append(dst, '"')
	}
	t, mark := &escapeSets[e], byte('#')
	if e == EscapeHeader {
		mark = '%'
	}
	for i := 0; i < len(text); i++ {
		ch := text[i]
		switch {
		case t[ch]:
			dst = append(dst, mark, hexUpper[ch>>4], hexUpper[ch&15])
		case flags&LogJSON != 0:
			var n int
			dst, n = appendJSONByte(dst, text[i:], flags)
			i += n - 1
		case flags&LogEscape != 0 && (ch == '"' || ch == '\\' || ch == ']'):
			dst = append(dst, '\\', ch)
		default:
			dst = append(dst, ch)
		}
	}
	if quote {
		dst = append(dst, '"')
	}
	return dst
}

// appendJSONByte appends the first byte of b, or with LogUTF8 its first
// sequence, and returns how many bytes it took.
func appendJSONByte(dst, b []byte, flags LogFlags) ([]byte, int) {
	ch := b[0]
	switch ch {
	case '"', '\\':
		return append(dst, '\\', ch), 1
	case '\b':
		return append(dst, '\\', 'b'), 1
	case '\f':
		return append(dst, '\\', 'f'), 1
	case '\n':
		return append(dst, '\\', 'n'), 1
	case '\r':
		return append(dst, '\\', 'r'), 1
	case '\t':
		return append(dst, '\\', 't'), 1
	}
	if ch >= 0x20 && ch < 0x7F {
		return append(dst, ch), 1
	}
	if flags&LogUTF8 != 0 && ch >= 0x80 {
		if r, n := utf8.DecodeRune(b); n > 1 {
			if r >= 0xA0 {
				return append(dst, b[:n]...), n
			}
			return append(dst, '\\', 'u', '0', '0', hexUpper[r>>4], hexUpper[r&15]), n
		}
	}
	return append(dst, '\\', 'u', '0', '0', hexUpper[ch>>4], hexUpper[ch&15]), 1
}
