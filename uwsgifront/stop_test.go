package uwsgifront

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"penknife/gateway"
	"penknife/internal/testkit"
	"penknife/sockets"
)

// TestShutdownFinishesWhatIsUnderWay also checks that nobody gets in meanwhile, and that Serve is over for good.
func TestShutdownFinishesWhatIsUnderWay(t *testing.T) {
	everywhere(t, func(t *testing.T, listen string, m mode) {
		if m == modeEarly {
			m = modeLater // an early answer would hold the accept loop, and only that
		}
		entered, release := make(chan struct{}), make(chan struct{})
		f := start(t, listen, testLimits(), inMode(m, func(*gateway.Request) (*gateway.Response, error) {
			close(entered)
			<-release
			return whole(200, "", "done"), nil
		}))
		peer := f.dial(t).send(get())
		<-entered
		stopped := make(chan struct{})
		go func() { // ends with the request
			defer close(stopped)
			f.shutdown(t)
		}()
		testkit.Eventually(t, patience, func() error {
			if !f.conns.stopping.Load() {
				return errors.New("not stopping")
			}
			return nil
		})
		select {
		case <-stopped:
			t.Error("shut down before the request was over")
		default:
		}
		close(release)
		if got := peer.all(); !strings.HasSuffix(got, "done") {
			t.Errorf("%q", got)
		}
		<-stopped
		if f.addr.IsUnix() {
			if _, err := os.Lstat(f.addr.Address); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket file: %v", err)
			}
		}
		ln, err := sockets.Listen(context.Background(), f.addr, sockets.Permissions{UID: -1, GID: -1})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Serve(ln); !errors.Is(err, ErrStopped) {
			t.Errorf("Serve after Shutdown: %v", err)
		}
	})
}

// TestShutdownServesTheBacklog: whoever had connected when the stop began is still answered.
func TestShutdownServesTheBacklog(t *testing.T) {
	for network, listen := range networks(t) {
		entered, release := make(chan struct{}, 10), make(chan struct{})
		f := start(t, listen, testLimits(), inMode(modeSync, func(*gateway.Request) (*gateway.Response, error) {
			entered <- struct{}{}
			<-release
			return whole(200, "", "done"), nil
		}))
		first := f.dial(t).send(get())
		<-entered // its handler now holds the accept loop, or a goroutine if its packet came late
		var others []*client
		for range 5 {
			others = append(others, f.dial(t).send(get()))
		}
		stopped := make(chan struct{})
		go func() { // ends when all requests are over
			defer close(stopped)
			f.shutdown(t)
		}()
		testkit.Eventually(t, patience, func() error {
			if !f.conns.stopping.Load() {
				return errors.New("not stopping")
			}
			return nil
		})
		close(release)
		for i, peer := range append(others, first) {
			if got := peer.all(); !strings.HasSuffix(got, "done") {
				t.Errorf("%s, peer %d: %q", network, i, got)
			}
		}
		<-stopped
	}
}

// TestStopServesWhoHasJustConnected: a peer that has connected and is about to send. Over TCP the kernel holds its connection
// back until then, so it is not in the backlog yet when the stop begins.
func TestStopServesWhoHasJustConnected(t *testing.T) {
	for name, stop := range map[string]func(*front) error{
		"shutdown": func(f *front) error { return f.Shutdown(context.Background()) },
		"release":  func(f *front) error { return f.Release(context.Background(), false) },
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, networks(t)["tcp"], testLimits(), inMode(modeSync, func(*gateway.Request) (*gateway.Response, error) {
				return whole(200, "", "done"), nil
			}))
			f.conns.lastLook = patience // the client speaks long before
			testkit.Eventually(t, patience, func() error { return f.deferred(true) })
			peer := f.dial(t)
			stopped := make(chan error)
			go func() { stopped <- stop(f) }() // ends with the request
			testkit.Eventually(t, patience, func() error { return f.deferred(false) })
			if got := peer.send(get()).all(); !strings.HasSuffix(got, "done") {
				t.Errorf("%q", got)
			}
			f.conns.stop() // which ends the look
			if err := <-stopped; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReleaseOfASharedSocket: another process accepts on it and wants it as it is.
func TestReleaseOfASharedSocket(t *testing.T) {
	f := start(t, networks(t)["tcp"], testLimits(), inMode(modeSync, nil))
	f.conns.lastLook = time.Hour
	testkit.Eventually(t, patience, func() error { return f.deferred(true) })
	var held []*os.File // another process has it
	f.conns.mu.Lock()
	for a := range f.conns.acceptors {
		another, err := a.ln.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, another)
	}
	f.conns.mu.Unlock()
	if err := f.Release(context.Background(), true); err != nil {
		t.Fatal(err)
	}
	for _, socket := range held {
		if seconds, err := unix.GetsockoptInt(int(socket.Fd()), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT); err != nil || seconds == 0 {
			t.Errorf("TCP_DEFER_ACCEPT is %d s, %v", seconds, err)
		}
		socket.Close()
	}
}

// deferred tells whether the only listener has, or has not, connections come with their first bytes.
func (f *front) deferred(want bool) error {
	f.conns.mu.Lock()
	defer f.conns.mu.Unlock()
	for a := range f.conns.acceptors {
		seconds := -1
		a.raw.Control(func(fd uintptr) {
			seconds, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT)
		})
		if seconds >= 0 && (seconds > 0) == want {
			return nil
		}
		return fmt.Errorf("TCP_DEFER_ACCEPT is %d s", seconds)
	}
	return errors.New("nobody accepts")
}

// TestShutdownCuts: at the end of its patience Shutdown cuts connections, and an answer that comes later hurts nobody.
func TestShutdownCuts(t *testing.T) {
	everywhere(t, func(t *testing.T, listen string, m mode) {
		if m != modeLater {
			return
		}
		entered, release := make(chan struct{}), make(chan struct{})
		resp := whole(200, "", "late")
		f := start(t, listen, testLimits(), inMode(m, func(*gateway.Request) (*gateway.Response, error) {
			close(entered)
			<-release
			return resp, nil
		}))
		inside, silent := f.dial(t).send(get()), f.dial(t).send(get()[:10])
		<-entered
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := f.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown: %v", err)
		}
		for _, peer := range []*client{inside, silent} {
			if got, _ := io.ReadAll(peer); strings.Contains(string(got), " 200 ") {
				t.Errorf("%q", got)
			}
		}
		close(release)
		testkit.Eventually(t, patience, func() error {
			if resp.Body.(*fakeBody).closed.Load() != 1 {
				return errors.New("the late answer was not closed")
			}
			return nil
		})
	})
}

// TestOutOfDescriptors: accept fails, pauses instead of spinning, and serves the peer once it can.
func TestOutOfDescriptors(t *testing.T) {
	f := start(t, networks(t)["unix"], testLimits(), inMode(modeLater, func(*gateway.Request) (*gateway.Response, error) {
		return whole(200, "", "done"), nil
	}))
	f.dial(t).send(get()).all() // the listener is at work
	peer, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	restore := func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }
	defer restore()
	if err := unix.Connect(peer, &unix.SockaddrUnix{Name: f.addr.Address}); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(peer, []byte(get())); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, patience, func() error {
		if !strings.Contains(f.logs.String(), "accept fails") {
			return fmt.Errorf("log: %s", f.logs)
		}
		return nil
	})
	restore()
	if got := readAll(t, peer); !strings.HasSuffix(got, "done") {
		t.Errorf("%q", got)
	}
	if n := strings.Count(f.logs.String(), "accept fails"); n != 1 {
		t.Errorf("%d lines", n)
	}
}

// TestErrnosThatPass is the list that makes accept go on.
func TestErrnosThatPass(t *testing.T) {
	for errno, want := range map[unix.Errno]bool{
		unix.EMFILE: true, unix.ENFILE: true, unix.ENOMEM: true, unix.EBADF: false, unix.EINVAL: false, unix.ENOTSOCK: false,
	} {
		if passes(errno) != want {
			t.Errorf("%v", errno)
		}
	}
}

// TestObjectsAreKeptWithinBounds: after a burst, only maxFree connection objects stay.
func TestObjectsAreKeptWithinBounds(t *testing.T) {
	r := newRegistry()
	s := &Server{conns: r}
	var all []*conn
	for range maxFree + 50 {
		all = append(all, r.acquire(s))
	}
	for i, c := range all {
		c.retired = i == 3
		r.release(c)
	}
	if len(r.all) != maxFree || len(r.free) != maxFree {
		t.Errorf("%d, %d free", len(r.all), len(r.free))
	}
	for i, c := range r.all {
		if c.index != i || c.retired {
			t.Errorf("place %d: index %d, retired %v", i, c.index, c.retired)
		}
	}
}
