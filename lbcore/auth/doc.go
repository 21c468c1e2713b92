// Package auth knows users: the userlist sections, their passwords and groups.
//
//	List ── User ── Group names
//	  Allowed(user, password)   on a loop: a plain password, or one seen before
//	  Verify(user, password)    hashes on a goroutine and tells when it is done
//
// A password's hash is slow on purpose, so a loop never computes one. A pair of
// hash and password that was found right is remembered as a keyed digest of both;
// the key is random and never leaves the process. Whoever waits for Verify is
// told on its goroutine, and posts.
//
// The forms of crypt(3) that are known: $1$ (MD5), $5$ and $6$ (SHA-2), $2a$,
// $2b$, $2y$ (bcrypt), $y$ (yescrypt).
//
// Imports: message, the standard library and go-crypt/x.
package auth
