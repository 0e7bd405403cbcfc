package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNobody is a socket on which no penknife answers.
var ErrNobody = errors.New("no penknife answers there")

// ErrForbidden is a socket that is there and may not be used: it is for root and the user that penknife runs as.
var ErrForbidden = errors.New("only root and the user that penknife runs as may use it")

// ErrStranger is a socket whose owner is neither root nor the user who asks.
var ErrStranger = errors.New("the socket belongs to another user")

// answerLimit bounds what is read of an answer.
const answerLimit = 16 << 20

// Client speaks to a running penknife. Each call makes a connection of its own.
type Client struct {
	path   string
	client http.Client
}

// NewClient makes a client for the socket at a path, or for an abstract one ("@name"). It connects to nobody yet.
func NewClient(path string) *Client {
	c := &Client{path: path}
	c.client.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
	}
	return c
}

// dial connects, and makes sure that nobody else pretends to be our penknife.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", c.path)
	if err != nil {
		return nil, connectError(err)
	}
	peer, err := PeerOf(conn)
	own := uint32(os.Geteuid())
	if err == nil && own != 0 && peer.UID != 0 && peer.UID != own {
		err = fmt.Errorf("%w (uid %d)", ErrStranger, peer.UID)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// connectError says what a failed connect means to whoever gave the order.
func connectError(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	return fmt.Errorf("%w: %w", ErrNobody, err)
}

// Status asks how it goes.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var status Status
	err := c.call(ctx, http.MethodGet, "/status", nil, &status)
	return status, err
}

// Report asks for the whole picture.
func (c *Client) Report(ctx context.Context) (Report, error) {
	var report Report
	err := c.call(ctx, http.MethodGet, "/report", nil, &report)
	return report, err
}

// Reload asks for new code and configuration, and blocks until they serve or were given up. A reload that changed
// nothing is no error here: see Reloaded.Failure.
func (c *Client) Reload(ctx context.Context) (Reloaded, error) {
	var reloaded Reloaded
	err := again(ctx, func() (*Failure, error) {
		reloaded = Reloaded{}
		err := c.call(ctx, http.MethodPost, "/reload", nil, &reloaded)
		return reloaded.Failure, err
	})
	return reloaded, err
}

// Scale asks for another number of workers, and blocks until they are ready. See Scaled.Failure.
func (c *Client) Scale(ctx context.Context, order ScaleOrder) (Scaled, error) {
	var scaled Scaled
	err := again(ctx, func() (*Failure, error) {
		scaled = Scaled{}
		err := c.call(ctx, http.MethodPost, "/scale", order, &scaled)
		return scaled.Failure, err
	})
	return scaled, err
}

// moves is how often a call is made again for a process that has handed over to another one.
const moves = 50

// again makes a call until it is not answered by a process that has a successor (FaultMoved): that is the one to ask.
func again(ctx context.Context, call func() (*Failure, error)) error {
	for try := 1; ; try++ {
		failure, err := call()
		if err != nil || failure == nil || failure.Fault != FaultMoved || try == moves {
			return err
		}
		select {
		case <-time.After(patience):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ReopenLogs asks that logs which are files go to new ones, and blocks until they do.
func (c *Client) ReopenLogs(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/reopen-logs", nil, &struct{}{})
}

// Upgrade asks penknife to start its program anew and to hand everything over, and blocks until the new process serves or
// was given up. An upgrade that changed nothing is no error here: see Upgraded.Failure.
func (c *Client) Upgrade(ctx context.Context) (Upgraded, error) {
	var upgraded Upgraded
	err := c.call(ctx, http.MethodPost, "/upgrade", nil, &upgraded)
	return upgraded, err
}

// Stop asks penknife to end, fast without waiting for requests, and blocks until its process is gone. When the
// process cannot be seen from here, in another pid namespace, it blocks until nobody answers any more.
func (c *Client) Stop(ctx context.Context, fast bool) error {
	pidfd := c.watch(ctx)
	if pidfd >= 0 {
		defer func() { _ = unix.Close(pidfd) }()
	}
	path := "/stop"
	if fast {
		path += "?fast=true"
	}
	if err := c.call(ctx, http.MethodPost, path, nil, &struct{}{}); err != nil {
		return err
	}
	if pidfd >= 0 {
		return awaitExit(ctx, pidfd)
	}
	return c.awaitSilence(ctx)
}

// watch opens a pidfd of the server's process, -1 when it cannot be seen.
func (c *Client) watch(ctx context.Context) int {
	conn, err := c.dial(ctx)
	if err != nil {
		return -1
	}
	defer func() { _ = conn.Close() }()
	peer, err := PeerOf(conn)
	if err != nil || peer.PID <= 0 {
		return -1
	}
	pidfd, err := unix.PidfdOpen(peer.PID, 0)
	if err != nil {
		return -1
	}
	return pidfd
}

// patience is how often a wait for the end looks whether it was called off.
const patience = 100 * time.Millisecond

func awaitExit(ctx context.Context, pidfd int) error {
	for ctx.Err() == nil {
		poll := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, int(patience.Milliseconds()))
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for the end: %w", err)
		}
	}
	return ctx.Err()
}

func (c *Client) awaitSilence(ctx context.Context) error {
	ticker := time.NewTicker(patience)
	defer ticker.Stop()
	for {
		conn, err := c.dial(ctx)
		if err != nil {
			return ctx.Err()
		}
		_ = conn.Close()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// call makes one exchange. order is sent as JSON; nil: nothing is.
func (c *Client) call(ctx context.Context, method, path string, order, answer any) error {
	var body io.Reader
	if order != nil {
		text, err := json.Marshal(order)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://penknife"+path, body)
	if err != nil {
		return err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return fmt.Errorf("control socket %s: %w", c.path, cause(err))
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return fmt.Errorf("control socket %s: %w", c.path, err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("control socket %s: %s: %s", c.path, response.Status, strings.TrimSpace(string(text)))
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("control socket %s: not an answer of penknife: %w", c.path, err)
	}
	return nil
}

// cause takes off what net/http puts around an error: the URL means nothing here.
func cause(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
