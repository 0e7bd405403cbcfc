// Package access decides which client may ask for which path, and how often. Its handler stands before everything that
// answers: static files, the cache and the application. It judges the address that the front ends found to be the
// client's; who may connect at all is for them. A path is judged as the application sees it and in the other ways in
// which software may read it, and the strictest reading counts.
//
// It starts no goroutine. Lock: none of its own; a reload exchanges the rules as a whole.
package access
