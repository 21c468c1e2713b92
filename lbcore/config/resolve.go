package config

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// SystemResolve looks a host name up as the C library would: hosts file, then
// DNS. It blocks, so it belongs to loading a configuration, never to a loop. It
// serves as AddressRules.Resolve.
func SystemResolve(host string, family Family) (netip.Addr, error) {
	network := "ip"
	switch family {
	case IPv4:
		network = "ip4"
	case IPv6:
		network = "ip6"
	}
	list, err := net.DefaultResolver.LookupNetIP(context.Background(), network, host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("resolving %s: %w", host, err)
	}
	if len(list) == 0 {
		return netip.Addr{}, fmt.Errorf("resolving %s: no address", host)
	}
	return list[0].Unmap(), nil
}

// CouldNotResolve is the text about a server's name that has no address.
func CouldNotResolve(host string) string {
	return fmt.Sprintf("could not resolve address '%s'.", host)
}
