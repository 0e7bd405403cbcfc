// Package mirror shows copies of entries of the application's cache to its processes, in memory that they can read and
// only this process can write. A worker that finds a key there needs no call.
//
// The memory has an index and a ring. A word of the index says where in the ring a record lies: the key, the value, and until
// when the copy counts. The reader (python/accel/peek.c) loads the word, copies the record, and loads the word again: if it is
// still the same, what was copied is whole and was current in between, for a word is taken away before its record is
// overwritten, and positions are never used twice. Nobody waits for anybody.
//
// A copy counts for a second at most, so that the cache itself learns which entries are in use.
//
// Truth: whoever changes an entry calls Begin before and End after, and answers only then. Begin takes the copy away, and
// until End nobody can publish what may be the old value: it was read with a Ticket, which a change makes void.
//
// Goroutines: none. Locks: Mirror.mu, a leaf, held while a record is written (at most 32 KiB).
package mirror
