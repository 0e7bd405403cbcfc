// Package store holds bytes under keys, up to a number of bytes: the ground of the response cache (namespace "http")
// and of what Python code keeps (namespace "app"). A Store is one namespace. Its local level is in memory and never
// takes more than its limit, keys, tags and its own bookkeeping included. With a Remote there is a Redis behind it that
// several penknifes share; the local level then holds copies, and Redis tells us which of them to forget.
//
// It knows nothing of HTTP: package cache decides what is stored, for how long and under which key. It never gives out what
// was purged, by whomever: of two answers that might be old it gives none. The one exception is an absence of Redis: then
// each penknife goes on with what it has, and forgets all that when Redis is back (docs/decisions/0013-cache-store.md).
//
// Goroutines: none of a Store's own. A Remote has a watcher (watch.go) and a sweeper (sweeps.go), and its client has a reader, a writer and a timer
// that asks a silent connection; all end with Remote.Shutdown.
// Locks: tagIndex.mu, sweeps.mu and Remote.mu, leaves. The functions given to local.change run under a lock of otter and take at most
// tagIndex.mu.
package store
