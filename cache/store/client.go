package store

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/redis/rueidis"
)

// connectTimeout bounds an attempt of the watcher, handshakes included. No caller waits for it.
const connectTimeout = time.Second

// watcherKey marks the contexts that may connect.
type watcherKey struct{}

// newClient makes the client of rueidis with one connection, so that answers and invalidations come in one order.
func (r *Remote) newClient() error {
	o, err := rueidis.ParseURL(r.options.URL)
	if err != nil {
		return fmt.Errorf("address of redis: %w", err)
	}
	u, err := url.Parse(r.options.URL)
	if err != nil {
		return fmt.Errorf("address of redis: %w", err)
	}
	r.address = u.Redacted()
	network := "tcp"
	if u.Scheme == "unix" {
		network = "unix"
	}
	o.ForceSingleClient = true
	o.PipelineMultiplex = -1
	o.DisableRetry = true // a caller's time is too short for it, and what failed is owed
	o.Dialer.Timeout = connectTimeout
	o.Dialer.KeepAlive = pingEvery
	o.ConnWriteTimeout = max(r.options.Timeout, connectTimeout)
	o.ReadBufferEachConn, o.WriteBufferEachConn = bufferSize, bufferSize
	o.ClientName = "penknife"
	o.DialCtxFn = func(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
		return r.dial(ctx, target{network, address, dialer, config})
	}
	o.OnInvalidations = r.invalidate
	// Redis tells us of every change below our prefixes, whoever made it, except by our own plain commands.
	o.ClientTrackingOptions = []string{"BCAST", "NOLOOP", "PREFIX", r.options.Prefix + ":"}
	client, err := rueidis.NewClient(o)
	if client == nil {
		return fmt.Errorf("client of redis: %w", err)
	}
	r.client = client // err is errNoDial
	return nil
}

const (
	// pingEvery is how long a silent connection is trusted.
	pingEvery  = 2 * time.Second
	bufferSize = 64 << 10
)

type target struct {
	network, address string
	dialer           *net.Dialer
	tls              *tls.Config
}

// dial connects for the watcher only: a caller never waits for a connection.
func (r *Remote) dial(ctx context.Context, to target) (net.Conn, error) {
	if ctx.Value(watcherKey{}) == nil {
		return nil, errNoDial
	}
	if to.tls != nil {
		return (&tls.Dialer{NetDialer: to.dialer, Config: to.tls}).DialContext(ctx, to.network, to.address)
	}
	return to.dialer.DialContext(ctx, to.network, to.address)
}
