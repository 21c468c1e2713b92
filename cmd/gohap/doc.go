// Command gohap is the fleet's tool: what an operator talks to a fleet with. It asks
// the node of its machine over that node's control socket.
//
//	cluster status, members            who is there, and one sentence on the whole
//	cluster apply, rollback            a configuration becomes the fleet's
//	cluster history, show, diff        the configurations that there were
//	cluster run                        a command of the stats socket on other nodes
//	cluster leader transfer, remove    who leads, who is gone for good
//	keys new, rotate, load, status     the fleet's secret
//	tables                             who counted what
//	vip keepalived                     a configuration that moves the fleet's address
//	node status, ready                 the node of this machine
//	node drain, undrain, leave         out of service, and back
//
// Exit codes: 0 fine, 1 degraded or refused, 2 cannot tell. Imports: cluster/admin,
// answers, which reads what nodes say of their tables, and lbcore, which reads the
// configuration that is to be applied.
package main
