//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"strconv"
	"strings"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// codeRows are the global words that say which statuses are errors of clients and
// failures of servers.
func codeRows() []keyword.Row {
	row := func(name, summary string, of func(*proxy.Limits) *proxy.StatusSet) keyword.Row {
		return globalRow(name, "[+-]<low>[-<high>][,…] …", summary, name+" 400-499 -450 +500", func(b *Builder, st *config.Statement) {
			b.statusCodes(st, of(&b.Global.Limits))
		}, name, name+" x", name+" 99", name+" 400-", name+" 500-400", name+" 400-600", name+" 400,", name+" +-400")
	}
	return []keyword.Row{
		row("http-err-codes", "the statuses of answers that count as an error of the client", func(l *proxy.Limits) *proxy.StatusSet { return &l.ErrCodes }),
		row("http-fail-codes", "the statuses of answers that count as a failure of the server", func(l *proxy.Limits) *proxy.StatusSet { return &l.FailCodes }),
	}
}

// statusCodes changes a set by the ranges of a line: each word adds to it, takes
// from it or replaces it.
func (b *Builder) statusCodes(st *config.Statement, set *proxy.StatusSet) {
	if len(st.Words) < 2 {
		b.Alertf(st, "Missing status codes range for '%s'.", st.Words[0])
		return
	}
	for _, word := range st.Words[1:] {
		rest, in := word, true
		switch word[0] {
		case '+':
			rest = word[1:]
		case '-':
			rest, in = word[1:], false
		default:
			*set = proxy.StatusSet{}
		}
		for more := true; more; {
			low, high, left, ok := statusRange(rest)
			if more = strings.HasPrefix(left, ","); more {
				left = left[1:]
				ok = ok && left != ""
			} else {
				ok = ok && left == ""
			}
			if !ok {
				b.Alertf(st, "Invalid status codes range '%s' in '%s' at position %d. Ranges must be in the form [+-]{low[-{high}]}[,...].", word, st.Words[0], len(word)-len(left))
				return
			}
			if low < 100 || high > 599 || low > high {
				b.Alertf(st, "Invalid status codes range '%s' in '%s'.\n Codes must be between 100 and 599 and ranges in ascending order.", word, st.Words[0])
				return
			}
			set.Put(low, high, in)
			rest = left
		}
	}
}

// statusRange reads "low[-high]" and returns what is left.
func statusRange(text string) (low, high int, rest string, ok bool) {
	low, rest = leadingNumber(text)
	if rest == text {
		return low, low, rest, false
	}
	after, more := strings.CutPrefix(rest, "-")
	if !more {
		return low, low, rest, true
	}
	high, rest = leadingNumber(after)
	return low, high, rest, rest != after
}

// leadingNumber reads the digits that a text begins with.
func leadingNumber(text string) (n int, rest string) {
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	n, err := strconv.Atoi(text[:min(i, 9)])
	if err != nil {
		n = 0
	}
	return n, text[i:]
}
