package httpfront

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
	"penknife/requestids"
)

// loopConn is a connection in memory whose client sends the same request again and again.
type loopConn struct {
	net.Conn // nil: nothing else is called
	request  string
	left     int
	answered int
}

func (l *loopConn) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	l.left--
	return copy(p, l.request), nil
}

func (l *loopConn) Write(p []byte) (int, error) {
	l.answered++
	return len(p), nil
}

func (l *loopConn) Close() error                     { return nil }
func (l *loopConn) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
func (l *loopConn) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4000} }
func (l *loopConn) SetDeadline(time.Time) error      { return nil }
func (l *loopConn) SetReadDeadline(time.Time) error  { return nil }
func (l *loopConn) SetWriteDeadline(time.Time) error { return nil }

// browserRequest is what a browser sends.
var browserRequest = strings.ReplaceAll(`GET /account/orders?page=2&sort=date HTTP/1.1
Host: shop.example.org
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8
Accept-Language: en-US,en;q=0.5
Accept-Encoding: gzip, deflate, br
Referer: https://shop.example.org/account
Connection: keep-alive
Cookie: sessionid=abcdefghijklmnopqrstuvwxyz; csrftoken=0123456789abcdef
Upgrade-Insecure-Requests: 1
Sec-Fetch-Dest: document

`, "\n", "\r\n")

type inertBody struct{}

func (inertBody) Read([]byte) (int, error) { return 0, io.EOF }
func (inertBody) CloseWithError(error)     {}

// hello is a handler that costs nothing.
func hello() gateway.Handler {
	resp := &gateway.Response{Status: 200, Reason: []byte("OK"), Fields: []byte("Content-Type: text/plain\r\n"),
		Length: 13, Whole: []byte("Hello, world!"), Body: inertBody{}}
	return gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return resp, nil })
}

// serveLoop answers n requests on one connection.
func serveLoop(t testing.TB, s *Server, request string, n int) {
	l := &loopConn{request: request, left: n}
	c := newConn(s, l)
	s.open.Add(1)
	s.conns.add(c)
	s.serve(c)
	if l.answered != n {
		t.Fatalf("%d answers to %d requests", l.answered, n)
	}
}

func BenchmarkGet(b *testing.B) {
	for name, request := range map[string]string{"small": "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "browser": browserRequest} {
		for kind, ids := range map[string]*requestids.Source{"": nil, " identified": requestids.New("X-Request-ID", false)} {
			b.Run(name+kind, func(b *testing.B) {
				f := startFront(b, hello(), options{ids: ids})
				f.Server.observer = nil
				b.ReportAllocs()
				b.ResetTimer()
				serveLoop(b, f.Server, request, b.N)
			})
		}
	}
}

// BenchmarkHead is the check of a head by RFC 9112 and the limits, and writing its variables: without fasthttp,
// the connection and the handler.
func BenchmarkHead(b *testing.B) {
	limits := configs.Default().Limits
	p := newPeer(&loopConn{}, func(netip.Addr) bool { return false })
	for name, request := range map[string]string{"small": "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "browser": browserRequest} {
		b.Run(name, func(b *testing.B) {
			raw, vars := []byte(request), make([]byte, 0, 8<<10)
			var h head
			var req gateway.Request
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if bad := parseHead(raw, &limits, &h); bad != nil {
					b.Fatal(bad)
				}
				if _, bad := h.buildVars(vars, &p, &req); bad != nil {
					b.Fatal(bad)
				}
			}
		})
	}
}
