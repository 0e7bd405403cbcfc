// Package uwsgifront is the front end for the uwsgi protocol: it turns packets into gateway requests and gateway
// responses into the plain HTTP text that nginx, Apache and lighttpd expect back. It owns its connections, the limits
// and timeouts on what comes in, and the framing of what goes out. It never calls the application, chooses no status
// beyond gateway's table, never sends chunks, and serves one request per connection, as every web server asks for.
//
// A web server opens a connection for each request, so what a connection costs decides the speed. The usual request
// therefore takes a fast path without goroutine, poller, timer or allocation: the accept loop takes the connection,
// reads the whole packet with one call, and hands the request to the engine; whichever goroutine of the engine has
// the answer writes it with one call and closes. All of that is non-blocking. Whatever does not fit that pattern (a
// part of the packet is missing, a body that is long, an answer that streams, a client that reads slowly, every
// refusal) goes on in a goroutine of its own that waits in the Go poller.
//
// Goroutines: Serve's caller, one per listener; one for each connection off the fast path, which ends with its
// connection. Shutdown waits for all of them. The engine's goroutines run conn.answer.
//
// Locks, all leaves: registry.mu (which connections there are); conn.mu (the descriptor's life, so that Shutdown never
// touches a number that was given to somebody else).
package uwsgifront
