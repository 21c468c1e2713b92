package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gohap/cluster"
	"gohap/cluster/admin"
)

func newVIP(t *tool) *cobra.Command {
	k := group(&cobra.Command{Use: "vip", Short: "The address that moves between the nodes"})
	k.AddCommand(newKeepalived(t))
	return k
}

// keepalived is what a configuration of it is made of.
type keepalived struct {
	name     string // of the node
	iface    string
	id       int
	priority int
	own      netip.Addr
	peers    []netip.Addr
	vip      netip.Prefix
	track    string // file
	match    string // what its command line begins with, where several run on a machine
}

func newKeepalived(t *tool) *cobra.Command {
	v := &keepalived{}
	var address string
	k := &cobra.Command{
		Use: "keepalived", Short: "Print a configuration of keepalived for this machine", Args: cobra.NoArgs,
		Long: `Prints a configuration of keepalived (2.1 or newer) for this machine, from what the node
knows: run it on every machine of the fleet, once all are members. The address stays
where it is as long as its holder is in service; it goes within a second when the
holder's process ends or its machine is gone, and at the end of 'gohap node drain'.`,
		Example: "  gohap vip keepalived > /etc/keepalived/keepalived.conf\n  gohap vip keepalived --address 192.0.2.10/24 --interface eth0",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := t.within(c)
			defer cancel()
			self, err := t.client().Self(ctx)
			if err != nil {
				return err
			}
			s, err := t.client().Status(ctx)
			if err != nil {
				return err
			}
			if err := v.learn(self, s, address); err != nil {
				return refused{err}
			}
			var text strings.Builder
			v.print(&text)
			w := c.OutOrStdout()
			return t.show(w, map[string]string{"keepalived": text.String()}, func() { fmt.Fprint(w, text.String()) }, true)
		},
	}
	f := k.Flags()
	f.StringVar(&address, "address", "", "the fleet's address, as in 192.0.2.10/24 (default: --vip of the node)")
	f.StringVar(&v.iface, "interface", "", "where it is to be (default: the one with the node's address)")
	f.IntVar(&v.id, "router-id", 51, "virtual_router_id, 1 to 255: another one for each fleet of a network")
	f.StringVar(&v.match, "match", "", "what the node's command line begins with, the program's path and more words, where several run on a machine")
	return k
}

// firstPriority is that of the node whose name comes first.
const firstPriority = 150

// learn fills in what the node knows.
func (v *keepalived) learn(self *admin.Self, s *cluster.Status, address string) error {
	at, err := netip.ParseAddrPort(self.Address)
	if err != nil {
		return fmt.Errorf("the node's address %s: %w", self.Address, err)
	}
	v.name, v.own, v.track = self.Name, at.Addr(), self.Track
	if v.id < 1 || v.id > 255 {
		return fmt.Errorf("--router-id %d is none of 1 to 255", v.id)
	}
	nodes := slices.Clone(s.Nodes)
	slices.SortFunc(nodes, func(a, b cluster.NodeStatus) int { return strings.Compare(a.Name, b.Name) })
	for i, n := range nodes {
		if n.ID == self.ID {
			v.priority = firstPriority - i
			continue
		}
		o, err := netip.ParseAddrPort(n.Address)
		if err != nil {
			return fmt.Errorf("the address of %s is not known: start it first, or 'gohap cluster remove' it", n.Name)
		}
		v.peers = append(v.peers, o.Addr())
	}
	if v.priority < 1 {
		return errors.New("the node is not in the fleet yet")
	}
	if address == "" {
		address = self.VIP
	}
	if address == "" {
		return errors.New("which address? start the node with --vip ADDRESS, or say --address")
	}
	iface, network := find(v.own)
	if v.iface == "" {
		v.iface = iface
	}
	if v.iface == "" {
		return fmt.Errorf("no interface has %s: say --interface", v.own)
	}
	if v.vip, err = netip.ParsePrefix(address); err != nil {
		a, err := netip.ParseAddr(address)
		if err != nil {
			return fmt.Errorf("%s is no address", address)
		}
		v.vip = netip.PrefixFrom(a, a.BitLen())
		if network.Contains(a) {
			v.vip = netip.PrefixFrom(a, network.Bits())
		}
	}
	if v.vip.Addr().Is4() != v.own.Is4() {
		return fmt.Errorf("%s and the node's address %s are of two families: --advertise one of the same", v.vip.Addr(), v.own)
	}
	return nil
}

// find returns the interface that has an address, and its network.
func find(a netip.Addr) (name string, network netip.Prefix) {
	all, err := net.Interfaces()
	if err != nil {
		return "", network
	}
	for _, i := range all {
		addrs, _ := i.Addrs()
		for _, x := range addrs {
			n, ok := x.(*net.IPNet)
			if !ok {
				continue
			}
			if ip, _ := netip.AddrFromSlice(n.IP); ip.Unmap() == a {
				bits, _ := n.Mask.Size()
				return i.Name, netip.PrefixFrom(a, bits)
			}
		}
	}
	return "", network
}

// print writes the configuration.
func (v *keepalived) print(w io.Writer) {
	process := "    process gohap-node"
	if v.match != "" {
		process = "    process " + v.match + "\n    param_match initial"
	}
	peers := ""
	for _, p := range v.peers {
		peers += fmt.Sprintf("        %s\n", p)
	}
	fmt.Fprintf(w, `# keepalived of %s, printed by 'gohap vip keepalived'.
global_defs {
    router_id %s
    vrrp_version 3
}

# The node's word: 0 while the address may be here.
track_file gohap_ready {
    file %q
    weight 0
}

# Its process: what is killed says nothing. No weight: without it, the address goes, a
# moment later: the kernel tells clients first that their connections have ended.
vrrp_track_process gohap_node {
%s
    terminate_delay 0.05
}

vrrp_instance gohap {
    # The address stays where it is; who comes back does not take it.
    state BACKUP
    nopreempt
    interface %s
    virtual_router_id %d
    priority %d
    # A machine that is gone is missed after three of these, in seconds.
    advert_int 0.25
    # Neighbours are told where the address is, again and again.
    garp_master_delay 1
    garp_master_repeat 3
    garp_master_refresh 10
    unicast_src_ip %s
    unicast_peer {
%s    }
    virtual_ipaddress {
        %s dev %s
    }
    track_process {
        gohap_node
    }
    track_file {
        gohap_ready
    }
}
`, v.name, v.name, v.track, process, v.iface, v.id, v.priority, v.own, peers, v.vip, v.iface)
}
