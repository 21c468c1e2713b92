// Command gohap is the fleet's tool: what an operator talks to a fleet with.
// Until a fleet exists it answers for one node: version and help. Imports:
// lbcore.
package main
