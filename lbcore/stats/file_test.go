package stats

import (
	"testing"

	"gohap/lbcore/proxy"
)

func fileProxies() []*proxy.Proxy {
	p := &proxy.Proxy{Name: "f", IsFrontend: true, GUID: "fe", FE: proxy.NewCounters(1)}
	b := &proxy.Proxy{Name: "b", IsBackend: true, GUID: "be", BE: proxy.NewCounters(1)}
	return []*proxy.Proxy{p, b}
}

func TestRestore(t *testing.T) {
	all := fileProxies()
	text := "#fe guid,stot,rate,bin,\nfe,5,9,7,\nnobody,1,1,1,\n\n#be guid,bin,\nbe,3,\n"
	if err := Restore(all, []byte(text)); err != nil {
		t.Fatal(err)
	}
	fe, be := all[0].FE, all[1].BE
	if fe.Sum(proxy.CumSess) != 5 || fe.Sum(proxy.BytesIn) != 7 || be.Sum(proxy.BytesIn) != 3 {
		t.Errorf("%d %d %d", fe.Sum(proxy.CumSess), fe.Sum(proxy.BytesIn), be.Sum(proxy.BytesIn))
	}
	for _, bad := range []string{"x", "fe,1\n", "#fe stot,guid\n", "#fe guid,bin,\nfe,7,\n#nope guid\n", "#fe guid,bin,\nfe,7\nfe,x\n", "#fe guid,stot\nfe,1,2\n", "#fe guid,stot\nfe,-1\n"} {
		all := fileProxies()
		if err := Restore(all, []byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
		if n := all[0].FE.Sum(proxy.BytesIn); n != 0 {
			t.Errorf("%q: half of the file was taken: %d", bad, n)
		}
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte("#fe guid,stot,bin,\nfe,5,7,\n\n#be guid,bin,\nbe,3,\n"))
	f.Add([]byte("#fe guid\nfe\n#"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all := fileProxies()
		if err := Restore(all, text); err != nil && all[0].FE.Sum(proxy.CumSess) != 0 {
			t.Error("a bad file changed a counter")
		}
	})
}
