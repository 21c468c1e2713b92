package oracle

import (
	"flag"
	"fmt"
	"math/rand"
	"net/netip"
	"strings"
	"testing"
)

var balanceKeys = flag.Int("balance-keys", 400, "how many keys every hash algorithm is asked for, of 10,000 in all at least")

// hashed is one way to make a key: the balance line, and a request that has the
// n-th key.
type hashed struct {
	line    string
	request func(backend string, n int, r *rand.Rand) string
}

var hashedWays = []hashed{
	{"source", func(be string, n int, r *rand.Rand) string {
		a := netip.AddrFrom4([4]byte{10, byte(r.Intn(256)), byte(r.Intn(256)), byte(n)})
		if n%3 == 0 {
			var b [16]byte
			r.Read(b[:])
			b[0] = 0x20
			a = netip.AddrFrom16(b)
		}
		return get(be, "/", "x-src: "+a.String())
	}},
	{"uri", someURI},
	{"uri whole", someURI},
	{"uri path-only", someURI},
	{"uri len 9", someURI},
	{"uri depth 2", someURI},
	{"uri depth 1 len 20 whole", someURI},
	{"uri whole depth 2 path-only", someURI},
	{"url_param id", someParam},
	{"url_param id check_post", someParam},
	{"hdr(X-Key)", someHeader},
	{"hdr(x-key) use_domain_only", someHeader},
	{"hash req.hdr(x-key)", someHeader},
	{"hash req.hdr(x-key),lower", someHeader},
	{"hash src", func(be string, n int, r *rand.Rand) string {
		return get(be, "/", fmt.Sprintf("x-src: 10.%d.%d.%d", r.Intn(256), r.Intn(256), n%256))
	}},
	{"hash req.hdr(x-key),length", someHeader},
}

func someURI(be string, n int, r *rand.Rand) string {
	text := []string{"/", fmt.Sprintf("/p%d", n), fmt.Sprintf("/a/%d/c?x=%d", r.Intn(99), n), fmt.Sprintf("http://h%d.org/%d/b/c?y/z", n, r.Intn(50)), fmt.Sprintf("//x/%d?/q/%d", n, n),
		fmt.Sprintf("/%x/%x/%x", r.Uint32(), r.Uint32(), r.Uint32()), fmt.Sprintf("http://h%d.org", n), "/?" + fmt.Sprint(n), "http://u.org?a=" + fmt.Sprint(n)}[r.Intn(9)]
	request := get(be, text)
	if rest, ok := strings.CutPrefix(text, "http://"); ok { // the authority must be the host's
		host, _, _ := strings.Cut(rest, "/")
		host, _, _ = strings.Cut(host, "?")
		request = strings.Replace(request, "a.example.org", host, 1)
	}
	return request
}

func someParam(be string, n int, r *rand.Rand) string {
	q := []string{"?id=%d", "?a=1&id=%d", "?id=&id=%d", "?xid=%[1]d&id=%[1]d", "?id=%d&b=2", "?b=%d", "?id=%[1]d?id=7", "?", "?idx=%d", "?id=a%%20b%d", "?a=b?id=%d", "?id=%d;x=1"}[r.Intn(12)]
	if strings.Contains(q, "%") {
		q = fmt.Sprintf(q, n)
	}
	if r.Intn(2) == 0 {
		return get(be, "/x"+q)
	}
	body := fmt.Sprintf([]string{"id=%d", "a=b&id=%d", "x=%d", "id=%d&c", "id=%d c"}[r.Intn(5)], n)
	target := "/y"
	if r.Intn(2) == 0 {
		target += q
	}
	request := strings.Replace(get(be, target, fmt.Sprintf("content-length: %d", len(body))), "GET", "POST", 1)
	return request + body
}

func someHeader(be string, n int, r *rand.Rand) string {
	v := []string{"%d", "www.h%d.org", "h%d.org", "Key %d", "%d.example.co.uk:80", "localhost%d", "10.0.0.%d", "a.b%d.", "x%d..y", ".%d", "-%d", " %d "}[r.Intn(12)]
	v = fmt.Sprintf(v, n)
	if strings.Contains(be, "_label") { // the reference looks beyond names of two labels or with empty ones
		if v = strings.Trim(strings.ReplaceAll(v, "..", "."), "."); strings.Count(v, ".") == 1 {
			v = "www." + v
		}
	}
	switch r.Intn(8) {
	case 0:
		return get(be, "/", "x-key: "+v, fmt.Sprintf("x-key: other%d", n))
	case 1:
		return get(be, "/")
	case 2:
		return get(be, "/", "x-key:")
	case 3:
		return get(be, "/", "x-key: one"+v+", two")
	}
	return get(be, "/", "x-key: "+v)
}

var hashTypes = []string{"map-based", "map-based sdbm", "map-based djb2", "map-based wt6", "map-based crc32", "map-based none", "map-based wt6 avalanche", "map-based none avalanche",
	"consistent", "consistent sdbm", "consistent djb2", "consistent wt6", "consistent crc32", "consistent none", "consistent crc32 avalanche", "consistent djb2 avalanche"}

// farms are sets of servers: with weights, one of them down, one more.
var serverSets = []string{
	"server a $SERVER\n\tserver b $SERVER\n\tserver c $SERVER\n",
	"server a $SERVER weight 3\n\tserver b $SERVER weight 5\n\tserver c $SERVER weight 2\n\tserver d $SERVER backup\n",
	"server a $SERVER weight 3\n\tserver b $SERVER weight 5 disabled\n\tserver c $SERVER weight 2\n",
	"server a $SERVER weight 3\n\tserver b $SERVER weight 5\n\tserver c $SERVER weight 2\n\tserver e $SERVER weight 4 id 17\n",
	"server a $SERVER hash-key addr\n\tserver b ipv4@127.0.0.2:$PORT hash-key addr-port\n\tserver c ipv6@::1:$PORT hash-key addr\n\tserver d ipv6@::1:$PORT hash-key addr-port weight 2\n",
	"option allbackups\n\tserver a $SERVER disabled\n\tserver b $SERVER backup weight 2\n\tserver c $SERVER backup\n",
	"server a $SERVER weight 0\n\tserver b $SERVER\n",
}

// Keys land on the same servers.
func TestBalanceHashed(t *testing.T) {
	r := rand.New(rand.NewSource(7))
	var conf strings.Builder
	type farmCase struct {
		name, what string
		way        hashed
	}
	var cases []farmCase
	for i, way := range hashedWays {
		for j, ht := range hashTypes {
			k := (i*5 + j*3) % len(serverSets)
			name := fmt.Sprintf("b%d_%d", i, j)
			if strings.Contains(way.line, "use_domain_only") {
				name += "_label"
			}
			c := farmCase{name, way.line + " / " + ht + " / " + serverSets[k], way}
			if testing.Short() && (i+j)%4 != 0 {
				continue
			}
			fmt.Fprintf(&conf, "backend %s\n\tbalance %s\n\thash-type %s\n\t%s", c.name, way.line, ht, serverSets[k])
			cases = append(cases, c)
		}
	}
	// One port for both, which stands in the places of some servers.
	server := answering(t)
	_, port, _ := strings.Cut(server, ":")
	text := strings.NewReplacer("$SERVER", server, "$PORT", port).Replace(conf.String())
	bin, err := Gohap()
	if err != nil {
		t.Fatal(err)
	}
	ref, own := startFarm(t, reference(t), text), startFarm(t, bin, text)
	wrong := 0
	for _, c := range cases {
		n := max(*balanceKeys/4, 10_000/len(cases)+1)
		var requests []string
		for i := range n {
			requests = append(requests, c.way.request(c.name, i, r))
		}
		ref.connect()
		own.connect()
		done := make(chan []string)
		go func() { done <- own.servers(requests) }()
		want := ref.servers(requests)
		got := <-done
		for i := range requests {
			if got[i] != want[i] && strings.Contains(c.what, "use_domain_only") {
				ref.connect() // docs/differences.md: what stood around it counted, perhaps
				own.connect()
				other := []string{strings.Replace(requests[i], "x-key:", "x-pad: 1\r\nx-key:", 1)}
				got[i], want[i] = own.servers(other)[0], ref.servers(other)[0]
			}
			if got[i] != want[i] {
				t.Errorf("%s: request %d of %d went to %s, reference to %s:\n%q", c.what, i, n, got[i], want[i], requests[i])
				wrong++
				break
			}
		}
		if wrong > 25 {
			t.FailNow()
		}
	}
}

// Sequences of the round robins over random weights are the reference's.
func TestBalanceSequences(t *testing.T) {
	r := rand.New(rand.NewSource(11))
	var conf strings.Builder
	var names []string
	for i := range 50 {
		name, algorithm := fmt.Sprintf("b%d", i), []string{"roundrobin", "roundrobin", "static-rr"}[i%3]
		fmt.Fprintf(&conf, "backend %s\n\tbalance %s\n", name, algorithm)
		top := []int{3, 8, 30, 256}[r.Intn(4)]
		for j := range 1 + r.Intn(7) {
			fmt.Fprintf(&conf, "\tserver %c $SERVER weight %d\n", 'a'+j, 1+r.Intn(top))
		}
		names = append(names, name)
	}
	bin, err := Gohap()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(conf.String(), "$SERVER", answering(t))
	ref, own := startFarm(t, reference(t), text), startFarm(t, bin, text)
	for _, name := range names {
		var requests []string
		for range 200 {
			requests = append(requests, get(name, "/"))
		}
		want, got := strings.Join(ref.servers(requests), ""), strings.Join(own.servers(requests), "")
		if got != want {
			_, rest, _ := strings.Cut(text, "backend "+name+"\n")
			rest, _, _ = strings.Cut(rest, "backend")
			t.Errorf("%s\ngohap     %s\nreference %s", rest, got, want)
		}
	}
}
