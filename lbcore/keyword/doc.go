// Package keyword holds the registry of the configuration language: one Row
// for every word that gohap implements, and one embedded list of every word
// that the reference knows.
//
// A row carries a word's class, its name, where it is allowed, the grammar of
// its arguments, its types, a summary, examples that must parse and examples
// that must fail, and the function that implements it. The package knows no
// behaviour: Impl is opaque here, its type is fixed by the package that owns
// the class. From the rows follow the parser, "did you mean", placement
// warnings, the -dK dump, docs/keywords.md, command help and the parity count.
//
//	package     Register(*keyword.Set)   its rows
//	catalog     calls every Register     one Set for the process
//	build, cli  Set.Lookup(class, name)  the row that serves a word
//	            Known(class, name)       a word of the reference: refused by name
//	            Closest(word, names)     "did you mean"
//	-dK         Dump(w, set, classes)    the implemented words, as the reference prints its own
//
// Nothing registers itself: there is no init function, and a duplicate row
// panics in Set.Add. The package imports only the standard library.
package keyword
