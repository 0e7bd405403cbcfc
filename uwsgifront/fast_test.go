package uwsgifront

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"penknife/configs"
	"penknife/gateway"
	"penknife/requestids"
	"penknife/uwsgiproto"
)

// pairServer makes a Server without listener and an acceptor that takes connections from socketpairs.
func pairServer(tb testing.TB, handler gateway.Handler) *acceptor {
	tb.Helper()
	var id uint64
	s, err := New(configs.Uwsgi{}, testLimits(), Deps{Handler: handler, NextID: func() uint64 { id++; return id }})
	if err != nil {
		tb.Fatal(err)
	}
	return &acceptor{srv: s, isUnix: true, ln: pipeListener{}}
}

// pair makes a connected pair of unix sockets; the second is the server's.
func pair(tb testing.TB) (peer, served int) {
	tb.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	return fds[0], fds[1]
}

// onePiece is an answer as the engine gives it.
func onePiece() *gateway.Response {
	return whole(200, "Content-Type: text/plain\r\nX-Served-By: test\r\n", "Hello World!")
}

// TestFastPathStaysFast: a request that is there at once costs no goroutine, in any way of answering.
func TestFastPathStaysFast(t *testing.T) {
	for name, m := range modes {
		a := pairServer(t, inMode(m, func(r *gateway.Request) (*gateway.Response, error) {
			if r.Body == nil {
				return onePiece(), nil
			}
			body, err := io.ReadAll(r.Body)
			return whole(200, "", string(body)), err
		}))
		for _, send := range []string{get(), get("CONTENT_LENGTH=5") + "abcde"} {
			peer, served := pair(t)
			if _, err := unix.Write(peer, []byte(send)); err != nil {
				t.Fatal(err)
			}
			a.take(served)
			got := readAll(t, peer)
			if !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
				t.Errorf("%s: %q", name, got)
			}
		}
		a.srv.conns.stop()
		<-a.srv.conns.empty
		if slow := a.srv.slow.Load(); slow != 0 || len(a.late) != 0 {
			t.Errorf("%s: %d of 2 requests left the fast path, %d were late", name, slow, len(a.late))
		}
	}
}

// readAll waits for the end of a raw non-blocking socket and closes it.
func readAll(tb testing.TB, fd int) string {
	tb.Helper()
	defer unix.Close(fd)
	var all []byte
	block := make([]byte, 4096)
	for {
		n, err := unix.Read(fd, block)
		switch {
		case errors.Is(err, unix.EAGAIN):
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience.Milliseconds())); err != nil {
				tb.Fatal(err)
			}
		case err != nil:
			tb.Fatal(err)
		case n == 0:
			return string(all)
		default:
			all = append(all, block[:n]...)
		}
	}
}

// TestLateDataIsLookedAtAgain: nothing to read at first, all there at the second look.
func TestLateDataIsLookedAtAgain(t *testing.T) {
	a := pairServer(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return onePiece(), nil }))
	peer, served := pair(t)
	a.take(served)
	if len(a.late) != 1 {
		t.Fatalf("%d late", len(a.late))
	}
	if _, err := unix.Write(peer, []byte(get())); err != nil {
		t.Fatal(err)
	}
	a.lookAgain()
	if got := readAll(t, peer); !strings.HasSuffix(got, "Hello World!") || a.srv.slow.Load() != 0 {
		t.Errorf("%q, %d slow", got, a.srv.slow.Load())
	}
}

// BenchmarkFastPath is one request from accept to close, without the accept.
func BenchmarkFastPath(b *testing.B) {
	answer := onePiece()
	a := pairServer(b, gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
		r.Later(answer, nil)
		return nil, gateway.ErrPending
	}))
	send := []byte(nginxLike())
	block := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		peer, served := pair(b)
		unix.Write(peer, send)
		a.take(served)
		if n, err := unix.Read(peer, block); n == 0 || err != nil {
			b.Fatal(n, err)
		}
		unix.Close(peer)
	}
}

// nginxLike is a packet of the size that nginx sends for a browser.
func nginxLike() string {
	return packet("QUERY_STRING=", "REQUEST_METHOD=GET", "CONTENT_TYPE=", "CONTENT_LENGTH=", "REQUEST_URI=/", "PATH_INFO=/",
		"DOCUMENT_ROOT=/usr/share/nginx/html", "SERVER_PROTOCOL=HTTP/1.1", "REQUEST_SCHEME=http", "REMOTE_ADDR=127.0.0.1",
		"REMOTE_PORT=50000", "SERVER_PORT=8080", "SERVER_NAME=localhost", "HTTP_HOST=localhost", "HTTP_USER_AGENT=wrk")
}

func BenchmarkParse(b *testing.B) {
	for name, ids := range map[string]*requestids.Source{"plain": nil, "identified": requestids.New("X-Request-ID", false)} {
		b.Run(name, func(b *testing.B) {
			a := pairServer(b, nil)
			a.srv.ids = ids
			c := newConn(a.srv)
			c.have = copy(c.buf, nginxLike())
			b.ReportAllocs()
			for b.Loop() {
				if r := c.parse(c.buf[uwsgiproto.HeaderSize:c.have], nil); r != nil {
					b.Fatal(r)
				}
			}
		})
	}
}

// BenchmarkListener is whole requests over a unix socket, connect and close included, with two clients at a time.
func BenchmarkListener(b *testing.B) {
	for _, listen := range networks(b) {
		b.Run(strings.SplitN(listen, ":", 2)[0], func(b *testing.B) {
			answer := onePiece()
			f := start(b, listen, testLimits(), gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
				if r.Later == nil {
					return answer, nil
				}
				r.Later(answer, nil)
				return nil, gateway.ErrPending
			}))
			send := []byte(nginxLike())
			b.ReportAllocs()
			var clients sync.WaitGroup
			for range 2 {
				clients.Go(func() { // ends after its share
					for range b.N / 2 {
						conn, err := net.Dial(f.addr.Network, f.addr.Address)
						if err != nil {
							b.Error(err)
							return
						}
						conn.Write(send)
						io.Copy(io.Discard, conn)
						conn.Close()
					}
				})
			}
			clients.Wait()
			b.ReportMetric(float64(f.slow.Load())/float64(b.N), "slow/op")
		})
	}
}
