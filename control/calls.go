package control

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// CallsPath and CallsProtocol are what a process asks for, by an upgrade as of RFC 9110 section 7.8, that wants to call
// penknife from outside of its workers (python/penknife/outside.py). The number grows when the channel changes.
const (
	CallsPath     = "/calls"
	CallsProtocol = "penknife-calls/1"
)

// switchTimeout bounds the sending of the answer that ends HTTP on a connection.
const switchTimeout = 10 * time.Second

// takeCalls makes a connection a channel of calls and gives it away. Whoever comes here was let in by guard.
func (s *Server) takeCalls(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != CallsProtocol {
		w.Header().Set("Upgrade", CallsProtocol)
		http.Error(w, fmt.Sprintf("this penknife speaks %s: start the process anew, by the penknife that runs now", CallsProtocol),
			http.StatusUpgradeRequired)
		return
	}
	peer, _ := r.Context().Value(peerKey{}).(Credentials)
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "this connection cannot be switched", http.StatusInternalServerError)
		return
	}
	channel, ok := conn.(*net.UnixConn)
	if !ok || buffered.Reader.Buffered() > 0 { // nobody calls before it is answered
		_ = conn.Close()
		return
	}
	_ = channel.SetDeadline(time.Now().Add(switchTimeout))
	_, err = fmt.Fprintf(channel, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", CallsProtocol)
	_ = channel.SetDeadline(time.Time{})
	if err != nil {
		_ = channel.Close()
		return
	}
	s.deps.Calls(channel, peer)
}
