package control

import (
	"net/netip"

	"gohap/lbcore/check"
	"gohap/lbcore/cli"
	"gohap/lbcore/proxy"
)

// stateVersion is the version of the form that states are written in.
const stateVersion = "1"

const stateHeader = "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight " +
	"srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state " +
	"bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port"

// The bits of the state of a check and of an agent.
const (
	checkRunning = 1 << iota
	checkConfigured
	checkEnabled
	checkPaused
	checkOfAgent
)

// showServersState writes the states of the servers of one backend, or of all.
func showServersState(r *cli.Request) {
	c := control(r)
	some := c.Proxies
	if len(r.Args) > 0 {
		p := c.backend(r.Args[0])
		if p == nil {
			r.Fail("Can't find backend.")
			return
		}
		some = []*proxy.Proxy{p}
	}
	r.WriteString(stateVersion + "\n" + stateHeader + "\n")
	wall := c.Checks.Clock.Wall().Unix()
	for _, p := range some {
		for _, s := range p.Set().All {
			stateLine(r, s, wall)
		}
	}
}

func stateLine(r *cli.Request, s *proxy.Server, wall int64) {
	h, verdict := s.Health(), proxy.NoVerdict
	if !h.InProgress {
		verdict = h.Verdict
	}
	ip, port := s.Address().Shown()
	toCheck, toAgent := s.CheckAt(), s.AgentAt()
	r.Printf("%d %s %d %s %s %d %d %d %d %d %d %d %d %d %d %d %d %s %d %s %d %d %s %s %d\n",
		s.Proxy.ID, s.Proxy.Name, s.ID, s.Name, ip, s.Oper(), s.Admin(), s.UserWeight(), s.Weight0,
		max(0, wall-h.LastChange), check.Number(h.Status), verdict, h.Value, checkBits(s, h.InProgress), agentBits(s),
		bit(s.Proxy.ForcedID), bit(s.ForcedID), orDash(s.Host()), port, service(s), s.UseSSL(),
		toCheck.Port, addrOrDash(toCheck.Addr), addrOrDash(toAgent.Addr), toAgent.Port)
}

// checkBits is the state of a server's checks. Reference: those of a server that the
// configuration disabled are paused whether it has any or not, and for ever then.
func checkBits(s *proxy.Server, running bool) (bits int) {
	if s.Check == nil {
		if s.Admin()&proxy.ConfigMaint != 0 {
			bits = checkPaused
		}
		return bits
	}
	bits = checkConfigured
	if !s.ChecksOff() {
		bits |= checkEnabled
	}
	if running {
		bits |= checkRunning
	}
	if s.ChecksPaused() {
		bits |= checkPaused
	}
	return bits
}

func agentBits(s *proxy.Server) (bits int) {
	if s.Agent == nil {
		return 0
	}
	bits = checkConfigured | checkOfAgent
	if !s.AgentOff() {
		bits |= checkEnabled
	}
	if s.AgentHealth().InProgress {
		bits |= checkRunning
	}
	return bits
}

func bit(set bool) int {
	if set {
		return 1
	}
	return 0
}

// service is the name whose records a server has.
func service(s *proxy.Server) string {
	if s.Resolving == nil {
		return "-"
	}
	return orDash(s.Resolving.Service)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func addrOrDash(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}
