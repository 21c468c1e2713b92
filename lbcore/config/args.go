package config

import "fmt"

// ArgError says why an argument list cannot be read, and where.
type ArgError struct {
	Offset int    // byte offset in the text given
	Text   string // "expected ')' before 'x'"
}

// Error implements error.
func (e *ArgError) Error() string { return e.Text }

// Call is "name(arg,arg)" taken apart: a fetch, a converter or a predicate.
type Call struct {
	Name   string
	Args   []string // unquoted; nil when there were no parentheses
	Parens bool
	Start  int // offset of the name in the text given
	End    int // offset behind the last character taken
}

// SplitArgs cuts "(arg,arg)" at the start of text into its arguments and
// returns the offset behind the closing parenthesis. It is the second level of
// quoting, on text that has lost its first: quotes protect commas and
// parentheses, a backslash escapes blanks, quotes and itself and writes \n \r
// \t; \#, \$ and \xNN are not special here. Blanks belong to the argument.
//
// At most max arguments are taken (no limit when negative): the first comma
// beyond is an error, as the parenthesis is expected there. A text without a
// parenthesis has no arguments.
func SplitArgs(text string, max int) (args []string, end int, err *ArgError) {
	if text == "" || text[0] != '(' {
		return nil, 0, nil
	}
	pos := 1
	for {
		var arg string
		arg, pos = oneArg(text, pos)
		args = append(args, arg)
		if pos < len(text) && text[pos] == ',' && (max < 0 || len(args) < max) {
			pos++
			continue
		}
		break
	}
	switch {
	case pos >= len(text):
		return args, pos, &ArgError{pos, "expected ')'"}
	case text[pos] != ')':
		return args, pos, &ArgError{pos, fmt.Sprintf("expected ')' before '%s'", text[pos:])}
	}
	return args, pos + 1, nil
}

// oneArg reads an argument from pos and returns it unquoted with the offset of
// the delimiter behind it. An open quote reaches to the end of the text.
func oneArg(text string, pos int) (string, int) {
	var arg []byte
	var quote byte
	for ; pos < len(text); pos++ {
		c := text[pos]
		switch {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && (c == ',' || c == ')'):
			return string(arg), pos
		case c == '\\' && quote != '\'' && pos+1 < len(text):
			if e, ok := argEscape(text[pos+1]); ok {
				c = e
				pos++
			}
			arg = append(arg, c)
		default:
			arg = append(arg, c)
		}
	}
	return string(arg), pos
}

// argEscape returns what a backslash and c stand for inside an argument.
func argEscape(c byte) (byte, bool) {
	switch c {
	case ' ', '\\', '"', '\'':
		return c, true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	}
	return 0, false
}

// nameEnd returns where a fetch's or converter's name that starts at pos ends:
// at a comma, a parenthesis, a blank, or the end.
func nameEnd(text string, pos int) int {
	for pos < len(text) {
		switch c := text[pos]; {
		case c == ',' || c == '(' || c == ')' || isBlank(c):
			return pos
		}
		pos++
	}
	return pos
}

// SplitExpression cuts a sample expression, "fetch(args),conv(args),conv", at
// the start of text into its calls, the fetch first. It stops at the first
// character that cannot belong to it and returns that offset: the caller decides
// whether an end, a blank or a "]" is right there. Arguments are not checked;
// the count has no limit.
func SplitExpression(text string) (calls []Call, end int, err *ArgError) {
	pos := 0
	for {
		call := Call{Start: pos, End: nameEnd(text, pos)}
		call.Name = text[pos:call.End]
		if call.End < len(text) && text[call.End] == '(' {
			args, n, err := SplitArgs(text[call.End:], -1)
			call.Args, call.Parens = args, true
			call.End += n
			if err != nil {
				err.Offset += call.End - n
				return append(calls, call), call.End, err
			}
		}
		calls = append(calls, call)
		pos = call.End
		if pos >= len(text) || text[pos] != ',' {
			return calls, pos, nil
		}
		pos++
	}
}
