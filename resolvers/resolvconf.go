package resolvers

import (
	"net/netip"
	"strings"
)

// ParseResolvConf returns the name servers of a resolv.conf, in its order, and how many
// of its lines were no address. A server's name is its address.
func ParseResolvConf(text string) (all []*Nameserver, wrong int) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		ip, err := netip.ParseAddr(fields[1])
		if err != nil {
			wrong++
			continue
		}
		all = append(all, &Nameserver{Name: fields[1], Addr: netip.AddrPortFrom(ip, 53)})
	}
	return all, wrong
}
