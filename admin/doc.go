// Package admin is the listener for who watches penknife: /metrics for Prometheus, /livez and /readyz for whoever
// restarts it or sends it traffic, and the status page with /status.json for people. It is off unless the configuration
// gives it an address. It changes nothing, and has no access control but that of the status page (guard.go), which shows
// paths, clients, tracebacks and the configuration. Health is the one part that sits in the chain of public requests.
//
// It never asks a worker anything and computes no figure that it keeps: what it shows comes from Deps.Report.
//
// Goroutines: the accept loop and the connections of net/http; Shutdown ends them and waits. It takes no lock.
package admin
