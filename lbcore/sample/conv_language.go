package sample

import "bytes"

// convLanguage picks the accepted language with the highest q-factor among
// "a;b;c". Reference: a value with a variant also matches its base language; a
// q-factor that cannot be read counts as 1; the first of equals wins.
func convLanguage(_ *Context, args []Arg, s *Sample) bool {
	bestQ := 0
	var best []byte
	for rest, more := s.Data, true; more; {
		var item []byte
		item, rest, more = cutByte(rest, ',')
		tag, params, _ := cutByte(trimBlanks(item), ';')
		tag = trimBlanks(tag)
		q := qFactor(trimBlanks(params))
		if q <= bestQ {
			continue
		}
		lang := findLanguage(args[0].Data, tag)
		if lang == nil {
			if i := bytes.IndexByte(tag, '-'); i > 0 {
				lang = findLanguage(args[0].Data, tag[:i])
			}
		}
		if lang != nil {
			best, bestQ = lang, q
		}
	}
	if best == nil && len(args) > 1 {
		best = args[1].Data
	}
	if best == nil {
		return false
	}
	s.SetStr(best)
	return true
}

func findLanguage(list, tag []byte) []byte {
	for rest, more := list, len(tag) > 0; more; {
		var l []byte
		l, rest, more = cutByte(rest, ';')
		if bytes.Equal(l, tag) {
			return l
		}
	}
	return nil
}

func trimBlanks(b []byte) []byte { return bytes.Trim(b, " \t") }

// qFactor reads "q=0.5" as thousandths.
func qFactor(b []byte) int {
	if len(b) < 3 || b[0]|0x20 != 'q' || b[1] != '=' || b[2] != '0' && b[2] != '1' {
		return 1000
	}
	q := int(b[2]-'0') * 1000
	if len(b) > 3 && b[3] == '.' {
		unit := 100
		for _, c := range b[4:] {
			if c-'0' > 9 || unit == 0 {
				break
			}
			q += int(c-'0') * unit
			unit /= 10
		}
	}
	return min(q, 1000)
}
