package cli

// The engine's own commands are about the connection; they are not rows,
// because their place in the help is fixed: behind all others.
var ownHelp = []struct{ usage, summary string }{
	{"help [<command>]", "list matching or all commands"},
	{"prompt [help | n | i | p | timed ]*", "toggle interactive mode with prompt"},
	{"quit", "disconnect"},
}

const promptHelp = `Usage: prompt [help | n | i | p | timed]*
Changes the default prompt and interactive mode. Available options:
  help    display this help
  n       set to single-command mode (no prompt, single command)
  i       set to interactive mode only (no prompt, multi-command)
  p       set to prompt+interactive mode (prompt + multi-command)
  timed   toggle displaying the current date in the prompt
Without any argument, toggles between n/i->p, p->n.`

// builtin executes help, prompt and quit.
func (c *conn) builtin(r *Request, words []string) bool {
	switch words[0] {
	case "help":
		c.help(r, words[1:])
	case "prompt":
		c.setPrompt(r, words[1:])
	case "quit":
		c.quit = true
	default:
		return false
	}
	return true
}

func (c *conn) setPrompt(r *Request, words []string) {
	if len(words) == 0 {
		if c.mode == prompting {
			c.mode = single
		} else {
			c.mode = prompting
		}
		return
	}
	m, timed := c.mode, c.timed
	chosen := false
	for _, w := range words {
		switch w {
		case "n":
			m, chosen = single, true
		case "i":
			m, chosen = interactive, true
		case "p":
			m, chosen = prompting, true
		case "timed":
			timed = !timed
			if !chosen {
				m = prompting
			}
		case "help":
			r.Message(Info, promptHelp)
			return
		default:
			r.Fail(promptHelp)
			return
		}
	}
	c.mode, c.timed = m, timed
}
