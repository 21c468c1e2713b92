// Package netns runs a fleet as machines have it: a network namespace a node, joined by
// a bridge, real processes, keepalived with what 'gohap vip keepalived' prints, and a
// client and a server beside them. The address moves between the nodes when one is
// killed, drained, restarted or cut off, under requests whose losses are counted.
//
//	space_test.go  namespaces, the bridge, what runs in them
//	fleet_test.go  nodes, keepalived, traffic
//	vip_test.go    what happens to them
//
// It needs root, ip and keepalived. It imports e2e/oracle for starting programs.
package netns
