// Package chaos breaks a running penknife on purpose and checks what its clients see. It has tests only. `make chaos` runs
// all of it, `go test` a short form (fewer rounds, shorter pauses).
//
// A scenario is one test function. It has five pieces:
//
//	arena      the built binary with real workers, nginx before it, and what it held when it was at rest
//	load       clients over every way in, which check each byte of each answer (begin starts them)
//	ledger     what became of each request of the load
//	fault      what the test function does, once: to a worker from outside, or by a request to the application in apps/
//	criterion  numbers: which requests may fail and how, when service is back, which counters moved by how much
//
// arena.end stops the load, judges the ledger by the criterion, and makes the scan of testkit.Server.Aftermath.
//
// An answer is right if it names the request's own number, the length and digest of the body that the application read, and
// is followed by as many bytes of that request's own pattern (SHAKE128 of its number) as were asked for. So an answer that was
// swapped, cut, doubled or mixed is seen, whatever its status.
//
// The application notes in a journal which process began and ended which request. By that, "exactly the requests that a dead
// worker held" is a comparison of sets.
package chaos
