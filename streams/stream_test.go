package streams

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"penknife/internal/testkit"
)

// pair is a connection: the end that was accepted, and the client's.
func pair(t *testing.T) (near *Stream, far *net.TCPConn) {
	t.Helper()
	ln := listen(t, "tcp", "127.0.0.1:0")
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return accept(t, ln), client.(*net.TCPConn)
}

func listen(t *testing.T, network, address string) *Listener {
	t.Helper()
	under, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := Listen(under)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func accept(t *testing.T, ln *Listener) *Stream {
	t.Helper()
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc.(*Stream)
}

// TestStream_WritesEverything: what does not fit into the socket goes out while the other end reads.
func TestStream_WritesEverything(t *testing.T) {
	near, far := pair(t)
	want := bytes.Repeat([]byte("0123456789abcde"), 2<<20)
	sent := make(chan error, 1)
	go func() { // ends when all is sent: the other end reads all
		n, err := near.Write(want)
		if n != len(want) {
			err = errors.Join(err, io.ErrShortWrite)
		}
		near.CloseWrite()
		sent <- err
	}()
	got, err := io.ReadAll(far)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes, %v", len(got), len(want), err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestStream_ReadsToTheEnd: it waits for what comes, and then says io.EOF.
func TestStream_ReadsToTheEnd(t *testing.T) {
	near, far := pair(t)
	want := bytes.Repeat([]byte("0123456789abcde"), 512<<10)
	go func() { // ends when all is read
		far.Write(want)
		far.CloseWrite()
	}()
	got, err := io.ReadAll(near)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes, %v", len(got), len(want), err)
	}
}

// TestStream_Deadlines: both calls end at the socket's deadline and say how much a write has done.
func TestStream_Deadlines(t *testing.T) {
	near, _ := pair(t)
	near.SetDeadline(time.Now().Add(10 * time.Millisecond))
	if n, err := near.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %d, %v", n, err)
	}
	data := make([]byte, 64<<20)
	near.SetDeadline(time.Now().Add(500 * time.Millisecond))
	if n, err := near.Write(data); n == 0 || n == len(data) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %d, %v", n, err)
	}
}

// TestStream_Closed: a close from elsewhere ends a call that waits.
func TestStream_Closed(t *testing.T) {
	near, _ := pair(t)
	read := make(chan error, 1)
	go func() { // ends by the close
		_, err := near.Read(make([]byte, 1))
		read <- err
	}()
	near.Close()
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestStream_Reset: errors of the kernel are those that package net would give, and a write to a closed peer raises no
// signal.
func TestStream_Reset(t *testing.T) {
	near, far := pair(t)
	far.SetLinger(0)
	far.Close()
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Error(err)
	}
	if _, err := near.Write([]byte("x")); !errors.Is(err, unix.EPIPE) {
		t.Error(err)
	}
}

// TestStream_DeadlinesBeforeWaiting: a deadline that has passed ends a call although it would not have to wait.
func TestStream_DeadlinesBeforeWaiting(t *testing.T) {
	near, far := pair(t)
	far.Write([]byte("x"))
	near.SetDeadline(time.Now().Add(-time.Second))
	if n, err := near.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %d, %v", n, err)
	}
	if n, err := near.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %d, %v", n, err)
	}
	near.SetDeadline(time.Time{})
	if n, err := near.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("without a deadline: %d, %v", n, err)
	}
}

// TestStream_Write2: two pieces arrive as one text, whatever fits at once, also by way of the poller.
func TestStream_Write2(t *testing.T) {
	head, body := bytes.Repeat([]byte("head"), 3), bytes.Repeat([]byte("0123456789abcde"), 2<<20)
	for _, pieces := range [][2][]byte{{head, body}, {body, head}, {head, nil}, {nil, head}, {nil, nil}} {
		near, far := pair(t)
		sent := make(chan error, 1)
		go func() { // ends when all is sent: the other end reads all
			n, err := near.Write2(pieces[0], pieces[1])
			if n != len(pieces[0])+len(pieces[1]) {
				err = errors.Join(err, io.ErrShortWrite)
			}
			sent <- errors.Join(err, near.CloseWrite())
		}()
		got, err := io.ReadAll(far)
		if err != nil || !bytes.Equal(got, slices.Concat(pieces[0], pieces[1])) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
}

// TestStream_JoinsThePollerOnlyToWait: a request that is there already, its answer and the end cost no more than their calls.
func TestStream_JoinsThePollerOnlyToWait(t *testing.T) {
	near, far := pair(t)
	far.Write([]byte("request"))
	far.CloseWrite()
	near.SetDeadline(time.Now().Add(time.Minute))
	socket, _ := near.SyscallConn()
	testkit.AwaitInput(t, socket, len("request"))
	if n, err := near.Read(make([]byte, 99)); n != len("request") || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := near.Write([]byte("answer")); n != len("answer") || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if near.file != nil {
		t.Error("it is in the poller")
	}
	if _, err := near.Read(make([]byte, 99)); err != io.EOF {
		t.Error(err)
	}
	if err := near.Close(); err != nil {
		t.Error(err)
	}
	if err := near.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestStream_ClosedBeforeWaiting: every call on a closed socket says so, and none reaches the number's next owner.
func TestStream_ClosedBeforeWaiting(t *testing.T) {
	near, _ := pair(t)
	near.Close()
	conn, _ := near.SyscallConn()
	_, readErr := near.Read(make([]byte, 1))
	_, writeErr := near.Write([]byte("x"))
	for name, err := range map[string]error{
		"read": readErr, "write": writeErr, "deadline": near.SetDeadline(time.Now()), "linger": near.SetLinger(0),
		"close write": near.CloseWrite(), "control": conn.Control(func(uintptr) { t.Error("called") }),
		"wait to read": conn.Read(func(uintptr) bool { return true }), "wait to write": conn.Write(func(uintptr) bool { return true }),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStream_Linger: with 0 the other end sees a reset.
func TestStream_Linger(t *testing.T) {
	near, far := pair(t)
	if err := near.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	near.Close()
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Error(err)
	}
}

// TestStream_Last: the last bytes go out with the end of the stream, whatever became of the connection meanwhile, unless it
// is reset.
func TestStream_Last(t *testing.T) {
	last := []byte("the last bytes")
	for _, row := range []struct {
		name  string
		after func(near *Stream, far *net.TCPConn) error // between the write and Close
		reset bool
	}{
		{"closed", func(*Stream, *net.TCPConn) error { return nil }, false},
		{"in the poller", func(near *Stream, _ *net.TCPConn) error { return near.join() }, false},
		{"its writing end closed before", func(near *Stream, _ *net.TCPConn) error { return near.CloseWrite() }, false},
		{"with unread input", func(near *Stream, far *net.TCPConn) error {
			if _, err := far.Write([]byte("more")); err != nil {
				return err
			}
			return near.call("poll", func(fd uintptr) error {
				_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
				return err
			})
		}, false},
		{"reset", func(near *Stream, _ *net.TCPConn) error { return near.SetLinger(0) }, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			near, far := pair(t)
			near.Last()
			if n, err := near.Write2(last[:3], last[3:]); n != len(last) || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
			if err := errors.Join(row.after(near, far), near.Close()); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 100)
			n, err := io.ReadAtLeast(far, got, len(last))
			if row.reset && err == nil || !row.reset && string(got[:n]) != string(last) {
				t.Errorf("%q, %v", got[:n], err)
			}
		})
	}
}

// TestStream_LastInOnePacket counts what arrives at the client.
func TestStream_LastInOnePacket(t *testing.T) {
	packets := func(prepare func(*Stream)) int {
		near, far := pair(t)
		prepare(near)
		if _, err := near.Write([]byte("all")); err != nil {
			t.Fatal(err)
		}
		if err := near.Close(); err != nil {
			t.Fatal(err)
		}
		if all, err := io.ReadAll(far); string(all) != "all" || err != nil {
			t.Fatalf("%q, %v", all, err)
		}
		return testkit.PacketsIn(t, far)
	}
	if apart, together := packets(func(*Stream) {}), packets((*Stream).Last); together >= apart {
		t.Errorf("%d packets, and %d without it", together, apart)
	}
}
