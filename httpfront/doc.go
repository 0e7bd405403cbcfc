// Package httpfront is the HTTP/1.1 front end: it turns requests on TCP and unix listeners into gateway.Request and
// the answers back into bytes. It owns its connections from accept to close; it never knows which engine answered,
// never parses a body's content and never opens a listener.
//
// fasthttp serves each connection: its loop asks conn.Read for a head, calls our handler and comes back until the
// connection ends. It is lenient in places where RFC 9112 is not, so no byte of a client reaches its parser: conn.Read
// judges the head (parseHead) and gives it a constant one. Request bodies never pass through it (body.go reads them from
// the connection), and neither do answers (respond.go writes them): fasthttp's header map cannot keep the
// application's field order and Date, nor delimit a body by closing, and its body streams do not tell a truncated
// chunked body from a complete one. docs/decisions/0002-fasthttp-version.md has the reasons.
//
// Choices that an application can see:
//   - SERVER_NAME and SERVER_PORT are the local address of the connection, never the Host field: "localhost" and
//     the scheme's port on a unix socket. The host that the client asked for is HTTP_HOST; for an absolute-form
//     target that is the target's host.
//   - Field names with anything but letters, digits and "-" are dropped, as nginx does: X_A and X-A are one CGI name.
//   - X-Forwarded-*, Forwarded and the like (proxynames.go) are dropped unless the peer is in trusted_proxies or on a
//     unix socket. From such a peer REMOTE_ADDR is the right-most address of X-Forwarded-For that is not itself trusted;
//     REQUEST_SCHEME (with HTTPS=on), HTTP_HOST and SERVER_PORT follow the right-most X-Forwarded-Proto, -Host and
//     -Port. The fields stay visible; Forwarded is read only without them (rfc7239.go).
//   - HTTP/1.2 and above are read, and called, HTTP/1.1. Hosts with escapes, empty labels or ports above 65535 are refused.
//   - An escape in the path that is not %XX is refused, as nginx and Apache do; "//" and ".." stay as they came.
//
// The end comes in phases (server.go): Part lets answers end their connections, Release lets another process accept and
// leaves connections their last request, Shutdown closes who waits.
//
// Goroutines: one per connection (admit), which ends with it; Serve runs in its caller's; a short-lived one per
// connection over the limit (refuseConnection). Shutdown waits for all of them.
//
// Locks, both leaves: registry.mu guards the set of connections, handshakeLog.mu what was said about failed handshakes.
package httpfront
