package control

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a server with a client for it.
type fixture struct {
	*Client
	server *Server
	path   string
	stops  chan bool

	reopened int
}

func newFixture(t *testing.T, change func(*Server)) *fixture {
	t.Helper()
	dir, err := os.MkdirTemp("", "pk")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{path: filepath.Join(dir, "control"), stops: make(chan bool, 2)}
	f.server = New(Deps{
		Status: func() Status {
			return Status{Version: "1.2.3", PID: 7, Current: Generation{Number: 4, Workers: []Worker{{PID: 8, Requests: 9}}}}
		},
		Report: func() Report { return Report{Status: Status{PID: 7}, History: []Sample{{Requests: 3}}} },
		Reload: func(context.Context) Reloaded {
			return Reloaded{Generation: 5, Failure: &Failure{Fault: FaultApp, Reason: "why", Traceback: "Traceback\n  line"}}
		},
		Scale: func(_ context.Context, order ScaleOrder) Scaled {
			return Scaled{Scaling: Scaling{Wanted: order.To + order.By, Max: 8, Mode: "hand"}, Ready: 3}
		},
		Stop: func(fast bool) { f.stops <- fast },
		ReopenLogs: func(context.Context) error {
			f.reopened++
			if f.reopened > 1 {
				return errors.New("no space for logs")
			}
			return nil
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if change != nil {
		change(f.server)
	}
	listener, err := net.Listen("unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	f.server.Start(listener)
	f.Client = NewClient(f.path)
	t.Cleanup(func() {
		if err := f.server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	return f
}

func TestClientAndServerUnderstandEachOther(t *testing.T) {
	f := newFixture(t, nil)
	status, err := f.Status(t.Context())
	if err != nil || status.Version != "1.2.3" || status.Current.Number != 4 || status.Current.Workers[0].Requests != 9 {
		t.Errorf("%+v, %v", status, err)
	}
	if report, err := f.Report(t.Context()); err != nil || report.PID != 7 || report.History[0].Requests != 3 {
		t.Errorf("%+v, %v", report, err)
	}
	reloaded, err := f.Reload(t.Context())
	if err != nil || reloaded.Generation != 5 || *reloaded.Failure != (Failure{FaultApp, "why", "Traceback\n  line"}) {
		t.Errorf("%+v, %v", reloaded, err)
	}
	scaled, err := f.Scale(t.Context(), ScaleOrder{To: 5})
	if err != nil || scaled.Scaling != (Scaling{Wanted: 5, Max: 8, Mode: "hand"}) || scaled.Ready != 3 {
		t.Errorf("%+v, %v", scaled, err)
	}
	if err := f.ReopenLogs(t.Context()); err != nil || f.reopened != 1 {
		t.Errorf("%v, reopened %d times", err, f.reopened)
	}
	if err := f.ReopenLogs(t.Context()); err == nil || !strings.Contains(err.Error(), "no space for logs") {
		t.Errorf("%v", err)
	}
	for _, fast := range []bool{false, true} {
		// The process that listens is this one, which does not end.
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- f.Stop(ctx, fast) }() // ended by cancel
		if got := <-f.stops; got != fast {
			t.Errorf("fast is %v", got)
		}
		select {
		case err := <-result:
			t.Errorf("stop returned while the process lives: %v", err)
		default:
		}
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

func TestPeersAreAskedForTheirUser(t *testing.T) {
	own := uint32(1000)
	for _, test := range []struct {
		peer    Credentials
		err     error
		allowed bool
	}{
		{Credentials{UID: own}, nil, true}, {Credentials{UID: 0}, nil, true}, {Credentials{UID: 1001}, nil, false},
		{Credentials{UID: own}, errNoCredentials, false},
	} {
		f := newFixture(t, func(s *Server) {
			s.own = func() uint32 { return own }
			s.peer = func(net.Conn) (Credentials, error) { return test.peer, test.err }
		})
		_, err := f.Status(t.Context())
		if (err == nil) != test.allowed || err != nil && !strings.Contains(err.Error(), "403") {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

func TestPeerOf(t *testing.T) {
	f := newFixture(t, nil)
	conn, err := net.Dial("unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	peer, err := PeerOf(conn)
	if err != nil || peer.PID != os.Getpid() || peer.UID != uint32(os.Geteuid()) {
		t.Errorf("%+v, %v", peer, err)
	}
	a, b := net.Pipe()
	_, _ = a.Close(), b.Close()
	if _, err := PeerOf(a); !errors.Is(err, errNoCredentials) {
		t.Errorf("a pipe: %v", err)
	}
}

// TestForbiddenSocket: whoever may not connect is told that, and not that nobody is there.
func TestForbiddenSocket(t *testing.T) {
	for errno, want := range map[syscall.Errno]error{syscall.EACCES: ErrForbidden, syscall.EPERM: ErrForbidden,
		syscall.ENOENT: ErrNobody, syscall.ECONNREFUSED: ErrNobody} {
		err := connectError(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", errno)})
		if !errors.Is(err, want) || errors.Is(err, ErrNobody) == errors.Is(err, ErrForbidden) {
			t.Errorf("%v: %v", errno, err)
		}
	}
}

func TestNobodyAndNonsense(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	if _, err := NewClient(missing).Status(t.Context()); !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), missing) ||
		strings.Contains(err.Error(), "http://") {
		t.Errorf("%v", err)
	}
	f := newFixture(t, nil)
	if err := f.call(t.Context(), "GET", "/reload", nil, &struct{}{}); err == nil || !strings.Contains(err.Error(), "405") {
		t.Errorf("GET /reload: %v", err)
	}
	if err := f.call(t.Context(), "GET", "/other", nil, &struct{}{}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("GET /other: %v", err)
	}
}
