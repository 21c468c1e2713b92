package peers

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"gohap/stick"
)

// TestTranscripts runs the scripts of testdata: lines of commands, each followed by
// what it prints, indented. What comes in was taken from the reference where a
// comment says so. Byte by byte must equal all at once. UPDATE=1 writes them anew.
//
//	table NAME TYPE[,LEN] expire=MS [recv-only] [write-to=NAME] DATA…
//	section LOCAL PEER[:SHARD]… [takeover] [shards=N]
//	accept ID / connect ID PEER       a session
//	in ID "TEXT" | HEX…               what came; prints nothing
//	out ID [MAX]                      prints what is to be sent
//	set TABLE KEY DATA=N…             a local change
//	show TABLE                        prints its entries
//	at MS                             time goes on; the section's Tick is called
//	state                             prints the section's and sessions' state
//	close ID / stop
func TestTranscripts(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) < 5 {
		t.Fatalf("%d transcripts", len(files))
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			whole, split := play(t, string(text), 1<<20), play(t, string(text), 1)
			if whole != split {
				t.Errorf("all at once:\n%s\nbyte by byte:\n%s", whole, split)
			}
			if whole == string(text) {
				return
			}
			if os.Getenv("UPDATE") != "" {
				os.WriteFile(name, []byte(whole), 0o644)
				return
			}
			t.Errorf("it says now:\n%s", whole)
		})
	}
}

// stage is what a transcript plays on.
type stage struct {
	t        *testing.T
	piece    int
	now      uint32
	s        *Section
	tables   []TableConfig
	writeTo  map[string]string
	sessions map[string]*Session
	unread   map[string][]byte
	logs     []string
}

func play(t *testing.T, text string, piece int) string {
	g := &stage{t: t, piece: piece, now: 1000, writeTo: map[string]string{}, sessions: map[string]*Session{}, unread: map[string][]byte{}}
	var out strings.Builder
	for _, l := range strings.SplitAfter(text, "\n") {
		if strings.HasPrefix(l, "\t") || l == "" {
			continue
		}
		out.WriteString(l)
		if f := strings.Fields(l); len(f) > 0 && f[0][0] != '#' {
			for _, r := range g.do(f, strings.TrimSpace(l)) {
				out.WriteString("\t" + r + "\n")
			}
			for _, r := range g.logs {
				out.WriteString("\tlog " + r + "\n")
			}
			g.logs = nil
		}
	}
	return out.String()
}

func (g *stage) do(f []string, l string) []string {
	switch f[0] {
	case "table":
		g.table(f[1:])
	case "section":
		g.section(f[1:])
	case "accept":
		g.sessions[f[1]] = g.s.Accept(g.now)
	case "connect":
		g.sessions[f[1]] = g.s.Connect(g.s.peer([]byte(f[2])), g.now)
	case "in":
		g.in(g.sessions[f[1]], l)
	case "out":
		most := 1 << 16
		if len(f) > 2 {
			most, _ = strconv.Atoi(f[2])
		}
		return g.out(f[1], most)
	case "set":
		e := g.entry(f[1], f[2])
		for _, v := range f[3:] {
			name, n, _ := strings.Cut(v, "=")
			d, ok := stick.DataByName(name)
			if !ok {
				g.t.Fatal(l)
			}
			if d.Form() == stick.Dict {
				e.SetText(d, n)
				continue
			}
			k, _ := strconv.ParseUint(n, 10, 64)
			if d.Form() == stick.Rate {
				e.AddRate(d, 0, uint32(k), g.now)
				continue
			}
			e.Set(d, 0, k)
		}
		e.Touch(g.now)
		e.Release()
	case "show":
		return dump(g.find(f[1]), g.now)
	case "at":
		n, _ := strconv.Atoi(f[1])
		g.now = 1000 + uint32(n)
		g.s.Tick(g.now)
	case "state":
		return g.state()
	case "close":
		g.sessions[f[1]].Close(g.now)
	case "stop":
		g.s.Stop(g.now)
	default:
		g.t.Fatalf("what is %s", l)
	}
	return nil
}

var keyTypes = map[string]stick.KeyType{"integer": stick.KeyInteger, "ip": stick.KeyIPv4, "ipv6": stick.KeyIPv6, "string": stick.KeyString, "binary": stick.KeyBinary}

func (g *stage) table(f []string) {
	kind, size, _ := strings.Cut(f[1], ",")
	c := stick.Config{Name: "p" + f[0], Key: keyTypes[kind], Size: 100, Peers: true}
	c.KeyLen, _ = strconv.Atoi(size)
	tc := TableConfig{Name: f[0]}
	for _, w := range f[2:] {
		name, arg, _ := strings.Cut(w, "=")
		n, _ := strconv.Atoi(arg)
		switch name {
		case "expire":
			c.Expire = uint32(n)
		case "size":
			c.Size = n
		case "recv-only":
			tc.RecvOnly = true
		case "write-to":
			g.writeTo[f[0]] = arg
		default:
			d, ok := stick.DataByName(name)
			if !ok {
				g.t.Fatal(f)
			}
			s := stick.Stored{Data: d, N: 1}
			if d.Array() {
				s.N = 2
			}
			if d.Form() == stick.Rate {
				s.Period = uint32(n)
			}
			c.Store = append(c.Store, s)
		}
	}
	tb, err := stick.New(c, g.now)
	if err != nil {
		g.t.Fatal(err)
	}
	tc.Table = tb
	g.tables = append(g.tables, tc)
}

func (g *stage) find(name string) *stick.Table {
	for _, tc := range g.tables {
		if tc.Name == name {
			return tc.Table
		}
	}
	g.t.Fatalf("no table %s", name)
	return nil
}

func (g *stage) section(f []string) {
	for i := range g.tables {
		if w := g.writeTo[g.tables[i].Name]; w != "" {
			g.tables[i].WriteTo = g.find(w)
		}
	}
	c := Config{Section: "p", Local: f[0], PID: 1, Tables: g.tables, Peers: []*Peer{{Name: f[0]}},
		Log: func(level, text string) { g.logs = append(g.logs, level+" "+text) }}
	for _, w := range f[1:] {
		name, arg, _ := strings.Cut(w, "=")
		switch {
		case w == "takeover":
			c.Takeover = true
		case name == "shards":
			c.Shards, _ = strconv.Atoi(arg)
		default:
			peer, shard, _ := strings.Cut(w, ":")
			p := &Peer{Name: peer}
			p.Shard, _ = strconv.Atoi(shard)
			c.Peers = append(c.Peers, p)
		}
	}
	g.s = New(c, g.now)
}

func (g *stage) in(x *Session, l string) {
	f := strings.SplitN(l, " ", 3)
	var b []byte
	if strings.HasPrefix(f[2], `"`) {
		text, err := strconv.Unquote(f[2])
		if err != nil {
			g.t.Fatal(l, err)
		}
		b = []byte(text)
	} else {
		var err error
		if b, err = hex.DecodeString(strings.ReplaceAll(f[2], " ", "")); err != nil {
			g.t.Fatal(l, err)
		}
	}
	for len(b) > 0 {
		n := min(g.piece, len(b))
		x.Receive(b[:n], g.now)
		b = b[n:]
	}
}

func (g *stage) out(id string, most int) (lines []string) {
	x := g.sessions[id]
	b := append(g.unread[id], x.Append(nil, most, g.now)...)
	for len(b) > 0 {
		if i := bytes.IndexByte(b, '\n'); b[0] >= '2' && i >= 0 {
			lines, b = append(lines, fmt.Sprintf("%q", b[:i+1])), b[i+1:]
			continue
		}
		fr, n, is := nextFrame(b, 1<<20)
		if is != frameWhole {
			g.t.Fatalf("no message: % x", b)
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%d/%02x % x", fr.class, fr.typ, fr.payload)))
		b = b[n:]
	}
	for i := range lines { // the order of entries is random
		for j := i; j > 0 && strings.HasPrefix(lines[j], "10/85") && strings.HasPrefix(lines[j-1], "10/85") && lines[j] < lines[j-1]; j-- {
			lines[j], lines[j-1] = lines[j-1], lines[j]
		}
	}
	if why, closed := x.Closed(); closed {
		lines = append(lines, "closed: "+why)
	}
	return lines
}

func (g *stage) entry(table, key string) stick.Entry {
	t := g.find(table)
	k, err := t.ParseKey(key)
	if err != nil {
		g.t.Fatal(err)
	}
	e, _, ok := t.Create(k, g.now)
	if !ok {
		g.t.Fatal("no room")
	}
	return e
}

func (g *stage) state() (lines []string) {
	v := g.s.View(false)
	lines = append(lines, fmt.Sprintf("section %v", v.State))
	for _, p := range v.Peers {
		l := fmt.Sprintf("%s %s learning=%v teaching=%v stale=%v", p.Peer.Name, p.Status, p.Learning, p.Teaching, p.Stale)
		for _, t := range p.Tables {
			l += fmt.Sprintf(" %s: acked %d pushed %d got %d", t.Name, t.Acked, t.Pushed, t.Got)
		}
		lines = append(lines, fmt.Sprintf("%s bad-acks %d", l, p.Peer.BadAcks.Load()))
	}
	return lines
}

// dump prints a table's entries in the order of their keys.
func dump(t *stick.Table, now uint32) (lines []string) {
	t.Walk(now, func(e stick.Entry) bool {
		l := string(t.AppendKey(nil, e.Key())) + fmt.Sprintf(" left %d", e.Left(now))
		for d := range stick.DataKinds {
			for i := range t.Elements(d) {
				switch d.Form() {
				case stick.Rate:
					a, c, p := e.RateParts(d, i, now)
					l += fmt.Sprintf(" %v=%d,%d,%d", d, a, c, p)
				case stick.Dict:
					l += fmt.Sprintf(" %v=%s", d, e.Text(d))
				default:
					l += fmt.Sprintf(" %v=%d", d, e.Get(d, i))
				}
			}
		}
		lines = append(lines, l)
		return true
	})
	sort.Strings(lines)
	return lines
}
