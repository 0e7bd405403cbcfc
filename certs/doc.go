// Package certs holds the certificates that listeners with TLS show, and the keys of session tickets. A Store reads its
// files again when they change; a change that cannot be used leaves what was there. Subpackage orders gets certificates from
// an authority.
//
// It never speaks TLS itself, opens no socket and knows nothing of HTTP.
//
// Goroutines: none. Store.Config looks at the files, a second after the last look at the earliest, in the goroutine of a
// connection that begins: nothing runs in an idle server, and file systems that tell of no changes are no different.
// Who comes during a look does not wait for it. Locks: Tickets.mu, a leaf; Store.turn is a place for one who looks or
// reloads, and is held while files are read, but nobody who serves waits for it.
package certs
