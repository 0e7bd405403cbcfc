// Package incidents remembers the latest errors of the process with their tracebacks, for the status page: what an
// operator would otherwise search the log for. It learns of them as a slog.Handler that everything logged goes through,
// keeps a bounded number, and counts repetitions instead of keeping them.
//
// It never writes anything and starts no goroutine. Ring.mu is held for memory operations only.
package incidents
