// Package link is the way between Go and the Python workers of one generation: a queue in shared memory.
//
// Requests lie in slots; a ring lists the slots that wait. Every worker thread (lane) claims from the same ring with
// a compare-and-swap on the slot's state word, whose upper half is the ring position, so that a claim made on a
// stale reading of the ring fails, and any lane (or Go) may advance the ring's head past a claimed entry: a lane
// that dies at any step blocks nobody. Answers come back as event bits, one a slot, set by the worker and fetched
// by Go word by word; bits have no order and no holes, so a worker that dies half-way leaves nothing to repair.
// A peer is woken only after it has announced that it sleeps (performance: a wake costs more than a request).
//
// Bodies travel through a window per slot and direction: a byte ring with one producer and one consumer. A request body that
// lies in memory which workers map anyway (Spool.Shared) is only named.
//
// What the package never does: it starts no process, opens no socket, knows no HTTP. It treats the memory as hostile:
// every number that a worker wrote is read once and checked; nonsense is reported through Options.Hostile. What Go can
// know by itself it never reads there: where a request waits, which lane has it, how old it is, how much of an answer was
// taken, the ring and the header page (decision 0029). So the memory can end a request too early, and never keep it.
//
// Goroutines: the event reader and the scanner, both started by Start and stopped by Shutdown; a short-lived one per
// refill of a request window. Locks: ring.submit (the tail), Queue.freeMu (slot stack), slot.mu, account.mu (a worker's),
// Keeper.mu (who holds it); all are leaves. Queue.lookMu keeps the memory mapped for those who only look, and is taken before
// them. None is held over a system call that blocks, a callback or a channel operation.
//
// The layout is defined in python/accel/layout.h; layout.go repeats it and a test compares the two.
package link
