// Package uwsgistats shows penknife as uWSGI's stats server shows itself, so that uwsgitop, uwsgi_exporter and others go on
// working: who connects gets one JSON document, and the connection is closed (uWSGI 2.0, core/master_utils.c). It owns the
// counters that only this document needs, and what of a request it may tell: never a query string, a cookie or a header.
//
// Goroutines: the accept loop and one for each connection, ended by Server.Shutdown. Locks: none of its own but
// Server.mu, a leaf.
package uwsgistats
