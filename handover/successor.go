package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// begunTimeout is how long a program may take to say that it knows the conversation.
	begunTimeout = 10 * time.Second
	// slack is added to the time that the successor asks for.
	slack = 5 * time.Second
	// exitTimeout is how long a successor that was called off may take to leave.
	exitTimeout = 5 * time.Second
	// pollPause is between two looks whether it has.
	pollPause = 10 * time.Millisecond
)

var (
	// ErrTimeout is a successor that did not get on in time.
	ErrTimeout = errors.New("it was not ready in time")
	// ErrSilent is a program that does not know the conversation: another program, or an old version.
	ErrSilent = errors.New("it did not answer: is it penknife, and not an old version?")
	// ErrDied is a successor that ended without a word.
	ErrDied = errors.New("it ended before it was ready")
)

// Command is how a process was started, and its successor is.
type Command struct {
	Path  string   // of the program, looked up anew
	Args  []string // with the program's name
	Env   []string
	Dir   string      // where to start it; empty, or gone: where this process is
	Files [3]*os.File // the standard streams
}

// Item is a descriptor to hand over. The file stays the caller's.
type Item struct {
	Kind string
	Info any // what the successor needs to know about it, as JSON
	File *os.File
}

// Successor is the new process, as its predecessor sees it. Its methods are for one goroutine.
type Successor struct {
	pid     int
	conn    net.Conn
	decoder *json.Decoder
	Version string // that it says it is; after AwaitReady

	patience time.Duration // for the new process, as it wants it
}

// Start starts the new process and makes it the offer. The caller must call Cancel, or Release after Proceed.
func Start(c Command, version string, items []Item) (*Successor, error) {
	offer := offer{Protocol: protocol, Version: version, PID: os.Getpid()}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "handover"), os.NewFile(uintptr(pair[1]), "handover")
	defer func() { _ = theirs.Close() }()
	files := []*os.File{c.Files[0], c.Files[1], c.Files[2], theirs}
	for _, item := range items {
		info, err := json.Marshal(item.Info)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("handover: %w", err), ours.Close())
		}
		offer.Items = append(offer.Items, label{item.Kind, info})
		files = append(files, item.File)
	}
	conn, err := net.FileConn(ours)
	if err = errors.Join(err, ours.Close()); err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	s := &Successor{conn: conn, decoder: json.NewDecoder(conn)}
	if s.pid, err = execute(c, files); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := s.send(offer); err != nil {
		s.Cancel()
		return nil, err
	}
	return s, nil
}

// execute starts the program. Package os/exec would take the non-blocking mode off the files, and with that off the
// listening sockets of this process.
func execute(c Command, files []*os.File) (int, error) {
	attr := &syscall.ProcAttr{Env: append(without(c.Env, variable), variable+"="+strconv.Itoa(socketFD))}
	if info, err := os.Stat(c.Dir); err == nil && info.IsDir() {
		attr.Dir = c.Dir
	}
	for _, file := range files {
		number := uintptr(0)
		raw, err := file.SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) { number = fd })
		}
		if err != nil {
			return 0, fmt.Errorf("handover: %w", err)
		}
		attr.Files = append(attr.Files, number)
	}
	pid, _, err := syscall.StartProcess(c.Path, c.Args, attr)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", c.Path, err)
	}
	return pid, nil
}

// without drops a variable.
func without(environ []string, name string) []string {
	var kept []string
	for _, entry := range environ {
		if !strings.HasPrefix(entry, name+"=") {
			kept = append(kept, entry)
		}
	}
	return kept
}

// PID is the new process's id.
func (s *Successor) PID() int { return s.pid }

// AwaitReady blocks until the new process could serve. A *Failure is what it says about why it cannot.
func (s *Successor) AwaitReady(ctx context.Context) error {
	begun, err := s.receive(ctx, stateBegun, begunTimeout)
	if errors.Is(err, ErrTimeout) {
		return ErrSilent
	}
	if err != nil {
		return err
	}
	s.Version, s.patience = begun.Version, begun.Patience.time()+slack
	_, err = s.receive(ctx, stateReady, s.patience)
	return err
}

// Proceed tells the new process to serve and blocks until it does. From then on it needs nobody.
func (s *Successor) Proceed(ctx context.Context) error {
	if err := s.send(order{Proceed: true}); err != nil {
		return err
	}
	_, err := s.receive(ctx, stateServing, s.patience) // it may have much to take over
	return err
}

// Release lets go of a process that serves.
func (s *Successor) Release() { _ = s.conn.Close() }

// Cancel asks the new process to leave, kills it if it does not, and returns when it is gone.
func (s *Successor) Cancel() {
	text, err := json.Marshal(order{Cancel: true})
	if err == nil {
		_, err = s.conn.Write(append(text, '\n'))
	}
	_ = s.conn.Close()
	if err == nil { // else it does not listen, and will not leave for a word
		if _, gone := s.awaitExit(exitTimeout); gone {
			return
		}
	}
	_ = unix.Kill(s.pid, unix.SIGKILL)
	s.awaitExit(exitTimeout)
}

// awaitExit waits for the end of the process. It may have been waited for by others: this process reaps every orphan.
func (s *Successor) awaitExit(atMost time.Duration) (status string, gone bool) {
	ticker := time.NewTicker(pollPause)
	defer ticker.Stop()
	for deadline := time.Now().Add(atMost); ; <-ticker.C {
		var waited unix.WaitStatus
		pid, err := unix.Wait4(s.pid, &waited, unix.WNOHANG, nil)
		switch {
		case pid == s.pid && waited.Signaled():
			return "killed by " + unix.SignalName(waited.Signal()), true
		case pid == s.pid:
			return fmt.Sprintf("exit code %d", waited.ExitStatus()), true
		case err != nil && !errors.Is(err, unix.EINTR):
			return "its status is lost", true
		case time.Now().After(deadline):
			return "", false
		}
	}
}

func (s *Successor) send(line any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("handover: %w", err)
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(begunTimeout))
	if _, err := s.conn.Write(append(text, '\n')); err != nil {
		return s.died(err)
	}
	return nil
}

// receive waits for a report of that state.
func (s *Successor) receive(ctx context.Context, state string, atMost time.Duration) (report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, atMost, ErrTimeout)
	defer cancel()
	_ = s.conn.SetReadDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var line report
	switch err := s.decoder.Decode(&line); {
	case ctx.Err() != nil:
		return line, context.Cause(ctx)
	case err != nil:
		return line, s.died(err)
	case line.State == stateFailed && line.Failure != nil:
		return line, line.Failure
	case line.State != state:
		return line, ErrProtocol
	}
	return line, nil
}

// died tells how the process ended whose socket has.
func (s *Successor) died(err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("handover: %w", err)
	}
	status, gone := s.awaitExit(time.Second)
	if !gone {
		return fmt.Errorf("%w: it has closed the socket", ErrProtocol)
	}
	return fmt.Errorf("%w: %s", ErrDied, status)
}
