package control

import (
	"strconv"

	"gohap/lbcore/cli"
	"gohap/lbcore/clock"
	"gohap/lbcore/proxy"
	"gohap/peers/fleet"
	"gohap/stick"
)

// This file is what commands say and do of tables that several nodes count exactly.

// inexact tells why sums of a table may lack something, "" where they do not.
func inexact(t *proxy.Table) string {
	f := fleet.Of(t.Table)
	if f == nil {
		return ""
	}
	v := f.View(clock.Millis())
	return v.Inexact()
}

// hidden tells that an entry was cleared and stays until all nodes know.
func hidden(t *proxy.Table, e stick.Entry) bool {
	f := fleet.Of(t.Table)
	return f != nil && f.Hidden(e, clock.Millis())
}

// clearFleet clears the entries that a filter passes, on all nodes. Those in use are
// cleared as well, and stay.
func clearFleet(f *fleet.Table, t *proxy.Table, filter []condition) {
	t.Each(clock.Millis(), func(e stick.Entry) bool {
		if now := clock.Millis(); passes(filter, e, now) && !f.Hidden(e, now) {
			f.Clear(e, now)
		} else {
			e.Release()
		}
		return true
	})
}

// showContributions answers a line for each process that contributes to an entry.
func showContributions(r *cli.Request, t *proxy.Table, e stick.Entry) {
	f := fleet.Of(t.Table)
	if f == nil {
		return
	}
	for _, c := range f.Contributions(e.Key(), clock.Millis()) {
		r.Write(appendContribution(nil, t, &c))
	}
}

func appendContribution(b []byte, t *proxy.Table, c *fleet.Contribution) []byte {
	b = append(append(b, "#   "...), c.Node...)
	b = strconv.AppendUint(append(b, '/'), c.Source.Epoch, 16)
	b = strconv.AppendUint(append(b, '/'), c.Birth, 10)
	b = strconv.AppendUint(append(b, " change="...), c.Seq, 10)
	switch {
	case c.Self:
		b = append(b, " (this process)"...)
	case c.Dead:
		b = append(b, " (dead)"...)
	}
	for d := range stick.DataKinds {
		if d.Sharing() == stick.ShareNot || d.Form() == stick.Dict {
			continue
		}
		for i := range t.Elements(d) {
			if v := c.Value(d, i); v != 0 {
				b = appendName(append(b, ' '), t, d, i)
				b = strconv.AppendInt(append(b, '='), v, 10)
			}
		}
	}
	for i, n := range c.Names {
		if b = append(b, ','); i == 0 {
			b = append(b[:len(b)-1], " took over "...)
		}
		b = append(b, n...)
	}
	return append(b, '\n')
}

// showFleet answers what there is to know of the fleet's section.
func showFleet(r *cli.Request, p *proxy.Peers) {
	now := clock.Millis()
	r.Printf("%p: [%s] id=%s disabled=0 kind=fleet\n", p, clock.Wall().Format("02/Jan/2006:15:04:05"), p.Name)
	for _, v := range p.Fleet.View(now) {
		if !r.PeerGone() {
			showNode(r, p, &v)
		}
	}
	for _, t := range p.Tables {
		if f := fleet.Of(t.Table); f != nil && !r.PeerGone() {
			showFleetTable(r, t, f.View(now))
		}
	}
	r.Printf("\n")
}

func showNode(r *cli.Request, of *proxy.Peers, v *fleet.PeerView) {
	addr, place := "fleet", "remote" // over the fleet's own port
	if v.Local {
		addr, place = "-", "local"
	}
	for _, p := range of.Peers {
		if p.Name == v.Name && p.Server != nil {
			addr = p.Server.Address().Text
		}
	}
	r.Printf("  %p: id=%s(%s) addr=%s status=%s", v.Peer, v.Name, place, addr, v.Status)
	if v.Status == "established" {
		r.Printf(" inbound=%t last_heard=%dms", v.Inbound, v.Heard)
	}
	if v.Last != "" {
		r.Printf(" last_end=%q", v.Last)
	}
	r.Printf("\n        new_conn=%d proto_err=%d no_hbt=%d sent=%d received=%d sent_bytes=%d received_bytes=%d updates=%d learned=%d refused=%d foreign=%d\n",
		v.Connects.Load(), v.Errors.Load(), v.Silent.Load(), v.Sent.Load(), v.Received.Load(), v.SentBytes.Load(), v.RecvBytes.Load(),
		v.Updates.Load(), v.Learned.Load(), v.Refused.Load(), v.Foreign.Load())
	for _, l := range v.Lags {
		if !l.Known {
			r.Printf("          table=%s not shared: it lacks the table or has other keys\n", l.Table)
			continue
		}
		r.Printf("          table=%s lag=%d exact=%t\n", l.Table, l.Behind, !l.Inexact)
	}
}

func showFleetTable(r *cli.Request, t *proxy.Table, v fleet.TableView) {
	r.Printf("  table=%s used=%d evicted=%d refused=%d changes=%d contributions=%d bytes=%d", t.Name, t.Len(), v.Evicted, v.Refused, v.Changes, v.Records, v.Bytes)
	if why := v.Inexact(); why != "" {
		r.Printf(" exact=false why=%q\n", why)
	} else {
		r.Printf(" exact=true\n")
	}
	for _, s := range v.Sources {
		state := "relayed"
		switch {
		case s.Self:
			state = "self"
		case s.Ended:
			state = "ended"
		case s.Dead:
			state = "dead"
		case s.Direct:
			state = "direct"
		}
		r.Printf("        %s/%x state=%s have=%d contributions=%d received_bytes=%d last_heard=%dms\n", s.Node, s.ID.Epoch, state, s.Have, s.Records, s.Bytes, s.Heard)
	}
}
