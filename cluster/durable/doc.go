// Package durable writes files so that after a crash each is whole or as it was before:
// beside their place, synced, renamed, and the directory synced. They are readable for
// their owner alone. It imports the standard library alone; any goroutine may call it.
package durable
