package stats

import (
	"bytes"
	"fmt"
	"time"

	"gohap/lbcore/cli"
	"gohap/lbcore/proxy"
)

// captureTime is the form of times in "show errors".
const captureTime = "02/Jan/2006:15:04:05.000"

// showErrors prints the last malformed request and response of each proxy, or of
// those that one has a part in.
func showErrors(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	id := -1
	requests, responses := true, true
	if len(r.Args) > 0 {
		if _, id, ok = in.selectProxy(r.Args[0]); !ok {
			r.Fail("No such proxy.")
			return
		}
	}
	if len(r.Args) > 1 {
		requests, responses = r.Args[1] != "response", r.Args[1] != "request"
	}
	r.Printf("Total events captured on [%s] : %d\n", in.clock().Wall().Format(captureTime), in.Process.Malformed.Load())
	var b bytes.Buffer
	for _, p := range in.Proxies {
		for _, response := range []bool{false, true} {
			m := p.LastMalformed(response)
			if m == nil || response && !responses || !response && !requests || id >= 0 && p.ID != id && (m.Other == nil || m.Other.ID != id) {
				continue
			}
			b.Reset()
			writeMalformed(&b, p, m, response)
			if _, err := r.Write(b.Bytes()); err != nil {
				return
			}
		}
	}
}

func writeMalformed(b *bytes.Buffer, p *proxy.Proxy, m *proxy.Malformed, response bool) {
	otherName, otherID, server, serverID := "<NONE>", -1, "<NONE>", -1
	if m.Other != nil {
		otherName, otherID = m.Other.Name, m.Other.ID
	}
	if m.Server != nil {
		server, serverID = m.Server.Name, m.Server.ID
	}
	mine, other, what := "frontend", "backend", "request"
	if response {
		mine, other, what = "backend", "frontend", "response"
	}
	source := "unix:0" // reference
	if m.Source.IsValid() {
		source = fmt.Sprintf("%s:%d", m.Source.Addr(), m.Source.Port())
	}
	fmt.Fprintf(b, " \n[%s] %s %s (#%d): invalid %s\n", m.Time.In(time.Local).Format(captureTime), mine, p.Name, p.ID, what)
	fmt.Fprintf(b, "  %s %s (#%d), server %s (#%d), event #%d, src %s\n", other, otherName, otherID, server, serverID, m.Event, source)
	fmt.Fprintf(b, "  buffer starts at 0 (including 0 out), %d free,\n", max(m.BufSize-len(m.Received), 0))
	fmt.Fprintf(b, "  len %d, wraps at %d, error at position %d\n", len(m.Received), m.BufSize, m.Pos)
	fmt.Fprintf(b, "  H1 msg state %s, %s :\n  \n", m.State, m.Reason)
	writeBytes(b, m.Received)
}

// writeBytes prints bytes with their positions, a line of input a line, longer ones
// over several, none wider than 79.
func writeBytes(b *bytes.Buffer, text []byte) {
	const width = 70
	sign := byte(' ')
	for at := 0; at < len(text); {
		fmt.Fprintf(b, "  %05d%c ", at, sign)
		sign = '+'
		for column := 0; at < len(text); at++ {
			shown := shownByte(text[at])
			if column += len(shown); column > width {
				break
			}
			b.WriteString(shown)
			if text[at] == '\n' {
				sign = ' '
				at++
				break
			}
		}
		b.WriteByte('\n')
	}
}

// shownByte is a byte in printable form.
func shownByte(c byte) string {
	switch {
	case c == '\t':
		return `\t`
	case c == '\n':
		return `\n`
	case c == '\r':
		return `\r`
	case c == 27:
		return `\e`
	case c == '\\':
		return `\\`
	case c < ' ' || c > '~':
		return fmt.Sprintf(`\x%02X`, c)
	}
	return string(rune(c))
}
