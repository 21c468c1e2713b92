package oracle

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// seen is a run as it is compared: one line a fact, masked.
type seen struct {
	lines  []string
	client []byte            // what the client got, whole
	got    map[string]string // the bytes behind a line, by its name
}

// look masks what may differ between two runs of the same program; pieces says
// that the bytes may have come in pieces.
func (r *run) look(pieces bool) seen {
	s := seen{got: map[string]string{}}
	s.client = normal(r.client.got, pieces)
	s.add("client", r.client.fate())
	s.parts("client got", &r.client, pieces)
	for i, p := range r.servers {
		name := "server " + strconv.Itoa(i+1)
		fate := p.fate()
		if r.x.large() { // the reference ends the connection of a large response properly
			fate = strings.ReplaceAll(fate, "reset", "eof")
		}
		s.add(name, fate)
		s.parts(name+" got", p, pieces)
	}
	for _, l := range r.logs {
		s.add("log", maskLog(l))
	}
	return s
}

func (s *seen) add(name, text string) { s.lines = append(s.lines, name+": "+text) }

// parts shows the bytes in front of and behind the end of the client's direction.
func (s *seen) parts(name string, p *peer, pieces bool) {
	mark := len(p.got)
	if len(p.marks) > 0 {
		mark = p.marks[0]
	}
	first := normal(p.got[:mark], pieces)
	s.add(name, brief(first))
	s.got[name] = string(first)
	if mark < len(p.got) {
		s.add(name+" then", brief(normal(p.got[mark:], pieces)))
	}
}

// fate is the connection's state at the three notes.
func (p *peer) fate() string { return strings.Join(p.states, " ") }

var chunkedHead = regexp.MustCompile(`(?i)\r\ntransfer-encoding: chunked\r\n`)

// normal merges the chunks of each body where the bytes may have come in pieces
// or the last body is cut off: there the reference may announce a chunk that it
// has not got yet.
func normal(b []byte, pieces bool) []byte {
	m := merged(b)
	if !pieces && !bytes.HasSuffix(m, []byte(" cut}")) {
		return b
	}
	return m
}

func merged(b []byte) []byte {
	var out []byte
	for {
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			return append(out, b...)
		}
		head := b[:end+4]
		out = append(out, head...)
		b = b[end+4:]
		if chunkedHead.Match(head) {
			var one []byte
			one, b = mergeChunks(b)
			out = append(out, one...)
		}
	}
}

// mergeChunks returns the chunked body at the start of b as if it were one
// chunk, and what lies behind it.
func mergeChunks(b []byte) (one, rest []byte) {
	var data []byte
	any := false
	for {
		nl := bytes.Index(b, []byte("\r\n"))
		if nl < 0 {
			break
		}
		size, err := strconv.ParseInt(string(b[:nl]), 16, 64)
		if err != nil || size < 0 {
			break
		}
		any = true
		if size == 0 {
			return fmt.Appendf(nil, "{chunks %s end}", data), b[nl+2:]
		}
		b = b[nl+2:]
		if size > int64(len(b)) {
			data = append(data, b...)
			b = nil
			break
		}
		data = append(data, b[:size]...)
		b = bytes.TrimPrefix(b[size:], []byte("\r\n"))
	}
	if !any {
		return nil, b
	}
	return fmt.Appendf(nil, "{chunks %s cut}", data), b
}

var (
	logPrefix = regexp.MustCompile(`^<(\d+)>\w{3} [ \d]\d [\d:]{8} \w+\[\d+\]: `)
	logClient = regexp.MustCompile(`127\.0\.0\.1:\d+ \[[^\]]*\]`)
	logLane   = regexp.MustCompile(`\b([fb]-[a-z-]+)-\d+\b`)
	logTimers = regexp.MustCompile(` (-?\d+)/(-?\d+)/(-?\d+)/(-?\d+)/(\+?-?\d+) (-?\d+) (\+?\d+) `)
	logTCP    = regexp.MustCompile(` (-?\d+)/(-?\d+)/(-?\d+) (\d+) (..) `)
	logConns  = regexp.MustCompile(` \d+/(\d+/\d+/\d+/\+?\d+) (\d+/\d+)`)
)

// maskLog hides ports, dates, lanes, the process's connections and how large a
// timer is.
func maskLog(l string) string {
	l = strings.TrimRight(l, "\n")
	l = logPrefix.ReplaceAllString(l, "<$1> ")
	l = logClient.ReplaceAllString(l, "C")
	l = logLane.ReplaceAllString(l, "$1")
	l = logTimers.ReplaceAllStringFunc(l, func(s string) string {
		m := logTimers.FindStringSubmatch(s)
		for i := 1; i <= 5; i++ {
			m[i] = timerClass(m[i])
		}
		return " " + strings.Join(m[1:6], "/") + " " + m[6] + " " + m[7] + " "
	})
	l = logTCP.ReplaceAllStringFunc(l, func(s string) string {
		m := logTCP.FindStringSubmatch(s)
		for i := 1; i <= 3; i++ {
			m[i] = timerClass(m[i])
		}
		return " " + strings.Join(m[1:4], "/") + " " + m[4] + " " + m[5] + " "
	})
	return logConns.ReplaceAllString(l, " a/$1 $2")
}

func timerClass(s string) string {
	if strings.HasPrefix(s, "-") {
		return s
	}
	return "n"
}

// equal compares with the reference's, known differences aside.
func (s seen) equal(o seen) bool {
	if len(s.lines) != len(o.lines) {
		return false
	}
	for i := range s.lines {
		if s.lines[i] != o.lines[i] {
			return false
		}
	}
	return true
}

// nothing tells whether the program did nothing that can be seen.
func (s seen) nothing() bool {
	return len(s.client) == 0 && s.with("server") == "" && s.with("log: ") == ""
}

// diff shows both sides, lines that differ marked.
func diff(ref, got seen) string {
	var b strings.Builder
	in := func(l string, s seen) bool {
		for _, o := range s.lines {
			if o == l {
				return true
			}
		}
		return false
	}
	for _, l := range ref.lines {
		if in(l, got) {
			fmt.Fprintf(&b, "    = %s\n", l)
		} else {
			fmt.Fprintf(&b, "    - %s\n", l)
		}
	}
	for _, l := range got.lines {
		if !in(l, ref) {
			fmt.Fprintf(&b, "    + %s\n", l)
		}
	}
	return b.String()
}
