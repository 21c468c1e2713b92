package control

import (
	"fmt"

	"gohap/lbcore/cli"
	"gohap/lbcore/clock"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/peers"
)

// This file is "show peers". Lines and columns are the reference's as far as they
// mean something here; what only this program knows stands behind them.

func registerPeers(set *keyword.Set) {
	set.Add(keyword.Row{Class: keyword.Command, Name: "show peers", Args: "[dict|-] [section]", Summary: "dump some information about all the peers or this peers section",
		Good: []keyword.Example{{Config: "show peers"}}, Bad: []string{"show peers nosuch"}, Impl: cli.Command{Level: cli.User, Run: showPeers}})
}

func showPeers(r *cli.Request) {
	args, texts := r.Args, false
	if len(args) > 0 && (args[0] == "dict" || args[0] == "-") {
		texts = args[0] == "dict"
		args = args[1:]
	}
	found := len(args) == 0
	c := control(r)
	for _, p := range c.Peers {
		if len(args) == 0 || p.Name == args[0] {
			found = true
			if p.IsFleet() {
				showFleet(r, p)
			} else {
				c.showSection(r, p, texts)
			}
		}
	}
	if !found {
		r.Fail("No such peers")
	}
}

// span is a time between two readings in the reference's words.
func span(ms uint32) string {
	s := ms / 1000
	switch {
	case s >= 86400:
		return fmt.Sprintf("%dd%dh", s/86400, s%86400/3600)
	case s >= 3600:
		return fmt.Sprintf("%dh%dm", s/3600, s%3600/60)
	case s >= 60:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	}
	return fmt.Sprintf("%ds", s)
}

// until is the time that is left to a moment.
func until(at, now uint32) string { return span(uint32(max(int32(at-now), 0))) }

const never = "<NEVER>"

func (c *Control) showSection(r *cli.Request, p *proxy.Peers, texts bool) {
	r.Printf("%p: [%s] id=%s disabled=0", p, clock.Wall().Format("02/Jan/2006:15:04:05"), p.Name)
	now := clock.Millis()
	v := p.Section.View(texts)
	resync := never
	if v.State != peers.Finished {
		resync = until(v.Timeout, now)
	}
	r.Printf(" resync_timeout=%s resync=%s since=%s\n", resync, v.State, span(now-v.Since))
	for i, one := range v.Peers {
		if !r.PeerGone() {
			showPeer(r, p.Peers[i], one, now, texts)
		}
	}
	r.Printf("\n")
}

func showPeer(r *cli.Request, p *proxy.Peer, v peers.PeerView, now uint32, texts bool) {
	place, learn, state := "remote,active", "NOTASSIGNED", "STOPPED"
	if v.Local {
		place = "local,inactive"
	}
	switch {
	case v.Established:
		state = "RUNNING"
	case v.Session != nil:
		state = "STARTING"
	}
	switch {
	case v.Learning:
		learn = "LEARNING"
	case v.Confirms > 0:
		learn = "FINISHED"
	}
	addr := "-"
	if p.Server != nil {
		addr = p.Server.Address().Text
	}
	last, beat := never, never
	if v.Peer.Connects.Load() > 0 {
		last = span(now - v.Since)
	}
	if v.Established {
		beat = until(v.Sent+3000, now)
	}
	n := v.Peer
	r.Printf("  %p: id=%s(%s) addr=%s app_state=%s learn_state=%s last_status=%s last_hdshk=%s\n", p, p.Name, place, addr, state, learn, v.Status, last)
	r.Printf("        reconnect=%s heartbeat=%s confirm=%d tx_hbt=%d rx_hbt=%d no_hbt=%d new_conn=%d proto_err=%d coll=%d\n", never, beat,
		v.Confirms, n.TxHeartbeats.Load(), n.RxHeartbeats.Load(), n.NoHeartbeat.Load(), n.Connects.Load(), n.Errors.Load(), n.Collisions.Load())
	r.Printf("        kind=classic version=2.%d inbound=%t teaching=%t stale=%t sent=%d received=%d sent_bytes=%d received_bytes=%d\n", v.Minor, v.Inbound, v.Teaching, v.Stale,
		n.Sent.Load(), n.Received.Load(), n.SentBytes.Load(), n.RecvBytes.Load())
	r.Printf("        updates=%d learned=%d refused=%d foreign=%d ignored=%d too_long=%d bad_acks=%d", n.Updates.Load(), n.Learned.Load(),
		n.Refused.Load(), n.Foreign.Load(), n.Ignored.Load(), n.TooLong.Load(), n.BadAcks.Load())
	if v.Session != nil {
		r.Printf(" last_heard=%s last_sent=%s", span(now-v.Heard), span(now-v.Sent))
	}
	if v.Last != "" {
		r.Printf(" last_end=%q", v.Last)
	}
	r.Printf("\n        shared tables:\n")
	for _, t := range v.Tables {
		showShared(r, t, v, texts)
	}
}

func showShared(r *cli.Request, t peers.TableView, v peers.PeerView, texts bool) {
	lag := t.Update - t.Acked // changes that are not confirmed, as numbers
	if v.Local {
		lag = 0
	}
	r.Printf("          %p local_id=%d remote_id=%d remote_data=0x%x\n", t.Table, t.LocalID, t.RemoteID, t.Bits)
	r.Printf("              last_acked=%d last_pushed=%d last_get=%d update=%d lag=%d missed=%t\n", t.Acked, t.Pushed, t.Got, t.Update, lag, t.Walk)
	r.Printf("              table:%p id=%s update=%d localupdate=%d used=%d refused=%d evicted=%d\n", t.Table, t.Table.Name, t.Update, t.Update,
		t.Table.Len(), t.Table.Refused.Load(), t.Table.Evicted.Load())
	if !texts {
		r.Printf("        Dictionary cache not dumped (use \"show peers dict\")\n")
		return
	}
	r.Printf("        TX dictionary cache:\n")
	showTexts(r, v.SentTexts, true)
	r.Printf("        RX dictionary cache:\n")
	showTexts(r, v.GotTexts, false)
}

// showTexts prints a cache of server keys, four to a line.
func showTexts(r *cli.Request, texts []string, known bool) {
	n := 0
	for i, text := range texts {
		if text == "" {
			if known {
				continue
			}
			text = "-"
		}
		if n%4 == 0 {
			r.Printf("        ")
		}
		r.Printf("  %3d -> %s", i, text)
		if n++; n%4 == 0 {
			r.Printf("\n")
		}
	}
	if n%4 != 0 {
		r.Printf("\n")
	}
}
