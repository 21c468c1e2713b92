package control

import (
	"sync/atomic"

	"gohap/lbcore/cli"
	"gohap/lbcore/keyword"
	"gohap/resolvers"
)

// registerResolvers adds what shows name servers.
func registerResolvers(set *keyword.Set) {
	set.Add(keyword.Row{Class: keyword.Command, Name: "show resolvers", Args: "[id]", Summary: "dumps counters from all resolvers section and associated name servers",
		Good: []keyword.Example{{Config: "show resolvers"}}, Bad: []string{"show resolvers nosuch"}, Impl: cli.Command{Level: cli.User, Run: showResolvers}})
}

func showResolvers(r *cli.Request) {
	c := control(r)
	some := c.Names.Sections
	if len(r.Args) > 0 {
		s := c.Names.Section(r.Args[0])
		if s == nil {
			r.Fail("Can't find that resolvers section")
			return
		}
		some = []*resolvers.Section{s}
	}
	for _, s := range some {
		r.Printf("Resolvers section %s\n", s.Name)
		for _, n := range s.Servers {
			r.Printf(" nameserver %s:\n", n.Name)
			for _, x := range []struct {
				name string
				v    *atomic.Uint64
			}{
				{"sent:        ", &n.Sent}, {"snd_error:   ", &n.SendErrors}, {"valid:       ", &n.Valid}, {"update:      ", &n.Update},
				{"cname:       ", &n.CNAME}, {"cname_error: ", &n.CNAMEErrors}, {"any_err:     ", &n.Empty}, {"nx:          ", &n.NX},
				{"timeout:     ", &n.Timeout}, {"refused:     ", &n.Refused}, {"other:       ", &n.Other}, {"invalid:     ", &n.Invalid},
				{"too_big:     ", &n.TooBig}, {"truncated:   ", &n.Truncated}, {"outdated:    ", &n.Outdated},
			} {
				r.Printf("  %s%d\n", x.name, x.v.Load())
			}
		}
	}
}
