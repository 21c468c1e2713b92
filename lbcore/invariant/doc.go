// Package invariant holds assertions that cost nothing in production: owner
// loop, double release, leaked buffers. Build with -tags invariants to have a
// broken one panic; without the tag Check and Failed compile to nothing.
// Imports nothing.
package invariant
