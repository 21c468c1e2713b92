// Package stream is one request's life.
//
//	accept ─ Session ─ tcp-request connection/session rules
//	   head parsed │                                    (parser errors: mux pages)
//	        ┌──────▼──────┐
//	        │ monitor-uri │ ──────────────────────────────► applet
//	        │ frontend    │ http-request rules, redirect ─► applet / close
//	        │ switching   │ use_backend, default_backend
//	        │ backend     │ http-request rules, redirect ─► applet / close
//	        │ rewriting   │ forwardfor, originalto, unique-id
//	        │ body        │ http-buffer-request
//	        │ server      │ balance, queue slot
//	        │ connect     │ reuse or dial, retries, redispatch
//	        │ forward     │ request body, response head
//	        │ response    │ http-response, http-after-response (backend, frontend)
//	        │ forward     │ response body
//	        └──────▼──────┘
//	             end      log line, counters, leases; the client's next request
//
// A Stream is a state machine without a goroutine: it moves when one of its two
// endpoints tells an Event, when its timer expires, or when a suspended rule
// resumes it. It belongs to the loop of its client connection. Whatever answers
// from here (return, deny, redirect, monitor-uri, error pages, later the
// statistics page and cache hits) is an Applet on the server side and takes the
// same way through response rules and back-pressure as a server's answer.
//
// Who pins a request's bytes: the buffer that the head was parsed from stays
// with the stream until a server connection stands (so that a refused
// connection can be retried or redispatched), and http-buffer-request adds body
// buffers up to tune.bufsize. Rules that suspend resume at the rule that
// suspended them.
//
// What a stream holds is a Lease or is owned by a pointer that release clears;
// release is idempotent and runs in whatever phase an abort or a panic meets.
//
// Imports: everything below it. No goroutine is started here.
package stream
