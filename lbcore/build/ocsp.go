package build

import (
	"net/netip"
	"strconv"
	"time"

	"gohap/lbcore/certs"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// OCSPUpdates is how OCSP responses are kept up to date.
type OCSPUpdates struct {
	Least, Most time.Duration // between two updates of one
	Proxy       string        // host and port, "" for none
	Off         bool
}

// ocspGlobalRows are the global words about the update of OCSP responses.
func ocspGlobalRows() []keyword.Row {
	onOff := func(name, summary string, set func(*Builder, bool)) keyword.Row {
		return globalRow(name, "on|off", summary, name+" on", func(b *Builder, st *config.Statement) {
			switch st.Word(1) {
			case "on", "off":
				set(b, st.Word(1) == "on")
			default:
				b.Warnf(st, "'%s' : expecting <on|off>", name)
			}
		})
	}
	delay := func(name, summary, wrong string, set func(*OCSPUpdates, time.Duration) bool) keyword.Row {
		return globalRow(name, "<seconds>", summary, name+" 400", func(b *Builder, st *config.Statement) {
			n, err := strconv.Atoi(st.Word(1))
			switch {
			case st.Word(1) == "":
				b.Alertf(st, "'%s' expects an integer argument.", name)
			case err != nil || n < 0:
				b.Alertf(st, "'%s' expects a positive numeric value.", name)
			case !set(&b.Global.OCSP, time.Duration(n)*time.Second):
				b.Alertf(st, "'%s' %s.", name, wrong)
			}
		}, name, name+" -1", name+" x")
	}
	least := func(name string) keyword.Row {
		return delay(name, "the shortest time between two updates of an OCSP response", "can not be higher than tune.ssl.ocsp-update.maxdelay", func(o *OCSPUpdates, d time.Duration) bool {
			o.Least = d
			return o.Least <= o.Most
		})
	}
	most := func(name string) keyword.Row {
		return delay(name, "the longest time between two updates of an OCSP response", "can not be lower than tune.ssl.ocsp-update.mindelay", func(o *OCSPUpdates, d time.Duration) bool {
			o.Most = d
			return o.Least <= o.Most
		})
	}
	old := func(r keyword.Row, instead string) keyword.Row {
		r.Flags, r.Instead = keyword.Deprecated, instead
		return r
	}
	return []keyword.Row{
		onOff("ocsp-update.mode", "whether OCSP responses are fetched where nothing else is said", func(b *Builder, on bool) {
			b.certs.Update = map[bool]certs.Choice{true: certs.Yes, false: certs.No}[on]
		}),
		onOff("ocsp-update.disable", "no OCSP response is fetched by itself, whatever is said", func(b *Builder, on bool) { b.Global.OCSP.Off = on }),
		globalRow("ocsp-update.httpproxy", "<address>[:<port>]", "a proxy that responders are asked over", "ocsp-update.httpproxy 127.0.0.1:3128", ocspProxy, "ocsp-update.httpproxy", "ocsp-update.httpproxy 127.0.0.1:80 x"),
		least("ocsp-update.mindelay"), most("ocsp-update.maxdelay"),
		old(least("tune.ssl.ocsp-update.mindelay"), "ocsp-update.mindelay"), old(most("tune.ssl.ocsp-update.maxdelay"), "ocsp-update.maxdelay"),
	}
}

func ocspProxy(b *Builder, st *config.Statement) {
	if b.tooMany(st, 2) {
		return
	}
	a, err := config.ParseAddress(st.Word(1), b.rules(config.ServerRules))
	switch {
	case err != nil:
		b.Alertf(st, "'%s' : %s", st.Words[0], err)
		return
	case !a.IP.IsValid() || a.Relative:
		b.Alertf(st, "'%s' : '%s' is no address of a proxy.", st.Words[0], st.Word(1))
		return
	case !a.HasPort:
		a.Port = 80
	}
	b.Global.OCSP.Proxy = netip.AddrPortFrom(a.IP, uint16(a.Port)).String()
}
