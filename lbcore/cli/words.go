package cli

import (
	"bytes"
	"strings"
)

// maxWords is how many words one command may have.
const maxWords = 64

// maxTag is how long the word behind << may be.
const maxTag = 7

// input is what a connection has sent and nobody has executed yet.
type input struct {
	buf   []byte
	start int // of the line being collected
	scan  int // everything before was looked at

	tag     string // of the payload being collected
	payload int    // where it begins, 0 when none does
	line    int    // length of the line in front of it
	limit   int    // how long a line, its payload included, may be
}

// refusal is an answer in the reference's words.
type refusal string

func (r refusal) Error() string { return string(r) }

// errTooBig is a line, with its payload, that does not fit.
const errTooBig = refusal("The command line is too big for the buffer size. Please change tune.bufsize in the configuration to use a bigger command.")

// collecting tells whether a payload is being entered.
func (in *input) collecting() bool { return in.payload != 0 }

// next takes the next complete line with its payload from what was received;
// ok is false when more is needed. What it returns is valid until feed.
func (in *input) next() (line []byte, payload string, ok bool, err error) {
	for {
		n := in.lineEnd()
		if n < 0 && len(in.buf)-in.start >= in.limit || n-in.start > in.limit {
			return nil, "", false, errTooBig
		}
		if n < 0 {
			return nil, "", false, nil
		}
		if !in.collecting() {
			text := in.buf[in.start : n-1]
			tag, rest, has := payloadTag(text)
			if !has {
				in.start, in.scan = n, n
				return text, "", true, nil
			}
			in.tag, in.payload, in.line, in.scan = tag, n, len(rest), n
			continue
		}
		begin := in.scan
		if string(in.buf[begin:n-1]) == in.tag {
			text, body := in.buf[in.start:in.start+in.line], string(in.buf[in.payload:begin])
			in.start, in.scan, in.payload = n, n, 0
			return text, body, true, nil
		}
		in.scan = n
	}
}

// lineEnd returns the index behind the next line feed from scan on, -1 when it
// has not come yet. Outside a payload a backslash hides the line feed.
func (in *input) lineEnd() int {
	if in.collecting() {
		if i := bytes.IndexByte(in.buf[in.scan:], '\n'); i >= 0 {
			return in.scan + i + 1
		}
		return -1
	}
	for i := in.start; i < len(in.buf); i++ {
		switch in.buf[i] {
		case '\\':
			i++
		case '\n':
			return i + 1
		}
	}
	return -1
}

// feed appends what was received after dropping what was executed.
func (in *input) feed(p []byte) {
	if in.start > 0 {
		n := copy(in.buf, in.buf[in.start:])
		in.buf = in.buf[:n]
		in.scan -= in.start
		if in.payload > 0 {
			in.payload -= in.start
		}
		in.start = 0
	}
	in.buf = append(in.buf, p...)
}

// rest takes what was received and is not executed.
func (in *input) rest() []byte {
	rest := in.buf[in.start:]
	in.start, in.scan = len(in.buf), len(in.buf)
	return rest
}

// payloadTag tells whether a line announces a payload: its last word, preceded
// by a blank, is << with at most seven characters behind it. rest is the line
// without that word.
func payloadTag(line []byte) (tag string, rest []byte, ok bool) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	i := bytes.LastIndexAny(line, " \t")
	if i < 0 {
		return "", nil, false
	}
	word := line[i+1:]
	if !bytes.HasPrefix(word, []byte("<<")) || len(word)-2 > maxTag || bytes.ContainsAny(word, `;\`) {
		return "", nil, false
	}
	return string(word[2:]), line[:i], true
}

// split takes a line apart: commands end at an unprotected semicolon or NUL,
// words at blanks; a backslash takes the next character as it is. A carriage
// return at the line's end counts as a semicolon (reference: telnet's lines are
// answered by one empty line more). An empty command is an empty list.
func split(line []byte) [][]string {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = append(line[:n-1:n-1], 0)
	}
	var all [][]string
	var words []string
	var word strings.Builder
	started := false
	flush := func() {
		if started {
			words = append(words, word.String())
			word.Reset()
			started = false
		}
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t':
			flush()
		case ';', 0:
			flush()
			all = append(all, words)
			words = nil
		case '\\':
			if i+1 < len(line) && line[i+1] != 0 {
				i++
				started = true
				word.WriteByte(line[i])
			}
		default:
			started = true
			word.WriteByte(c)
		}
	}
	flush()
	return append(all, words)
}
