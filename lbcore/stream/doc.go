// Package stream is one request's life.
//
//	accept ─ Session ─ tcp-request connection/session rules (admit.go)
//	   mode tcp: tcp-request content rules, switching; bytes that become HTTP
//	   (switch-mode, an HTTP backend) get the HTTP/1 mux (inspect.go)
//	   head parsed │                                    (parser errors: mux pages)
//	        ┌──────▼──────┐
//	        │ content     │ tcp-request content rules of the frontend
//	        │ monitor-uri │ ──────────────────────────────► applet
//	        │ frontend    │ http-request rules, statistics
//	        │             │ page, redirect ──────────────► applet / close
//	        │ switching   │ use_backend, default_backend
//	        │ content     │ tcp-request content rules of the backend
//	        │ backend     │ the same of the backend ──────► applet / close
//	        │ rewriting   │ forwardfor, originalto, unique-id
//	        │ body        │ http-buffer-request
//	        │ server      │ balance, queue slot
//	        │ connect     │ reuse or dial, retries, redispatch
//	        │ forward     │ request body, response head
//	        │ response    │ tcp-response content (inspect_response.go)
//	        │             │ http-response, http-after-response (backend, frontend)
//	        │ forward     │ response body
//	        └──────▼──────┘
//	             end      log line, counters, leases; the client's next request
//
// A Stream is a state machine without a goroutine: it moves when one of its two
// endpoints tells an Event, when its timer expires, or when a suspended rule
// resumes it. It belongs to the loop of its client connection. Whatever answers
// from here (return, deny, redirect, monitor-uri, error pages, the
// statistics page and other services, later cache hits) is an Applet on the server side and takes the
// same way through response rules and back-pressure as a server's answer.
//
// A request waits in a line of its backend or server when there is no slot for
// it (queue.go, proxy/queue.go); what retry-on may send again is kept beside what
// was sent, up to what a buffer takes (again.go).
//
// Who pins a request's bytes: the buffer that the head was parsed from stays
// with the stream until a server connection stands (so that a refused
// connection can be retried or redispatched), and http-buffer-request adds body
// buffers up to tune.bufsize. In mode tcp content rules hold up to tune.bufsize
// less tune.maxrewrite in one piece, of a request or of a response, which the
// tunnel forwards first. Rules that suspend resume at the rule that suspended
// them; content rules that lack data are tried again from the first. A password
// that has to be hashed suspends the stream at the rule that asks (credentials.go).
//
// What a stream holds is a Lease or is owned by a pointer that release clears;
// release is idempotent and runs in whatever phase an abort or a panic meets.
//
//	over 6000 lines: the phases of a request share its one state machine
//
// Imports: everything below it. No goroutine is started here.
package stream
