// Package admin is the listener for machines that watch penknife: /metrics for Prometheus, /livez and /readyz for
// whoever restarts it or sends it traffic. It is off unless the configuration gives it an address, has no access
// control, and answers nothing about requests or their contents.
//
// Goroutines: the accept loop and the connections of net/http; Shutdown ends them and waits. It takes no lock.
package admin
