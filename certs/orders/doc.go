// Package orders gets certificates from an authority by ACME (RFC 8555), keeps them in a directory, and renews them when a
// third of their life is left. golang.org/x/crypto/acme speaks the protocol; what is ordered when, and what becomes of it, is
// here (docs/decisions has the reasons).
//
// It opens no socket and serves nothing: listeners ask it for certificates and for the answers to challenges.
//
// Goroutines: one, from Start to Shutdown, that orders. Locks: Manager.mu, a leaf; between processes that share the
// directory, a lock on a file in it, held by the goroutine during an order.
package orders
