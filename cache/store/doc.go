// Package store holds bytes under keys, up to a number of bytes: the ground of the response cache (namespace "http")
// and of what Python code keeps (namespace "app"). A Store is one namespace in memory that never takes more than its
// limit, keys, tags and its own bookkeeping included.
//
// It knows nothing of HTTP: package cache decides what is stored, for how long and under which key.
//
// Goroutines: none.
// Locks: tagIndex.mu, a leaf.
package store
