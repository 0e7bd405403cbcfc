package control

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw sends a request and gives the answer and its connection.
func (f *fixture) raw(t *testing.T, request string) (*http.Response, net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	return response, conn, reader
}

func callsRequest(protocol string) string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: penknife\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", CallsPath, protocol)
}

// echoing makes a server whose calls are answered with what was sent and by whom.
func echoing(t *testing.T, change func(*Server)) *fixture {
	return newFixture(t, func(s *Server) {
		deps := s.deps
		deps.Calls = func(conn *net.UnixConn, peer Credentials) {
			go func() { // ends with the line
				line, _ := bufio.NewReader(conn).ReadString('\n')
				fmt.Fprintf(conn, "%t %s", peer.PID > 0, line)
				_ = conn.Close()
			}()
		}
		made := New(deps)
		s.deps, s.http.Handler, s.http.ConnContext = deps, made.http.Handler, made.http.ConnContext
		if change != nil {
			change(made)
		}
	})
}

func TestCallsSwitchTheConnection(t *testing.T) {
	f := echoing(t, nil)
	response, conn, reader := f.raw(t, callsRequest(CallsProtocol))
	if response.StatusCode != 101 || response.Header.Get("Upgrade") != CallsProtocol || response.Header.Get("Connection") != "Upgrade" {
		t.Fatalf("%+v", response)
	}
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(reader); err != nil || string(got) != "true hello\n" {
		t.Errorf("%q %v", got, err)
	}
}

func TestCallsThatAreRefused(t *testing.T) {
	f := echoing(t, nil)
	response, _, _ := f.raw(t, callsRequest("penknife-calls/99"))
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != 426 || response.Header.Get("Upgrade") != CallsProtocol || !strings.Contains(string(text), "start the process anew") {
		t.Errorf("another protocol: %+v %s", response, text)
	}
	stranger := echoing(t, func(s *Server) {
		s.peer = func(net.Conn) (Credentials, error) { return Credentials{PID: 5, UID: 4321}, nil }
	})
	if response, _, _ := stranger.raw(t, callsRequest(CallsProtocol)); response.StatusCode != 403 {
		t.Errorf("a stranger: %d", response.StatusCode)
	}
	if response, _, _ := newFixture(t, nil).raw(t, callsRequest(CallsProtocol)); response.StatusCode != 404 {
		t.Errorf("a server without calls: %d", response.StatusCode)
	}
}
