package control

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestOrdersAreWhole: an order with a fault has no effect, and one without has.
func TestOrdersAreWhole(t *testing.T) {
	const scale = "POST /scale HTTP/1.1\r\nHost: x\r\nContent-Length: "
	for name, test := range map[string]struct {
		said   string
		status int
		did    string
	}{
		"reload":                {"POST /reload HTTP/1.1\r\nHost: x\r\n\r\n", 200, "reload"},
		"reload, body":          {"POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 400, ""},
		"reload, cut":           {"POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nx", 400, ""},
		"reload, parameter":     {"POST /reload?force=true HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
		"upgrade, chunks cut":   {"POST /upgrade HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 400, ""},
		"upgrade, no chunks":    {"POST /upgrade HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "upgrade"},
		"stop":                  {"POST /stop?fast=false HTTP/1.1\r\nHost: x\r\n\r\n", 202, "stop false"},
		"stop, fast":            {"POST /stop?fast=true HTTP/1.1\r\nHost: x\r\n\r\n", 202, "stop true"},
		"stop, misspelt":        {"POST /stop?fats=true HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
		"stop, yes":             {"POST /stop?fast=yes HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
		"stop, twice":           {"POST /stop?fast=false&fast=true HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
		"stop, escape":          {"POST /stop?fast=true&%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
		"scale":                 {scale + "8\r\n\r\n{\"to\":3}", 200, "scale {To:3 By:0 Auto:false}"},
		"scale, cut":            {scale + "9\r\n\r\n{\"to\":3}", 400, ""},
		"scale, tail":           {scale + "9\r\n\r\n{\"to\":3}x", 400, ""},
		"scale, null":           {scale + "4\r\n\r\nnull", 400, ""},
		"scale, nothing":        {scale + "2\r\n\r\n{}", 400, ""},
		"scale, two":            {scale + "15\r\n\r\n{\"to\":3,\"by\":1}", 400, ""},
		"scale, unknown":        {scale + "13\r\n\r\n{\"to\":3,\"a\":1}", 400, ""},
		"scale, parameter":      {strings.Replace(scale, "scale", "scale?to=3", 1) + "8\r\n\r\n{\"to\":3}", 400, ""},
		"scale, long":           {scale + "5000\r\n\r\n" + strings.Repeat(" ", 5000), 400, ""},
		"purge":                 {"POST /cache/purge?tag=a HTTP/1.1\r\nHost: x\r\n\r\n", 200, "purge {URL: Prefix: Tag:a All:false}"},
		"purge, half a request": {"POST /cache/purge?all=true HTTP/1.1\r\nHost: x\r\n", 400, ""},
		"purge, unknown":        {"POST /cache/purge?all=true&only=b HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			done := &deeds{}
			client, close := serveDeeds(t, done)
			defer close()
			if _, err := client.Write([]byte(test.said)); err != nil {
				t.Fatal(err)
			}
			_ = client.CloseWrite()
			status := 0
			if response, err := http.ReadResponse(bufio.NewReader(client), nil); err == nil {
				status = response.StatusCode
				_ = response.Body.Close()
			}
			if did := strings.Join(done.take(), ", "); status != test.status || did != test.did {
				t.Errorf("%d and %q, not %d and %q", status, did, test.status, test.did)
			}
		})
	}
}

// serveDeeds gives one connection to a server.
func serveDeeds(t *testing.T, done *deeds) (client *net.UnixConn, end func()) {
	t.Helper()
	server := New(done.deps())
	server.peer = func(net.Conn) (Credentials, error) { return Credentials{UID: server.own()}, nil }
	listener := &handed{conns: make(chan net.Conn), closed: make(chan struct{})}
	server.Start(listener)
	client, theirs := pair(t)
	listener.conns <- theirs
	return client, func() {
		_ = client.Close()
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
