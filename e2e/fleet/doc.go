// Package fleet runs three nodes that share a stick table over connections that are
// slow and break, counts requests through each, and compares: gohap's section "fleet"
// has every node read what was sent; beside it stands what three of the reference
// read in the same run. It imports e2e/oracle for the binaries' places.
package fleet
