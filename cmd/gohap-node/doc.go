// Command gohap-node is the load balancer's process. It hands its arguments to
// package node and ends with the code that comes back. Imports: node.
package main
