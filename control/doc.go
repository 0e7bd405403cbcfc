// Package control is the control socket: what `penknife status`, `reload`, `scale` and `stop` say to a running penknife. It has
// the words (small JSON documents over HTTP over a unix socket), the server side and the client side.
//
// Only the user that penknife runs as, and root, may speak: the socket has mode 0600, and the server asks the kernel
// for the peer's credentials. The client asks the same about the server, since the socket may lie in a directory
// that others can write.
//
// A connection can also become a channel of calls of Python code, which is Deps.Calls' from then on.
//
// It never acts by itself: what a word means is in the functions of Deps. Goroutines: the accept loop and the
// connections of net/http; Shutdown ends them and waits. It takes no lock.
package control

import (
	_ "penknife/gateway" // on a system that penknife has no build for, its error comes first and alone
)
