package httpfront

import (
	"log/slog"
	"strings"
	"testing"

	"penknife/clients"
	"penknife/configs"
	"penknife/internal/testkit"
)

// TestClientConnections: an address has its number of connections, each that ends makes room, and the answer says why. Who
// is one of many behind a proxy, or comes by a unix socket, is not counted.
func TestClientConnections(t *testing.T) {
	trusting := configs.HTTP{TrustedProxies: []string{"127.0.0.1"}}
	for _, row := range []struct {
		name, network, header string
		cfg                   configs.HTTP
		limited               bool
	}{
		{name: "plain", limited: true},
		{name: "trusted", cfg: trusting},
		{name: "unix", network: "unix"},
		{name: "PROXY", cfg: loopbackSender(), header: proxyLine, limited: true},
		{name: "PROXY, unix", cfg: configs.HTTP{ProxyProtocol: true}, network: "unix", header: proxyV2, limited: true},
		{name: "PROXY, nobody", cfg: loopbackSender(), header: "PROXY UNKNOWN\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var logs testkit.Buffer
			f := startFront(t, ends(t), options{
				cfg: row.cfg, network: row.network, seats: clients.NewConnections(2), log: slog.New(slog.NewTextHandler(&logs, nil)),
			})
			get := func() (*client, string) {
				c := f.dial(t)
				c.send(row.header + proxyGet)
				status, body := c.response()
				if status != "200" && !strings.Contains(body, "too many connections from your address") {
					t.Errorf("%s %q", status, body)
				}
				return c, status
			}
			want := "200"
			if row.limited {
				want = "429"
			}
			first, _ := get()
			get()
			third, status := get()
			if status != want {
				t.Fatalf("the third got %s", status)
			}
			if !row.limited {
				return
			}
			third.ended()
			f.awaitReason(t, "client_connections")
			if !strings.Contains(logs.String(), `msg="connection refused" reason=limits.client_connections client=`) {
				t.Errorf("the log says\n%s", logs.String())
			}
			first.Conn.Close()
			waitFor(t, "room for the next", func() bool {
				c := f.dial(t)
				c.send(row.header + proxyGet)
				status, _ := c.response()
				c.Conn.Close()
				return status == "200"
			})
		})
	}
}

// TestProxiedClientsAreCountedApart: the limit is the client's, not the load balancer's.
func TestProxiedClientsAreCountedApart(t *testing.T) {
	f := startFront(t, ends(t), options{cfg: loopbackSender(), seats: clients.NewConnections(1)})
	for _, client := range []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"} {
		c := f.dial(t)
		c.send("PROXY TCP4 " + client + " 192.0.2.1 1 2\r\n" + proxyGet)
		if status, _ := c.response(); status != "200" {
			t.Errorf("%s: %s", client, status)
		}
	}
	if outcome := f.next(t); outcome.Err != nil {
		t.Error(outcome.Err)
	}
}
