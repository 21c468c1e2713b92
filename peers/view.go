package peers

// View is what there is to show of a section.
type View struct {
	State   State
	Since   uint32 // when it came to it, ms
	Timeout uint32 // when the state's patience ends unless somebody teaches, ms
	Peers   []PeerView
}

// PeerView is what there is to show of a peer, its counters aside.
type PeerView struct {
	Peer    *Peer
	Local   bool
	Session *Session // nil without one
	Inbound bool
	Minor   int    // the session's version is 2.Minor
	Status  string // of the last attempt: NONE, CONN, ESTA, HSHK, RETR, VERS, PROT, NAME, UNKN
	Last    string // why the last session ended, in an operator's words
	Since   uint32 // when the last session was established, ms; 0 without one
	Heard   uint32 // when the session's last message came, ms
	Sent    uint32 // when the session sent something, ms

	Established bool
	Learning    bool // it teaches this process
	Teaching    bool // it is taught
	Unconfirmed bool // it was taught and has not said so
	Stale       bool // it was asked and is not up to date itself
	Confirms    int  // resyncs whose end is still to be confirmed to it

	LastSent, LastReceived string // tables that the last updates were about
	Tables                 []TableView
	SentTexts, GotTexts    []string // server keys by their number less one
}

// TableView is what a peer and this process share of a table.
type TableView struct {
	TableConfig
	LocalID  uint64 // on the wire
	RemoteID uint64 // 0: not told in this session
	Bits     uint64 // of the data that the peer sends
	Acked    uint32 // change that the peer confirmed
	Pushed   uint32 // change that was sent
	Got      uint32 // the peer's change that came last
	Update   uint32 // the last local change of the table
	Walk     bool   // changes are missed: it is to have all entries
}

// View returns what there is to show; texts are copied only if asked for.
func (s *Section) View(texts bool) View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := View{State: s.state, Since: s.since, Timeout: s.timeout}
	for _, p := range s.Peers {
		v.Peers = append(v.Peers, s.viewPeer(p, texts))
	}
	return v
}

func (s *Section) viewPeer(p *Peer, texts bool) PeerView {
	n, x := p.n, p.n.session
	v := PeerView{Peer: p, Local: n.local, Session: x, Status: n.status, Last: n.last, Since: n.since, Stale: n.stale}
	for i, t := range s.tables {
		pt := n.tables[i]
		tv := TableView{TableConfig: t.TableConfig, LocalID: t.id, Acked: pt.acked, Pushed: pt.pushed, Update: t.Table.Last(), Walk: pt.walk}
		if x != nil && x.recs != nil && x.recs[i] != nil {
			tv.RemoteID, tv.Bits, tv.Got = x.recs[i].id, x.recs[i].bits, x.recs[i].get
		}
		v.Tables = append(v.Tables, tv)
	}
	if x == nil {
		return v
	}
	v.Inbound, v.Minor, v.Heard, v.Sent = x.inbound, x.minor, x.heardIn, x.sentAt
	v.Established, v.Learning, v.Confirms = x.phase == phaseRunning, s.teacher == x, x.confirms
	if x.teach != nil {
		v.Teaching, v.Unconfirmed = true, x.teach.told
	}
	if x.last != nil {
		v.LastSent = x.last.Name
	}
	if x.current != nil {
		v.LastReceived = x.current.t.Name
	}
	if texts {
		v.SentTexts, v.GotTexts = append(v.SentTexts, x.texts.slots[:]...), append(v.GotTexts, x.got[:]...)
	}
	return v
}
