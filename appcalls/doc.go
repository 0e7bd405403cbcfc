// Package appcalls answers what the application's Python code asks of penknife: `penknife.cache`, and what follows.
//
// A thread of a worker (or of the zygote, while it imports) opens a channel at its first call: a stream socket, one end
// of which comes here over the process's control socket. On it go one request and one answer at a time, each a head of
// 8 bytes and a payload (channel.go, python/accel/call.c). What is asked for is in operation.go, how payloads are
// written in wire.go and in the Python modules.
//
// Processes that are no workers come over the control socket (outside.go). They may outlive this process, and have no
// memory of ours: what workers do in shared cells they ask for (opCount).
//
// What the package owns: the channels, their number and their time limits. What it never does: it keeps no cache (that
// is Deps.Cache) and starts nothing before the first channel. All that comes over a channel is hostile input: sizes are
// checked before memory is taken, and a channel that talks nonsense is closed.
//
// Goroutines: one for each channel, ended by the channel's other end, by Caller.Leave when the process is gone, or by
// Service.Shutdown, which waits. Locks: Service.mu, a leaf.
package appcalls
