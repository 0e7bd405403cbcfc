// Package watch tells when files change. It knows nothing of what they are for. It watches the directories in which they
// are, because editors and deploys put a new file in the place of the old one, and it compares what the file system says
// about a file, because not every event is a change.
//
// Goroutines: one, from New to Shutdown, and that of fsnotify. Locks: Watcher.mu, a leaf.
package watch
