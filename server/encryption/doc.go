// Package encryption is what all listeners with TLS share: it reads the certificates that the configuration names, has others
// ordered and answers their authority, exchanges them in a reload, and hands the keys of session tickets to a successor. The
// handshakes are package httpfront's; certificates and orders themselves are packages certs and certs/orders.
//
// It starts no goroutine of its own (certs/orders has one) and takes no lock.
package encryption
