// Package catalog is the one list of everything registered: it calls every
// package's Register and hands out the filled registry. A word that is not
// listed here does not exist. Imports: every package that has words.
package catalog
