// Package config is the configuration language: how files become statements,
// words, times, sizes and addresses, and how an operator is told what is wrong.
// It knows no proxy, no server and no keyword other than the few that belong to
// the language itself.
//
//	Source     the -f files and directories, two passes over them
//	  Words    one line -> words: quotes, escapes, "$VAR", 64 words at most
//	  Facts    what .if, .elif and -cc may ask: versions, features, options
//	  Environ  the variables; setenv, presetenv, unsetenv, resetenv act on it
//	Handler    the caller: sections, statements (lbcore/build)
//	SplitArgs  "name(arg,arg)", the second level of quoting
//	ParseTime, ParseSize, ParseAddress
//	Diagnostics  [ALERT], [WARNING], [NOTICE], [DIAG] lines and their counts
//
// The first pass reads every file, refuses bad quoting, bad directives and
// misplaced "no" and "default", and executes what the global sections say about
// the environment; an error there ends the run. The second pass calls the
// Handler. So a variable set in the last line is known in the first one, and a
// quote that does not match hides unknown keywords (reference: the same).
//
// Nothing here stops at the first error: a file is read to its end, up to 50
// errors, unless a statement gives it up.
//
// Everything is meant for one goroutine, the one that loads a configuration,
// except pure functions. The package imports only the standard library and
// lbcore/keyword.
package config
