// Package sockets owns the addresses that penknife listens on: what an address in the configuration means, how a
// socket is made for it (permissions, a stale socket file, removal at the end), and which peers an address list
// names. It accepts no connection, speaks no protocol, starts no goroutine, and takes no lock but that of a
// directory while a socket file is made in it.
package sockets
