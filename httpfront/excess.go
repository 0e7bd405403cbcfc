package httpfront

import (
	"crypto/tls"
	"net"
	"time"

	"penknife/clients"
	"penknife/gateway"
)

// excess is a limit on connections: what it is called in the log and in metrics, and what the client gets.
type excess struct {
	reason, key string
	err         *gateway.Error
}

// The limits. They are shared and never changed.
var (
	overConnections = excess{clients.RefusedConnections, "limits.connections", &gateway.Error{
		Kind: gateway.KindOverloaded, Reason: "too many connections", Public: true, RetryAfter: time.Second,
	}}
	overSeats = excess{clients.RefusedClientConnections, "limits.client_connections", &gateway.Error{
		Kind: gateway.KindTooManyRequests, Reason: "too many connections from your address", Public: true, RetryAfter: time.Second,
	}}
)

// sit counts the connection for its client's address. It gives false when that has as many as it may. Proxies that are
// trusted, and peers on a unix socket, have many clients and are not counted.
func (c *conn) sit() (ok bool) {
	if c.peer.trusted {
		return true
	}
	c.seat, ok = c.srv.seats.Take(c.peer.addr)
	return ok
}

// noteExcess counts and logs a connection over a limit.
func (s *Server) noteExcess(nc net.Conn, over *excess, client string) {
	s.counter.ConnectionRefused(over.reason)
	s.door.throttle.Warn(s.log, "connection refused", "reason", over.key, "client", client, "listen", nc.LocalAddr().String())
}

// tellExcess answers a connection over a limit, whose request nobody has read, and tells the observer. It takes
// refusalTime at most; the caller closes.
func (s *Server) tellExcess(nc net.Conn, over *excess, client string) {
	began := time.Now()
	nc.SetDeadline(began.Add(refusalTime))
	if s.tls != nil {
		nc = tls.Server(nc, s.tls()) // the first write shakes hands
	}
	page, _ := gateway.PageFor(over.err)
	page.Close = true
	number := s.nextID()
	id := s.ids.Append(nil, number)
	head := s.appendPage(nil, page, "Connection: close\r\n", id)
	_, err := nc.Write(append(head, page.Text...))
	if s.observer != nil {
		r := gateway.Request{
			ID: number, RequestID: id, Front: gateway.FrontHTTP, Start: began, Method: unknownMethod, RemoteAddr: []byte(client),
		}
		s.observer.RequestDone(&r, gateway.Outcome{Status: page.Status, Head: head, Total: time.Since(began), Err: over.err})
	}
	if err == nil {
		lingerOn(nc, refusalTime)
	}
}
