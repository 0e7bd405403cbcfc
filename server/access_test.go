package server

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
	"penknife/sockets"
)

// TestReloadTakesOverWhoMayConnect: for the listeners that are there, and no other key of theirs.
func TestReloadTakesOverWhoMayConnect(t *testing.T) {
	b := newBench(t, nil).start().open()
	own := netip.MustParseAddr("127.0.0.1")
	b.fresh = func() (*configs.Loaded, error) {
		return b.other(func(c *configs.Config) {
			c.Uwsgi = slices.Clone(c.Uwsgi)
			c.Uwsgi[0].DenyFrom = []string{"127.0.0.1"}
		}), nil
	}
	b.engine.reloadErr <- nil
	result, err := b.client().Reload(t.Context())
	if err != nil || result.Failure != nil || len(result.NeedsRestart) != 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	if access := b.front(t).access.Load(); access == nil || access.Admits(own) {
		t.Error("the front end was not told")
	}
	b.fresh = func() (*configs.Loaded, error) {
		return b.other(func(c *configs.Config) {
			c.Uwsgi = slices.Clone(c.Uwsgi)
			c.Uwsgi[0].Mode = 0o666
		}), nil
	}
	b.engine.reloadErr <- nil
	result, err = b.client().Reload(t.Context())
	if err != nil || strings.Join(result.NeedsRestart, " ") != "uwsgi" {
		t.Fatalf("%+v, %v", result, err)
	}
	if access := b.front(t).access.Load(); !access.Admits(own) {
		t.Error("the list is still there")
	}
	b.stop()
}

// TestReloadTakesOverWhoMayAsk: lists of paths and limits of clients, on and off again.
func TestReloadTakesOverWhoMayAsk(t *testing.T) {
	b := newBench(t, nil).start().open()
	ask := func() error {
		_, err := b.server.handler.Serve(&gateway.Request{ID: 1, Path: []byte("/admin/x"), RemoteAddr: []byte("203.0.113.9"), Front: gateway.FrontHTTP})
		return err
	}
	reload := func(change func(*configs.Config)) {
		b.fresh = func() (*configs.Loaded, error) { return b.other(change), nil }
		b.engine.reloadErr <- nil
		if result, err := b.client().Reload(t.Context()); err != nil || result.Failure != nil || len(result.NeedsRestart) != 0 {
			t.Fatalf("%+v, %v", result, err)
		}
	}
	if b.server.guards.rates.On() {
		t.Error("there is a rate from the beginning")
	}
	reload(func(c *configs.Config) { c.Access = []configs.Access{{Path: "/admin", Allow: []string{"10.0.0.0/8"}}} })
	if err := ask(); gateway.KindOf(err) != gateway.KindForbidden {
		t.Errorf("the list does not hold: %v", err)
	}
	reload(func(c *configs.Config) {
		c.Limits.ClientRate, c.Limits.ClientBurst, c.Limits.ClientConnections = 1, 1, 1
	})
	stranger := netip.MustParseAddr("203.0.113.9")
	b.server.guards.rates.Take(stranger, time.Now())
	if err := ask(); gateway.KindOf(err) != gateway.KindTooManyRequests {
		t.Errorf("the rate does not hold: %v", err)
	}
	if _, ok := b.server.guards.seats.Take(stranger); !ok {
		t.Error("the first connection is refused")
	}
	if _, ok := b.server.guards.seats.Take(stranger); ok {
		t.Error("the second connection is not refused")
	}
	reload(func(*configs.Config) {})
	if b.server.guards.rates.On() {
		t.Error("the rate is still there")
	}
	b.stop()
}

func TestMergeAccess(t *testing.T) {
	start := configs.Config{HTTP: []configs.HTTP{{Listen: ":1"}, {Listen: ":2"}}, Uwsgi: []configs.Uwsgi{{Listen: ":3", AllowFrom: []string{"::1"}}}}
	fresh := configs.Config{
		HTTP:  []configs.HTTP{{Listen: ":1", AllowFrom: []string{"::2"}, Mode: 1}, {Listen: ":4", AllowFrom: []string{"::3"}}, {Listen: ":5"}},
		Uwsgi: []configs.Uwsgi{{Listen: ":3", DenyFrom: []string{"::4"}}},
	}
	merged := start
	mergeAccess(&merged, fresh)
	want := configs.Config{
		HTTP:  []configs.HTTP{{Listen: ":1", AllowFrom: []string{"::2"}}, {Listen: ":2"}},
		Uwsgi: []configs.Uwsgi{{Listen: ":3", DenyFrom: []string{"::4"}}},
	}
	if !reflect.DeepEqual(merged, want) || start.HTTP[0].AllowFrom != nil {
		t.Errorf("%+v", merged)
	}
}

// TestPassedSocketsThatDoNotSuit: what the loader cannot know of a socket that others open is judged when it is there.
func TestPassedSocketsThatDoNotSuit(t *testing.T) {
	unix, public, loopback := address(t, "unix:/run/a"), address(t, "0.0.0.0:80"), address(t, "127.0.0.1:80")
	list := []string{"10.0.0.1"}
	for _, row := range []struct {
		suits func(sockets.Addr) error
		addr  sockets.Addr
		want  error
	}{
		{suitsHTTP(configs.HTTP{}), unix, nil},
		{suitsHTTP(configs.HTTP{AllowFrom: list}), unix, errNoAddress},
		{suitsHTTP(configs.HTTP{DenyFrom: list}), unix, errNoAddress},
		{suitsHTTP(configs.HTTP{DenyFrom: list, ProxyProtocol: true}), unix, nil},
		{suitsHTTP(configs.HTTP{ProxyProtocol: true}), loopback, errNoSenders},
		{suitsHTTP(configs.HTTP{ProxyProtocol: true, ProxyProtocolFrom: list}), public, nil},
		{suitsUwsgi(configs.Uwsgi{}), public, errPublic},
		{suitsUwsgi(configs.Uwsgi{DenyFrom: list}), public, errPublic},
		{suitsUwsgi(configs.Uwsgi{AllowFrom: list}), public, nil},
		{suitsUwsgi(configs.Uwsgi{}), loopback, nil},
		{suitsUwsgi(configs.Uwsgi{AllowFrom: list}), unix, errNoAddress},
	} {
		if err := row.suits(row.addr); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.addr, err, row.want)
		}
	}
}

func address(t *testing.T, text string) sockets.Addr {
	t.Helper()
	addr, err := sockets.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
