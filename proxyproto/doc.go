// Package proxyproto reads the header of the PROXY protocol, versions 1 and 2, by which a load balancer that passes
// bytes on says whose bytes they are (haproxy's doc/proxy-protocol.txt; sections named here are of that text). It turns
// bytes into addresses, checks every length before it uses it, and says of a header that is not complete how far it
// goes at least, so that a reader need not read a byte behind it. It has no net, no logging, no goroutine, no lock and
// no state. Who may send such headers is for the caller to know.
package proxyproto
