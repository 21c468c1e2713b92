// Package netns runs a fleet as machines have it: a network namespace a node, joined by
// a bridge, real processes, keepalived with what 'gohap vip keepalived' prints, and a
// client and a server beside them. Every fault comes under requests; those that are lost
// are counted, and behind each the fleet has to be whole (check_test.go says what that is).
//
//	space_test.go   namespaces, the bridge, what runs in them, what is lost on the way
//	fleet_test.go   nodes, keepalived, traffic
//	check_test.go   what holds behind every fault, percentiles
//	vip_test.go     the address: killed, drained, restarted, still, cut off, deaf, lossy
//	return_test.go  nodes that come back as others, cannot go on, say no
//
// It needs root, ip, nft and keepalived. It imports e2e/oracle for starting programs and
// cluster/admin for asking nodes.
package netns
