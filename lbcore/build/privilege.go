package build

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"gohap/lbcore/config"
)

// capabilities are what 'setcap' knows, in the order of its message.
var capabilities = []struct {
	name string
	bit  int
}{
	{"cap_net_raw", unix.CAP_NET_RAW},
	{"cap_net_admin", unix.CAP_NET_ADMIN},
	{"cap_net_bind_service", unix.CAP_NET_BIND_SERVICE},
	{"cap_sys_admin", unix.CAP_SYS_ADMIN},
}

func setcapKeyword(b *Builder, st *config.Statement) {
	const supported = "Supported ones are: cap_net_raw, cap_net_admin, cap_net_bind_service and cap_sys_admin."
	c := &b.Global.Confinement
	switch {
	case b.tooMany(st, 2):
		return
	case st.Word(1) == "":
		b.Alertf(st, "'setcap' : missing capability name(s).  %s", supported)
		return
	}
	for _, word := range strings.Split(st.Word(1), ",") {
		at := slices.IndexFunc(capabilities, func(c struct {
			name string
			bit  int
		}) bool {
			return c.name == word
		})
		if at < 0 {
			b.Alertf(st, "'setcap' : unsupported capability '%s'.  %s", word, supported)
			return
		}
		c.Capabilities |= 1 << capabilities[at].bit
	}
}

// Foreign are the capabilities one of which connections in foreign names and marked
// packets need.
const Foreign = 1<<unix.CAP_NET_RAW | 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_SYS_ADMIN

// marks notes that an action needs privileges while traffic runs.
func (b *Builder) marks(action string) {
	if strings.HasSuffix(action, "-mark") {
		b.Global.Confinement.Privileged = true
	}
}
