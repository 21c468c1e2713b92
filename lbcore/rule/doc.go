// Package rule runs rule sets: ordered lists of an action with a condition.
//
//	Set.Run(ctx, from)  ->  Continue  the set is through
//	                        Stop      allow, accept: the rest of this set is skipped
//	                        Suspend   an action waits: run again from the same rule
//	                        Answer    the action left a Reply with the stream
//	                        Close     end without an answer
//	                        Undecided a condition lacks data: again from the first
//	                                  rule when more came (content rules)
//
// The package knows neither streams nor proxies: an action finds its stream in
// the sample context. It also owns replies (what return, deny and error pages
// send) and the tables of error pages. No goroutine is started here.
//
// Imports: keyword, sample, acl, message.
package rule
