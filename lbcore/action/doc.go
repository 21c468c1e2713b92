// Package action owns the words of rules that act on a stream: what they read
// from a line and what they do.
//
//	file         actions                                       verdict
//	auth.go      auth                                          Answer
//	control.go   allow accept reject close silent-drop
//	             switch-mode                                   Stop, Close, CloseServer
//	reply.go     deny return tarpit: content and headers       Answer
//	redirect.go  redirect                                      Answer
//	header.go    set- add- del- replace-header, replace-value  Continue, Failed
//	line.go      set- replace-path pathq query uri, set-method,
//	             set-status                                    Continue, Failed
//	state.go     set-var unset-var set-log-level set-timeout
//	             set-src set-dst capture strict-mode do-log    Continue
//	pattern.go   add-acl del-acl set-map del-map               Continue
//	socket.go    set-fc-tos set-fc-mark set-tos set-mark       Continue
//	service.go   use-service                                   Answer, Suspend
//	wait.go      wait-for-body pause                           Continue, Suspend
//	counters.go  track-sc sc-inc-gpc sc-add-gpc sc-set-gpt …   Continue
//
// An action is made once, while the configuration is read, and shared by all
// loops. What it computes for a request lives in the stream's arena; the common
// ones do not allocate. A rewrite that does not fit any more (Stream.Fits) ends
// the request with an internal error unless strict-mode is off.
//
// Parsing errors have the reference's words. An action stops at the first word
// that is not its own: the condition is the caller's.
//
// Imports: stream and everything below it.
package action
