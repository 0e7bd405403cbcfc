package handover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain is also the successor of the tests: what it does is in a variable.
func TestMain(m *testing.M) {
	if play := os.Getenv("HANDOVER_TEST_PLAY"); play != "" {
		os.Exit(succeed(play))
	}
	goleak.VerifyTestMain(m)
}

// succeed plays a successor. Its exit code tells what it has seen.
func succeed(play string) int {
	if play == "mute" {
		return 9
	}
	p, err := Take()
	if err != nil || p == nil || p.Version != "1" || p.PID != os.Getppid() || os.Getenv(variable) != "" {
		fmt.Fprintln(os.Stderr, p, err)
		return 10
	}
	p.Begin("2", time.Minute)
	switch play {
	case "refuse":
		p.Fail(Failure{Fault: "app", Reason: "it is broken", Traceback: "line 1"})
		p.Fail(Failure{Reason: "said too late"})
		return 3
	case "cancelled":
		<-p.Cancelled()
		p.Close()
		return 0
	case "alone":
		p.Ready()
		<-p.Proceed()
		p.Serving()
		return 42
	case "die ready":
		p.Ready()
		<-p.Proceed()
		return 11
	}
	p.Ready()
	<-p.Proceed()
	listener, err := net.FileListener(p.Items[0].File)
	if err != nil || p.Items[0].Kind != "socket" || string(p.Items[0].Info) != `"told"` {
		fmt.Fprintln(os.Stderr, p.Items, err)
		return 12
	}
	p.Serving()
	conn, err := listener.Accept()
	if err != nil {
		return 13
	}
	_, _ = conn.Write([]byte("from the successor"))
	_ = conn.Close()
	return 0
}

// start starts this program as a successor.
func start(t *testing.T, play string, items ...Item) *Successor {
	t.Helper()
	c := Command{
		Path: os.Args[0], Args: os.Args[:1], Env: append(os.Environ(), "HANDOVER_TEST_PLAY="+play, variable+"=99"),
		Dir: "/nowhere", Files: [3]*os.File{os.Stdin, os.Stdout, os.Stderr},
	}
	s, err := Start(c, "1", items)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheWholeConversation(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, "serve", Item{Kind: "socket", Info: "told", File: file})
	if err := s.AwaitReady(context.Background()); err != nil || s.Version != "2" {
		t.Fatal(err, s.Version)
	}
	if err := s.Proceed(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.Release()
	_, _ = file.Close(), listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	text := make([]byte, 100)
	if n, _ := conn.Read(text); string(text[:n]) != "from the successor" {
		t.Errorf("%q", text[:n])
	}
	if status, gone := s.awaitExit(exitTimeout); !gone || status != "exit code 0" {
		t.Error(status, gone)
	}
}

func TestASuccessorThatDoesNotServe(t *testing.T) {
	s := start(t, "refuse")
	var failure *Failure
	if err := s.AwaitReady(context.Background()); !errors.As(err, &failure) || *failure != (Failure{"app", "it is broken", "line 1"}) {
		t.Error(err)
	}
	s.Cancel()

	s = start(t, "mute")
	if err := s.AwaitReady(context.Background()); !errors.Is(err, ErrDied) || !strings.Contains(err.Error(), "exit code 9") {
		t.Error(err)
	}
	s.Cancel()

	s = start(t, "die ready")
	if err := s.AwaitReady(context.Background()); err != nil {
		t.Error(err)
	}
	if err := s.Proceed(context.Background()); !errors.Is(err, ErrDied) {
		t.Error(err)
	}
	s.Cancel()
}

func TestCancelReachesTheSuccessor(t *testing.T) {
	s := start(t, "cancelled")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := s.AwaitReady(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	begin := time.Now()
	s.Cancel()
	if _, gone := s.awaitExit(0); !gone || time.Since(begin) > exitTimeout {
		t.Errorf("it is still there, or was killed only after %v", time.Since(begin))
	}
}

// TestAPredecessorThatDies leaves a successor that goes on.
func TestAPredecessorThatDies(t *testing.T) {
	s := start(t, "alone")
	s.Release() // as the kernel does at its death
	if status, gone := s.awaitExit(exitTimeout); !gone || status != "exit code 42" {
		t.Error(status, gone)
	}
}

func TestWithoutAPredecessor(t *testing.T) {
	t.Setenv(variable, "")
	if p, err := Take(); p != nil || err != nil {
		t.Error(p, err)
	}
	t.Setenv(variable, "three")
	if _, err := Take(); !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
}

func TestAProgramThatIsNotThere(t *testing.T) {
	c := Command{Path: "/nowhere/penknife", Files: [3]*os.File{os.Stdin, os.Stdout, os.Stderr}}
	if _, err := Start(c, "1", nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
