// Package sample owns the values that rules, logs and tables work on: their
// types and casts, the expressions that produce them, the converters that need
// no stream, the variables and the log-format compiler.
//
//	text  "hdr(host),lower,map_str(f)"  --Compile-->  Expr
//	                                                   fetch  cast conv  cast conv ...  cast
//	Expr.Eval(ctx, want, &s)   ctx.Stream, ctx.Request ...  -->  s filled in place
//	Format.Append(dst, ctx)    literal | alias | expression, encoded for its place
//
// A Sample is filled in place and never allocated per request; what a fetch
// returns points into the message or into the context's arena and lives until
// the arena's reset. A fetch that can yield several values (headers, cookies)
// keeps its position in Sample.Iter and sets NotLast, so that an ACL can ask
// for the next one with Expr.Next.
//
// Words are rows of classes keyword.Fetch (Impl *FetchRow), keyword.Converter
// (*ConvRow) and keyword.LogAlias (*AliasRow). Where a fetch may be used is
// data: Needs says what it looks at, Validity follows from it.
//
// A Context and everything under it belongs to one loop; an Expr and a Format
// are read-only after Compile and shared by all loops.
//
// Imports: keyword, clock, buffer, message, config; regexp2 for patterns that
// need look-around.
package sample
