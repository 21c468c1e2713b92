package control

import "gohap/lbcore/proxy"

// Operate implements stats.Operator: the actions of a statistics page. It may write
// lines of what changed; any goroutine that is no loop.
func (c *Control) Operate(s *proxy.Server, action string) bool {
	switch action {
	case "ready", "drain", "maint":
		return c.Checks.SetAdmin(s, action)
	case "start", "stop": // reference: the old words are of the drain
		c.Checks.Drain(s, action == "stop")
	case "dhlth", "ehlth":
		if s.Check == nil {
			return false
		}
		s.EnableChecks(action == "ehlth")
	case "hrunn", "hnolb", "hdown":
		word := map[string]string{"hrunn": "up", "hnolb": "stopping", "hdown": "down"}[action]
		return s.Watch.Track == nil && c.Checks.SetHealth(s, word)
	case "dagent", "eagent":
		if s.Agent == nil {
			return false
		}
		c.Checks.EnableAgent(s, action == "eagent")
	case "arunn", "adown":
		word := map[string]string{"arunn": "up", "adown": "down"}[action]
		return s.Agent != nil && !s.AgentOff() && c.Checks.SetAgent(s, word)
	case "shutdown":
		c.Shutdown(s, 'K')
	default:
		return false
	}
	return true
}
