package config

import "strings"

// caret shows a line with a mark under the byte at offset, as the reference
// prints it below a message: indent, the text within width columns, and on the
// next line the caret. Text that does not fit is cut at its end, or around the
// mark, with dots, when the mark would not be seen.
func caret(indent, text string, offset, width int) string {
	if offset >= width {
		text, offset = window(text, offset, width)
	} else if len(text) > width {
		text = text[:width]
	}
	return indent + printable(text) + "\n" + strings.Repeat(" ", len(indent)+offset) + "^"
}

// window cuts at most width bytes out of text so that offset stands in the
// middle. The dots stand at both ends, even where nothing is left to cut
// (reference: the same).
func window(text string, offset, width int) (string, int) {
	const dots = "..."
	start := offset - width/2
	tail := text[start:]
	tail = tail[:min(len(tail), width-len(dots))] + dots
	return dots + tail[len(dots):], offset - start
}

// printable replaces what a terminal must not see.
func printable(text string) string {
	b := []byte(text)
	for i, c := range b {
		switch {
		case isBlank(c):
			b[i] = ' '
		case c < ' ' || c > '~':
			b[i] = '?'
		}
	}
	return string(b)
}

// lineCaret shows a configuration line without its leading blanks.
func lineCaret(line string, offset int) string {
	lead := 0
	for lead < len(line) && lead < offset && (line[lead] == ' ' || line[lead] == '\t') {
		lead++
	}
	return caret("  ", strings.TrimRight(line[lead:], "\r"), offset-lead, 80)
}
