package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// deeds is what was done for whoever wrote to the socket.
type deeds struct {
	mu   sync.Mutex
	list []string
}

func (d *deeds) did(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, fmt.Sprintf(format, args...))
}

func (d *deeds) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.list
	d.list = nil
	return list
}

// Purge and CacheStats are those of CacheControl.
func (d *deeds) Purge(q Purge) (int, error) { d.did("purge %+v", q); return 1, nil }
func (d *deeds) CacheStats(int) CacheStats  { return CacheStats{} }

func (d *deeds) deps() Deps {
	return Deps{
		Status:     func() Status { return Status{} },
		Report:     func() Report { return Report{} },
		Reload:     func(context.Context) Reloaded { d.did("reload"); return Reloaded{} },
		Scale:      func(_ context.Context, order ScaleOrder) Scaled { d.did("scale %+v", order); return Scaled{} },
		ReopenLogs: func(context.Context) error { d.did("reopen"); return nil },
		Upgrade:    func(context.Context) Upgraded { d.did("upgrade"); return Upgraded{} },
		Stop:       func(fast bool) { d.did("stop %v", fast) },
		Cache:      d,
		Calls:      func(conn *net.UnixConn, _ Credentials) { _ = conn.Close() },
		Log:        slog.New(slog.DiscardHandler),
	}
}

// handed is a listener whose connections are handed in.
type handed struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error   { h.once.Do(func() { close(h.closed) }); return nil }
func (h *handed) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

// pair is two ends of a connection, as of a client that has connected.
func pair(tb testing.TB) (client, server *net.UnixConn) {
	tb.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	ends := [2]*net.UnixConn{}
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		conn, err := net.FileConn(file)
		if err = errors.Join(err, file.Close()); err != nil {
			tb.Fatal(err)
		}
		ends[i] = conn.(*net.UnixConn)
	}
	return ends[0], ends[1]
}

// FuzzSocket: whatever is written to the control socket, there is an answer to it or the connection is closed, nothing panics or
// hangs, and only an order that is whole and says what it means has an effect.
func FuzzSocket(f *testing.F) {
	for _, seed := range []string{
		"POST /reload HTTP/1.1\r\nHost: penknife\r\n\r\n", "GET /status HTTP/1.1\r\nHost: x\r\n\r\nGET /report HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /scale HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n{\"to\":3}", "POST /scale HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"to\":3}",
		"POST /scale HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{\"to\":3}]]", "POST /scale HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnull",
		"POST /scale HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"to\":3}\r\n0\r\n\r\n", "POST /scale HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"to\":3}\r\n",
		"POST /scale HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{\"to\":3,\"workers\":4}", "POST /scale HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{\"to\":3,\"by\":1}",
		"POST /stop?fast=true HTTP/1.1\r\nHost: x\r\n\r\n", "POST /stop?fast=yes HTTP/1.1\r\nHost: x\r\n\r\n", "POST /stop?fst=true&%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n", "POST /cache/purge?tag=a HTTP/1.1\r\nHost: x\r\n\r\n", "POST /cache/purge?tag=a&url=http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /cache/purge?all=true;tag=b HTTP/1.1\r\nHost: x\r\n\r\n", "GET /cache/stats?top=5 HTTP/1.0\r\n\r\n", "POST /reopen-logs HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
		"POST /upgrade HTTP/1.1\nHost: x\n\n", "GET /calls HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: penknife-calls/1\r\n\r\n",
		"GET /calls HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: penknife-calls/1\r\n\r\nx", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x00\x05", "POST /%72eload HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST http://a/reload HTTP/1.1\r\nHost: b\r\n\r\n", "POST //reload HTTP/1.1\r\nHost: b\r\n\r\n", "CONNECT /reload HTTP/1.1\r\nHost: b\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	done := &deeds{}
	server := New(done.deps())
	server.peer = func(net.Conn) (Credentials, error) { return Credentials{UID: server.own()}, nil }
	listener := &handed{conns: make(chan net.Conn), closed: make(chan struct{})}
	server.Start(listener)
	f.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, said []byte) {
		if len(said) > 1<<16 {
			return
		}
		done.take()
		client, theirs := pair(t)
		defer func() { _ = client.Close() }()
		_ = client.SetDeadline(time.Now().Add(headerTimeout / 2))
		listener.conns <- theirs
		go func() { // ends with the connection
			_, _ = client.Write(said)
			_ = client.CloseWrite()
		}()
		answers, err := io.ReadAll(client)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%q: no end after %q", said, answers)
		}
		checkAnswers(t, said, answers)
		if got, said := done.take(), ordersIn(said); !within(got, said) {
			t.Fatalf("did %q, was told %q, answered %q", got, said, answers)
		}
	})
}

// checkAnswers reads them to their end, as a client does.
func checkAnswers(t *testing.T, said, answers []byte) {
	t.Helper()
	reader := bufio.NewReader(bytes.NewReader(answers))
	for {
		if _, err := reader.Peek(1); err != nil {
			return
		}
		if bytes.Contains(said, []byte("HEAD ")) {
			return // some of them have no body
		}
		response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodGet})
		if err != nil {
			t.Fatalf("%q: the answer %q: %v", said, answers, err)
		}
		if response.StatusCode == http.StatusSwitchingProtocols {
			return
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatalf("%q: the answer %q: %v", said, answers, err)
		}
	}
}

// ordersIn is what a connection asks for, by requests that are whole up to the first one that is not. Its reading of heads
// is net/http's, as is the server's; what they mean is said here a second time.
func ordersIn(said []byte) (orders []string) {
	reader := bufio.NewReader(bytes.NewReader(said))
	for {
		r, err := http.ReadRequest(reader)
		if err != nil {
			return orders
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return orders
		}
		if order := orderOf(r, string(body)); order != "" && r.Method == http.MethodPost {
			orders = append(orders, order)
		}
	}
}

func orderOf(r *http.Request, body string) string {
	plain := map[string]string{"/reload": "reload", "/reopen-logs": "reopen", "/upgrade": "upgrade", "/stop": "stop false",
		"/stop?fast=true": "stop true", "/stop?fast=false": "stop false"}
	_, query, _ := strings.Cut(r.RequestURI, "?")
	values, err := url.ParseQuery(query)
	switch {
	case err != nil:
		return ""
	case r.URL.Path == "/scale" && len(values) == 0:
		return scaleIn(body)
	case r.URL.Path == "/cache/purge" && body == "":
		return purgeIn(values)
	case body != "":
		return ""
	case r.URL.Path == "/stop" && len(values) == 1 && len(values["fast"]) == 1:
		return plain["/stop?fast="+values["fast"][0]]
	case len(values) == 0:
		return plain[r.URL.Path]
	}
	return ""
}

// scaleIn reads an order by the names in it, however they are written (encoding/json).
func scaleIn(body string) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &fields) != nil {
		return ""
	}
	for name := range fields {
		if !slices.ContainsFunc([]string{"to", "by", "auto"}, func(known string) bool { return strings.EqualFold(name, known) }) {
			return ""
		}
	}
	var order ScaleOrder
	if json.Unmarshal([]byte(body), &order) != nil {
		return ""
	}
	switch order {
	case ScaleOrder{To: order.To}, ScaleOrder{By: order.By}, ScaleOrder{Auto: true}:
		if order != (ScaleOrder{}) {
			return fmt.Sprintf("scale %+v", order)
		}
	}
	return ""
}

func purgeIn(values url.Values) string {
	var q Purge
	said := 0
	for name, given := range values {
		field := map[string]*string{"url": &q.URL, "prefix": &q.Prefix, "tag": &q.Tag}[name]
		switch {
		case len(given) != 1 || field == nil && (name != "all" || given[0] != "true" && given[0] != "false"):
			return ""
		case field != nil:
			*field = given[0]
		default:
			q.All = given[0] == "true"
		}
		if given[0] != "" && given[0] != "false" || field != nil && given[0] != "" {
			said++
		}
	}
	if said != 1 {
		return ""
	}
	return fmt.Sprintf("purge %+v", q)
}

// within says whether list is left when some of all are left out.
func within(list, all []string) bool {
	for _, one := range list {
		at := slices.Index(all, one)
		if at < 0 {
			return false
		}
		all = all[at+1:]
	}
	return true
}
