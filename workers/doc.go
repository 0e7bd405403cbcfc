// Package workers runs the application: Python processes that a zygote forks, fed through the shared-memory queue of
// package link. It implements gateway.Handler.
//
// What it owns: the interpreter's processes (start, watch, replace, stop), their output, the spooling of request
// bodies. What it never does: it opens no listener, writes no response, reads no configuration file.
//
//	Manager      public face: start, serve, shut down, snapshot; one atomic pointer to the current generation
//	             (a reload swaps it: reload.go)
//	generation   zygote, workers and queue that belong together
//	supervisor   one goroutine that owns every worker's life; everything else sends it events
//	recycling    when a worker has done enough, and how it is replaced without a gap
//	overdue      requests that take too long: stacks, interruption, and giving the worker up (overdue.go)
//	suspension   workers and zygotes that a signal has stopped (suspend_linux.go)
//	launcher     what the supervisor may do to the world; tests give it a fake one
//	zygote, workerProcess, process   the real world: exec, descriptors, pidfds, wait
//
// Goroutines, all ended by Manager.Shutdown: the supervisor and its queue's (per generation); one
// that ends a generation which a reload has replaced; a reader of the control socket, a watcher of the pidfd and two
// output pumps (per process); one while a worker writes its stacks; the orphan reaper (one). All wait in the Go poller or in channels: an idle server wakes
// nobody.
//
// Locks, all leaves: Manager.mu (generations that end), mailbox.mu (events), stackDumps.mu (who waits for stacks), family.mu (who
// waits for which process), host.mu (the output pumps), tail.mu (a process's last lines), flow.mu (how much a process may still
// write), bodyArena.mu (free extents), oomWatch.mu. They are held for a few instructions, the last also while a file of the
// control group is read.
package workers
