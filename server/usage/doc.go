// Package usage measures what the processes of a server use: memory and processor time, read from /proc, and the share of
// time in which workers' threads are occupied by requests. Reports, metrics and the history ask it; it decides nothing.
//
// It starts no goroutine. Locks: processes.reading, which is only ever tried, and loads.mu, a leaf.
package usage
