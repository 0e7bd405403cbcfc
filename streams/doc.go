// Package streams owns connected stream sockets and the calls on them. A socket here never blocks, so each call goes
// straight to the kernel, without telling Go's scheduler that the thread could be away for long. A Stream joins Go's poller
// only when it has to wait for the first time: a connection that brings one request and is closed after the answer costs an
// accept, a read, a write and a close. The package speaks no protocol and starts no goroutine. Stream.mu
// guards the descriptor until the poller does, and is a leaf.
package streams
