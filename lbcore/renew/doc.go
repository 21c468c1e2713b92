// Package renew keeps the OCSP responses of certificates up to date: it asks the
// responder that a certificate names, checks what comes and gives it to the store.
//
//	certs.Store.Renewals ── entry: when ── fetch (HTTP) ── check ── Store.Insert
//	                          ^                                        |
//	                          `── next, successes, failures, log line ─┘
//
// When the next update comes (reference: 3.2, configuration manual 12.7.1):
//
//	without a response   at once
//	it went well         when the response is out of date, ocsp-update.mindelay from
//	                     now at least, ocsp-update.maxdelay at most
//	it failed            after 2, 4, 8, … minutes, within the same bounds
//
// A responder that hangs holds up its own certificate alone. Nothing here runs on an
// event loop; a loop sees a new response by the index that the store publishes.
//
// Goroutines started here, which Stop ends and waits for:
//
//	goroutine (*Updater).Start: when which response is to be updated
//	goroutine (*Updater).begin: one update, four at a time
//	goroutine (*Updater).Update: one that an operator asks for
//
// Imports: certs, h1, message, clock; net/url, crypto/tls.
package renew
