// Package server puts penknife together: it builds the parts from a configuration, starts them in order, turns
// signals into a reload or a stop, and stops them in reverse. It is the only package that knows everyone, and it has no part in
// a request but the chain of handlers (handlers.go) and what is written down about it afterwards (observe.go).
//
// Start: sockets are bound first, so that a taken address is reported before the application is imported; then the
// fronts accept and answer 503 until the workers are ready. Stop: the fronts drain while the workers still serve,
// then the workers, then what is left. A server that succeeds another one (succeed.go) starts its workers first and accepts
// when the other one says so; the one that is succeeded (upgrade.go) leaves sockets and files to it.
//
// What needs nothing of the whole is below: the logs (server/logs), the certificates of listeners (server/encryption), samples of
// the last minutes (server/history), what processes use (server/usage), and how the Go process itself runs (server/tuning).
//
// Goroutines: Run's caller (stages, signals); one for the engine's Start; one per listener that accepts; the reloader; an
// upgrade that runs; the watchdog, if the service manager wants one; while stopping, one that waits for a further signal. Run
// waits for all of them, and for those of the packages below, before it returns.
// Locks, all leaves: reloader.mu and upgrader.mu (who waits for which run), watching.mu (the files to watch), outside.mu (the
// package for other processes).
package server
