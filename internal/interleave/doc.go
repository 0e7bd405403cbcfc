// Package interleave runs concurrent code in every order that matters: it is the model checker of the shared-memory queue
// (docs/decisions, "every order of the queue"). It is for tests, and needs cgo.
//
// The code under test is the product's own. The Go files of workers/link are compiled with this package in place of sync
// and sync/atomic (package interleave/rewrite), the C files of python/accel with hooks at each access to memory (package
// interleave/native). Each thread is a coroutine that stops before every access to something that others see too: an
// atomic word, a lock, a channel, a futex, the eventfd. An Execution lets one of them go on at a time. An Explorer repeats
// the execution with other choices, until there is none left that could make a difference (dynamic partial order reduction
// with source sets and sleep sets, Abdulla et al., POPL 2014), or chooses at random.
//
// A process can die before each of its accesses. What is not atomic is compared with the order that atomic accesses have
// established, as a race detector does; together with the rule that the words of the protocol are accessed with sequential
// consistency only, that makes interleavings all that there is to explore: a program without data races has no other
// executions (C11, section 5.1.2.4; the Go memory model), on x86-64 and on arm64.
//
// Waits have no timeout, so that a wake-up which is lost is seen as what it is. Lanes look for no work before they announce that they
// sleep (decision 0035): such looks change nothing, and a lane may be as late with its announcement without them.
//
// Goroutines: the coroutines of iter.Pull, one for each Go thread of an execution, which end with the execution. Locks:
// none; one goroutine runs at a time. The execution that runs is a package variable, since sync.Mutex has no argument for it.
package interleave
