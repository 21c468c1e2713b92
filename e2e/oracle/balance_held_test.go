package oracle

import (
	"bufio"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// heldServer is a server that answers when it is told.
type heldServer struct {
	name string
	addr string
	come chan *heldRequest
}

type heldRequest struct {
	by   string
	done chan struct{} // closed to have it answered
}

// heldServers are n servers; whatever comes to one of them is told to come.
func heldServers(t *testing.T, n int) (list []*heldServer, come chan *heldRequest) {
	t.Helper()
	come = make(chan *heldRequest, 100)
	for i := range n {
		s := &heldServer{name: string(rune('a' + i)), come: come}
		s.addr = Serve(t, "127.0.0.1", s.serve)
		list = append(list, s)
	}
	return list, come
}

func (s *heldServer) serve(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		q := &heldRequest{by: s.name, done: make(chan struct{})}
		s.come <- q
		<-q.done
		if _, err := fmt.Fprint(c, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
			return
		}
	}
}

// What load decides, %[1]s to %[4]s are the servers' addresses. Keys come in x-key.
var heldBackends = []string{
	"balance leastconn\n\tserver a %[1]s\n\tserver b %[2]s\n\tserver c %[3]s\n",
	"balance leastconn\n\tserver a %[1]s weight 3\n\tserver b %[2]s weight 5\n\tserver c %[3]s weight 2\n",
	"balance leastconn\n\tserver a %[1]s weight 3 maxconn 2\n\tserver b %[2]s weight 100\n\tserver c %[3]s weight 2 disabled\n\tserver d %[4]s weight 256\n",
	"balance leastconn\n\toption allbackups\n\tserver a %[1]s disabled\n\tserver b %[2]s backup\n\tserver c %[3]s backup weight 2\n",
	"balance first\n\tserver a %[1]s maxconn 2\n\tserver b %[2]s maxconn 3\n\tserver c %[3]s maxconn 20\n",
	"balance first\n\tserver a %[1]s id 30 maxconn 2\n\tserver b %[2]s id 20 maxconn 2\n\tserver c %[3]s id 10 maxconn 2\n\tserver d %[4]s\n",
	"balance hash req.hdr(x-key)\n\thash-type consistent\n\thash-balance-factor 120\n\tserver a %[1]s\n\tserver b %[2]s\n\tserver c %[3]s\n",
	"balance hdr(x-key)\n\thash-type consistent djb2 avalanche\n\thash-balance-factor 150\n\tserver a %[1]s weight 3\n\tserver b %[2]s weight 5\n\tserver c %[3]s weight 2\n\tserver d %[4]s\n",
	"balance hdr(x-key)\n\thash-type consistent\n\thash-balance-factor 200\n\tserver a %[1]s weight 30\n\tserver b %[2]s weight 5\n\tserver c %[3]s disabled\n",
	"balance roundrobin\n\tserver a %[1]s weight 3\n\tserver b %[2]s weight 2\n\tserver c %[3]s\n",
	"balance static-rr\n\tserver a %[1]s weight 3 maxconn 2\n\tserver b %[2]s weight 2\n\tserver c %[3]s weight 7\n",
	"balance hdr(x-key)\n\tserver a %[1]s weight 3 maxconn 8\n\tserver b %[2]s weight 2 maxconn 8\n\tserver c %[3]s weight 7\n",
}

// heldProgram is one of the programs with its own servers.
type heldProgram struct {
	t      *testing.T
	name   string
	addr   string
	socket string
	come   chan *heldRequest
	open   []*heldExchange
}

type heldExchange struct {
	c net.Conn
	q *heldRequest
}

func startHeld(t *testing.T, bin string) *heldProgram {
	t.Helper()
	p := &heldProgram{t: t, name: filepath.Base(bin), socket: filepath.Join(t.TempDir(), "s")}
	var list []*heldServer
	list, p.come = heldServers(t, 4)
	addr, fd := Inherit(t, "127.0.0.1")
	p.addr = addr
	text := farmHead + "global\n\tstats socket " + p.socket + " level admin\n"
	for i, lines := range heldBackends {
		text += fmt.Sprintf("backend b%d\n\tserver zero 127.0.0.1:1 disabled\n\t", i) + strings.NewReplacer("%[1]s", list[0].addr, "%[2]s", list[1].addr, "%[3]s", list[2].addr, "%[4]s", list[3].addr).Replace(lines)
	}
	Start(t, bin, text, fd)
	return p
}

// ask begins a request and returns who has got it.
func (p *heldProgram) ask(backend int, key string) string {
	p.t.Helper()
	c := Dial(p.t, p.addr)
	WriteMessage(c, fmt.Sprintf("GET / HTTP/1.1\nhost: a\nx-be: b%d\nx-key: %s", backend, key))
	select {
	case q := <-p.come:
		p.open = append(p.open, &heldExchange{c, q})
		return q.by
	case <-time.After(10 * time.Second):
		p.t.Fatalf("%s, backend %d: no server has got the request, %d are open", p.name, backend, len(p.open))
		return ""
	}
}

// answer ends the i-th request that is open.
func (p *heldProgram) answer(i int) {
	p.t.Helper()
	x := p.open[i]
	p.open = append(p.open[:i], p.open[i+1:]...)
	close(x.q.done)
	if _, err := http.ReadResponse(bufio.NewReader(x.c), nil); err != nil {
		p.t.Fatal(err)
	}
	x.c.Close()
}

// heldStill are backends whose servers stay as they are: static-rr takes no other
// weights, shares of hash-balance-factor are rounded by the sums of the start there,
// backups are forgotten behind a server that came up by a command (docs/differences.md),
// and where a round of roundrobin goes on behind a change is its own.
var heldStill = regexp.MustCompile("static-rr|hash-balance-factor|allbackups|roundrobin")

// leastLoaded tells whether a server had the least load of those that were up and not
// full, as leastconn counts it: requests by weight. Reference: chance decides between
// equals.
type leastLoaded map[string]*heldLoad

type heldLoad struct {
	held, weight, most int
	down, backup       bool
}

var heldLine = regexp.MustCompile(`server (\w) %\[\d\]s(.*)`)

func newLeastLoaded(lines string) leastLoaded {
	m := leastLoaded{}
	for _, s := range heldLine.FindAllStringSubmatch(lines, -1) {
		l := &heldLoad{weight: 1, most: 1 << 30, down: strings.Contains(s[2], "disabled"), backup: strings.Contains(s[2], "backup")}
		if _, w, ok := strings.Cut(s[2], "weight "); ok {
			_, _ = fmt.Sscan(w, &l.weight)
		}
		if _, w, ok := strings.Cut(s[2], "maxconn "); ok {
			_, _ = fmt.Sscan(w, &l.most)
		}
		m[s[1]] = l
	}
	return m
}

func (m leastLoaded) count(p *heldProgram) {
	for _, l := range m {
		l.held = 0
	}
	for _, x := range p.open {
		m[x.q.by].held++
	}
}

// usual tells whether a server that is no backup is up.
func (m leastLoaded) usual() bool {
	for _, l := range m {
		if !l.down && !l.backup {
			return true
		}
	}
	return false
}

// load is nothing where nothing is in flight, else what it would be with one more.
func (l *heldLoad) load() int {
	if l.held == 0 {
		return 0
	}
	return (l.held + 1) * 256 / l.weight
}

// check is called before the request that name has got counts.
func (m leastLoaded) check(name string) string {
	usual := m.usual()
	for other, l := range m {
		if !l.down && l.held < l.most && (!l.backup || !usual) && l.load() < m[name].load() {
			return fmt.Sprintf("%s has %d of weight %d, %s has %d of weight %d", name, m[name].held, m[name].weight, other, l.held, l.weight)
		}
	}
	return ""
}

// TestBalanceHeld holds requests at servers, up to a dozen at once, and changes
// weights and states meanwhile: each next one goes where the reference sends it, with
// leastconn to a server of the least load.
func TestBalanceHeld(t *testing.T) {
	t.Parallel()
	programs := map[string]*heldProgram{"reference": startHeld(t, Installed(t, Haproxy)), "gohap": startHeld(t, Installed(t, Gohap))}
	r := rand.New(rand.NewSource(23))
	asked := 0
	for i, lines := range heldBackends {
		model := newLeastLoaded(lines)
		least := strings.Contains(lines, "leastconn")
		for step := range 200 {
			switch n := len(programs["gohap"].open); {
			case r.Intn(25) == 0 && !heldStill.MatchString(lines):
				name, weight, what := "ab"[r.Intn(2):][:1], 1+r.Intn(20), r.Intn(4)
				command := fmt.Sprintf("set server b%d/%s ", i, name) + []string{fmt.Sprint("weight ", weight), "state maint", "state ready", "state ready"}[what]
				if l := model[name]; what == 0 {
					l.weight = weight
				} else {
					l.down = what == 1
				}
				for _, p := range programs {
					if _, err := Command(p.socket, command); err != nil {
						t.Fatal(err)
					}
				}
			case n > 0 && (n == 12 || r.Intn(5) < 2):
				k := r.Intn(n)
				for _, p := range programs {
					p.answer(k)
				}
			default:
				key := fmt.Sprint("k", r.Intn(40))
				asked++
				got := map[string]string{}
				for name, p := range programs {
					model.count(p)
					got[name] = p.ask(i, key)
					if wrong := model.check(got[name]); least && wrong != "" {
						t.Fatalf("%s, %s, request %d: %s", lines, name, step, wrong)
					}
				}
				if !least && got["gohap"] != got["reference"] {
					model.count(programs["reference"])
					t.Fatalf("%s\nrequest %d, key %s, went to %s, the reference's to %s; with it a: %+v, b: %+v, c: %+v", lines, step, key, got["gohap"], got["reference"], model["a"], model["b"], model["c"])
				}
			}
		}
		for len(programs["gohap"].open) > 0 {
			for _, p := range programs {
				p.answer(0)
			}
		}
	}
	if asked < 1000 {
		t.Errorf("only %d requests", asked)
	}
}
