// Package cluster runs three nodes as an operator does, on loopback, and the tool
// gohap against them: founding, applying, refusing, going back, deaths, restarts and
// leaving, while requests go through each node and none may be lost. It imports
// e2e/oracle for starting programs.
package cluster
