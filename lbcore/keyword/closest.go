package keyword

// Closest returns the candidate that looks most like word, "" when none is near
// enough to be worth a question. Like the reference it compares which letters
// occur and which follow each other: letters without regard to case, all digits
// alike, everything else alike. A candidate is too far when the words differ in
// more than two such features a letter, counted on either of them. Of equals the
// one with the longer common beginning wins, then the first.
func Closest(word string, candidates []string) string {
	best, bestDistance, bestCommon := "", 0, 0
	mine := printOf(word)
	for _, c := range candidates {
		if c == "" || c == word {
			continue
		}
		d := mine.distance(printOf(c))
		if d > 2*len(word) || d > 2*len(c) {
			continue
		}
		common := commonPrefix(word, c)
		if best == "" || d < bestDistance || d == bestDistance && common > bestCommon {
			best, bestDistance, bestCommon = c, d, common
		}
	}
	return best
}

// DidYouMean returns "; did you mean 'x' maybe ?" or "".
func DidYouMean(word string, candidates []string) string {
	if c := Closest(word, candidates); c != "" {
		return "; did you mean '" + c + "' maybe ?"
	}
	return ""
}

// The kinds of characters: 1 to 26 are letters.
const (
	kindDigit = 27
	kindOther = 28
	kindEdge  = 0 // before the first and behind the last character
	kinds     = 29
)

func kindOf(c byte) int {
	switch l := c | 0x20; {
	case l >= 'a' && l <= 'z':
		return int(l-'a') + 1
	case c >= '0' && c <= '9':
		return kindDigit
	}
	return kindOther
}

// fingerprint counts the characters of a word and their successions. A character
// that follows itself counts once more as a character only.
type fingerprint struct {
	chars [kinds]int
	pairs [kinds][kinds]int
}

func printOf(word string) *fingerprint {
	f := &fingerprint{}
	last := kindEdge
	for i := range len(word) {
		k := kindOf(word[i])
		f.chars[k]++
		if k != last {
			f.pairs[last][k]++
		}
		last = k
	}
	f.pairs[last][kindEdge]++
	return f
}

func (f *fingerprint) distance(g *fingerprint) int {
	d := 0
	for i := range f.chars {
		d += abs(f.chars[i] - g.chars[i])
		for j := range f.pairs[i] {
			d += abs(f.pairs[i][j] - g.pairs[i][j])
		}
	}
	return d
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
