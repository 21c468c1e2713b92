package acl

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"gohap/lbcore/sample"
)

const million = 1_000_000

// millionKeys are the texts of lists of a million entries and what is looked for.
var millionKeys = map[Matcher]struct {
	key   func(i int) string
	value func(i int) []byte
}{
	MatchStr: {func(i int) string { return fmt.Sprintf("host%d.example.com", i*7) }, func(i int) []byte { return fmt.Appendf(nil, "host%d.example.com", i*7) }},
	MatchBeg: {func(i int) string { return fmt.Sprintf("/site%d/app/", i*7) }, func(i int) []byte { return fmt.Appendf(nil, "/site%d/app/index.html?x=1", i*7) }},
	MatchEnd: {func(i int) string { return fmt.Sprintf(".shop%d.example.com", i*7) }, func(i int) []byte { return fmt.Appendf(nil, "www.shop%d.example.com", i*7) }},
	MatchDom: {func(i int) string { return fmt.Sprintf("shop%d.example", i*7) }, func(i int) []byte { return fmt.Appendf(nil, "www.shop%d.example.com", i*7) }},
	MatchIP: {func(i int) string {
		a := uint32(i) * 2654435761
		bits := 16 + i%17
		b := binary.BigEndian.AppendUint32(nil, a&^uint32(uint64(1)<<(32-bits)-1))
		return fmt.Sprintf("%s/%d", netip.AddrFrom4([4]byte(b)), bits)
	}, func(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)*2654435761) }},
}

var (
	millionLists = map[Matcher]*Use{}
	millionLock  sync.Mutex
)

func millionList(b testing.TB, m Matcher) *Use {
	millionLock.Lock()
	defer millionLock.Unlock()
	if u := millionLists[m]; u != nil {
		return u
	}
	var text strings.Builder
	for i := range million {
		fmt.Fprintf(&text, "%s value%d\n", millionKeys[m].key(i), i)
	}
	b.Logf("%d bytes", text.Len())
	_, u := listOf(b, m, text.String())
	millionLists[m] = u
	return u
}

// BenchmarkMillion looks into lists of a million entries, in no order.
func BenchmarkMillion(b *testing.B) {
	for _, m := range []Matcher{MatchStr, MatchBeg, MatchEnd, MatchDom, MatchIP} {
		b.Run(m.String(), func(b *testing.B) {
			u := millionList(b, m)
			rnd := rand.New(rand.NewPCG(1, 2))
			values := make([]sample.Sample, 1<<16)
			for i := range values {
				v := millionKeys[m].value(rnd.IntN(million))
				if values[i].SetStr(v); m == MatchIP {
					values[i].SetIP(netip.AddrFrom4([4]byte(v)))
				}
			}
			b.ReportAllocs()
			i, start := 0, cpuTime(b)
			for b.Loop() {
				if _, id := u.find(&values[i&(1<<16-1)]); id == 0 {
					b.Fatal("not found")
				}
				i++
			}
			b.ReportMetric(float64(cpuTime(b)-start)/float64(i), "cpu-ns/op")
		})
	}
}

// cpuTime is what the program has used, in ns: the machine may have other work.
func cpuTime(b *testing.B) int64 {
	var u unix.Rusage
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkLoadMillion reads a file of a million entries.
func BenchmarkLoadMillion(b *testing.B) {
	for _, m := range []Matcher{MatchStr, MatchIP} {
		b.Run(m.String(), func(b *testing.B) {
			var text strings.Builder
			for i := range million {
				fmt.Fprintf(&text, "%s value%d\n", millionKeys[m].key(i), i)
			}
			for b.Loop() {
				listOf(b, m, text.String())
			}
		})
	}
}

// BenchmarkChangeMillion adds to a list of a million entries and takes out again.
func BenchmarkChangeMillion(b *testing.B) {
	u := millionList(b, MatchStr)
	i := 0
	for b.Loop() {
		key := fmt.Sprintf("new%d", i)
		must(b, u.Ref.Add(Current, key, "v", true))
		if i >= 1000 {
			u.Ref.Delete(fmt.Sprintf("new%d", i-1000))
		}
		i++
	}
}
