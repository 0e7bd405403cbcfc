// Package clients is what the front ends keep about those who connect: how many connections and how many requests each
// address has, within a bound, why one is not served, and how often that is worth a line in the log. It knows no
// protocol, opens nothing and starts no goroutine.
//
// Locks, all leaves: Throttle.mu, Connections.mu, shard.mu.
package clients
