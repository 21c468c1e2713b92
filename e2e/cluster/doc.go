// Package cluster runs three nodes as an operator does, on loopback, and the tool
// gohap against them: founding, applying, refusing, going back, deaths, restarts and
// leaving, other secrets, while requests go through each node and none may be lost; and
// what strangers can do to a node's port. It imports e2e/oracle for starting programs.
package cluster
