package cli

// The engine's own commands end every list of the help, in this order.
var ownOrder = []string{"help", "prompt", "quit"}

const promptHelp = `Usage: prompt [help | n | i | p | timed]*
Changes the default prompt and interactive mode. Available options:
  help    display this help
  n       set to single-command mode (no prompt, single command)
  i       set to interactive mode only (no prompt, multi-command)
  p       set to prompt+interactive mode (prompt + multi-command)
  timed   toggle displaying the current date in the prompt
Without any argument, toggles between n/i->p, p->n.`

const routedPromptHelp = `Usage: prompt [help | i | p | timed]*
Changes the default prompt and interactive mode. Available options:
  help    display this help
  i       set to interactive mode only (no prompt, multi-command)
  p       set to prompt+interactive mode (prompt + multi-command)
  timed   toggle displaying the current date in the prompt
Without any argument, toggles between i<->p.`

func help(r *Request) { r.conn.help(r, r.Args) }

func prompt(r *Request) { r.conn.setPrompt(r, r.Args) }

// quit ends the connection behind what was answered before; it answers nothing.
func quit(r *Request) { r.conn.quit = true }

func (c *conn) setPrompt(r *Request, words []string) {
	if len(words) == 0 {
		if c.mode == prompting {
			c.mode = single
		} else {
			c.mode = prompting
		}
		return
	}
	switch m, timed, other := c.chosen(words); other {
	case "":
		c.mode, c.timed = m, timed
	case "help":
		r.Message(Info, promptHelp)
	default:
		r.Fail(promptHelp)
	}
}

// chosen reads the words of prompt up to the first one that chooses nothing.
func (c *conn) chosen(words []string) (m mode, timed bool, other string) {
	m, timed = c.mode, c.timed
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
		default:
			return m, timed, w
		}
	}
	return m, timed, ""
}
