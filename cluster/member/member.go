package member

import (
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"gohap/cluster/port"
)

// State is how a node is, as far as this one knows.
type State string

// The states of nodes.
const (
	Alive   State = "alive"
	Suspect State = "suspect"
	Left    State = "left"
	Failed  State = "failed"
)

// Member is a node of the fleet.
type Member struct {
	ID    string
	Meta  Meta
	Addr  netip.AddrPort // both of datagrams and of the port
	State State
	Since time.Time // when the state was first seen here
}

// Config is what a list is made of.
type Config struct {
	Port      *port.Port
	Streams   *port.Listener // of Protocol
	Packets   net.PacketConn // closed by Close
	Advertise netip.AddrPort
	Log       *slog.Logger

	Meta    func() Meta        // what this node says of itself
	Admit   func(Member) error // nil: everybody with the secret and of this fleet
	Changed func()             // a member came, went or said something new
	Message func([]byte)       // a broadcast came, perhaps not for the first time
	State   func() []byte      // what two nodes tell each other of everything
	Merge   func([]byte)
}

// List is this node's view of the fleet.
type List struct {
	config Config
	list   *memberlist.Memberlist
	keys   *memberlist.Keyring
	queue  *memberlist.TransmitLimitedQueue
	wire   *transport

	leaving atomic.Bool

	mu      sync.Mutex
	seen    map[string]Member // by id
	suspect map[string]bool   // who did not answer this node
}

// Start begins to speak; the node is alone until Join, or until others join it.
func Start(c Config) (*List, error) {
	if _, err := c.Meta().encode(); err != nil {
		return nil, err
	}
	l := &List{config: c, seen: map[string]Member{}, suspect: map[string]bool{}}
	ring := c.Port.Ring()
	keys := ring.GossipKeys()
	var err error
	if l.keys, err = memberlist.NewKeyring(keys, keys[0]); err != nil {
		return nil, err
	}
	l.wire = newTransport(c.Packets, c.Port, c.Streams, c.Advertise)
	m := memberlist.DefaultLANConfig()
	m.Name, m.Transport, m.Keyring, m.Label = ring.ID(), l.wire, l.keys, "gohap"
	m.AdvertiseAddr, m.AdvertisePort = c.Advertise.Addr().String(), int(c.Advertise.Port())
	m.ProbeInterval, m.ProbeTimeout = 500*time.Millisecond, 200*time.Millisecond
	m.SuspicionMult, m.GossipInterval, m.PushPullInterval = 3, 100*time.Millisecond, 15*time.Second
	m.TCPTimeout, m.RequireNodeNames = 2*time.Second, false
	m.GossipVerifyIncoming, m.GossipVerifyOutgoing = true, true
	m.EnableCompression = false         // messages are small: a compressor a message costs more than their bytes
	m.DeadNodeReclaimTime = time.Second // an id that came back with another address
	d := (*delegate)(l)
	m.Delegate, m.Events, m.Alive, m.Merge, m.Conflict, m.Ping = d, d, d, d, d, d
	m.Logger = log.New(lines{l}, "", 0)
	l.queue = &memberlist.TransmitLimitedQueue{RetransmitMult: m.RetransmitMult, NumNodes: func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.seen)
	}}
	if l.list, err = memberlist.Create(m); err != nil {
		_ = l.wire.Shutdown()
		return nil, err
	}
	return l, nil
}

// Join asks nodes at some addresses, host:port, for the fleet's members and tells them
// of this one. It returns how many answered; the error names those that did not.
func (l *List) Join(addresses []string) (int, error) {
	n, err := l.list.Join(addresses)
	if err != nil && strings.Contains(err.Error(), errSelf.Error()) && n > 0 {
		err = nil
	}
	return n, err
}

// Members returns this node and all it knows of, gone ones too, by name.
func (l *List) Members() []Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Member, 0, len(l.seen))
	for _, m := range l.seen {
		if l.suspect[m.ID] && m.State == Alive {
			m.State = Suspect
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Member) int {
		if c := strings.Compare(a.Meta.Name, b.Meta.Name); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// Member returns a node that is known.
func (l *List) Member(id string) (m Member, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, ok = l.seen[id]
	return m, ok
}

// Forget strikes a node that is gone off the list.
func (l *List) Forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.seen[id].State; s == Left || s == Failed {
		delete(l.seen, id)
	}
}

// Health is how well this node itself does, 0 for well, more for worse (memberlist's
// awareness): what a node sees that does badly is to be doubted.
func (l *List) Health() int { return l.list.GetHealthScore() }

// Update tells the others what Meta says now. It returns when it is under way, or
// fails after a while.
func (l *List) Update() error { return l.list.UpdateNode(2 * time.Second) }

// Broadcast sends a message to every node, some time and at least in all likelihood;
// of messages about one thing the last one.
func (l *List) Broadcast(about string, b []byte) { l.queue.QueueBroadcast(&message{about, b}) }

// message is a broadcast.
type message struct {
	about string
	data  []byte
}

func (m *message) Invalidates(o memberlist.Broadcast) bool {
	other, ok := o.(*message)
	return ok && m.about != "" && other.about == m.about
}
func (m *message) Name() string    { return m.about }
func (m *message) Message() []byte { return m.data }
func (m *message) Finished()       {}

// Rekey takes over the keys of the port's ring: packets of removed ones are refused.
func (l *List) Rekey() error {
	keys := l.config.Port.Ring().GossipKeys()
	for _, k := range keys {
		if err := l.keys.AddKey(k); err != nil {
			return err
		}
	}
	if err := l.keys.UseKey(keys[0]); err != nil {
		return err
	}
	for _, k := range l.keys.GetKeys() {
		if !slices.ContainsFunc(keys, func(o []byte) bool { return string(o) == string(k) }) {
			if err := l.keys.RemoveKey(k); err != nil {
				return err
			}
		}
	}
	return nil
}

// Leave tells the others that this node goes on purpose; it waits for that at most as
// long as told.
func (l *List) Leave(limit time.Duration) error {
	// memberlist does not tell who left from who failed; what a node said last does.
	l.leaving.Store(true)
	_ = l.list.UpdateNode(limit)
	if err := l.list.Leave(limit); err != nil {
		return fmt.Errorf("leaving the fleet: %w", err)
	}
	return nil
}

// Close ends it without a word.
func (l *List) Close() {
	_ = l.list.Shutdown()
	_ = l.wire.Shutdown()
}

// lines passes memberlist's lines on for debugging, and reads in them what it says
// nowhere else: whom it suspects.
type lines struct{ list *List }

const suspects, suspected = "Suspect ", " has failed, no acks received"

func (l lines) Write(b []byte) (int, error) {
	text := strings.TrimSpace(string(b))
	if _, rest, ok := strings.Cut(text, "memberlist: "); ok {
		if id, ok := strings.CutPrefix(rest, suspects); ok {
			if id, ok = strings.CutSuffix(id, suspected); ok {
				l.list.doubt(id, true)
			}
		}
	}
	l.list.config.Log.Debug("gossip: " + text)
	return len(b), nil
}

// doubt notes whether a node answered this one.
func (l *List) doubt(id string, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on {
		l.suspect[id] = true
	} else {
		delete(l.suspect, id)
	}
}
