// Package cache is a shared cache of responses (RFC 9111) in front of the application: an engine that implements
// gateway.Handler around the next one. It owns the rules of what may be stored, under which key, for how long and for
// whom, the answers that are made of stored ones, and that one request for a key asks the application while others wait.
// It never stores what belongs to one user, never keeps a part of a body for the whole, and never holds the bytes:
// that is its subpackage store.
//
// Goroutines: one for each answer that is fetched anew in the background, at most cache.revalidations, and one for each
// streamed body that is being stored; both end with the application's answer, and Shutdown waits for them. Requests that
// waited and must go on by themselves, and requests on a store that may block, have one each if the front end has none.
// Locks: flightShard.mu and spool.mu, leaves that are never held across I/O.
package cache
