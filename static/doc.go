// Package static serves files below URL prefixes, in front of the application: an engine that implements
// gateway.Handler around the next one. It owns the mounts, what of their files is held in memory, and every answer about
// a file (RFC 9110 sections 8.8, 13 and 14). It lists a directory only if told to, never follows a link out of a root, never
// reads a file that it did not open beneath the root, and never keeps an answer that the disk does not confirm.
//
// Two handlers share this: Handler stands before the application, Sender directly around it, for files that the
// application names.
//
// Goroutines: one for each request that permits a late answer and whose file or directory has to be read, or for which the
// application names a file; it ends with the answer.
// Locks: memory.mu, a leaf that is never held across I/O; mount.compressing, which is only ever tried: its holder compresses.
package static
