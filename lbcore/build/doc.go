// Package build turns a configuration's statements into a running instance's
// parts: it is where syntax meets meaning.
//
//	config.Source --statements--> Builder --Finish--> Instance
//	                               |  section: one global, defaults or proxy being read
//	                               |  rows of keyword.Set: what a word does
//	                               `- references, validity, warnings once all is read
//
// A word is a row whose Impl is the function that reads its line: ProxyFunc,
// GlobalFunc, BindFunc, ServerFunc, OptionFunc, TimeoutFunc or, for actions,
// rule.ParseFunc. Words that gohap lacks are refused by name; misspelt ones get
// a proposal. All errors are told, with file and line, before it gives up.
//
// What a proxy inherits from a defaults section is in conf, a plain value that
// is copied; what it owns (bind lines, servers, rules) is in section.
//
//	over 6000 lines: one file a family of words, which share the section that they fill
//
// Everything runs on the goroutine that loads. Imports: everything below.
package build
