package httpfront

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// directPair is a connection; its near end is also given as what reads and writes it directly.
func directPair(t *testing.T) (d *direct, near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	served, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { served.Close() })
	return newDirect(served), served.(*net.TCPConn), client.(*net.TCPConn)
}

// TestDirect_WritesEverything: what does not fit into the socket goes out while the other end reads.
func TestDirect_WritesEverything(t *testing.T) {
	d, near, far := directPair(t)
	want := bytes.Repeat([]byte("0123456789abcde"), 2<<20)
	sent := make(chan error, 1)
	go func() { // ends when all is sent: the other end reads all
		n, err := d.Write(want)
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

// TestDirect_ReadsToTheEnd: it waits for what comes, and then says io.EOF.
func TestDirect_ReadsToTheEnd(t *testing.T) {
	d, _, far := directPair(t)
	want := bytes.Repeat([]byte("0123456789abcde"), 512<<10)
	go func() { // ends when all is read
		far.Write(want)
		far.CloseWrite()
	}()
	got, err := io.ReadAll(d)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes, %v", len(got), len(want), err)
	}
}

// TestDirect_Deadlines: both calls end at the socket's deadline and say how much a write has done.
func TestDirect_Deadlines(t *testing.T) {
	d, near, _ := directPair(t)
	near.SetDeadline(time.Now().Add(10 * time.Millisecond))
	if n, err := d.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %d, %v", n, err)
	}
	data := make([]byte, 64<<20)
	near.SetDeadline(time.Now().Add(500 * time.Millisecond))
	if n, err := d.Write(data); n == 0 || n == len(data) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %d, %v", n, err)
	}
}

// TestDirect_Closed: a close from elsewhere ends a call that waits.
func TestDirect_Closed(t *testing.T) {
	d, near, _ := directPair(t)
	read := make(chan error, 1)
	go func() { // ends by the close
		_, err := d.Read(make([]byte, 1))
		read <- err
	}()
	near.Close()
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestDirect_Reset: errors of the kernel are those that package net would give, and a write to a closed peer raises no
// signal.
func TestDirect_Reset(t *testing.T) {
	d, _, far := directPair(t)
	far.SetLinger(0)
	far.Close()
	if _, err := d.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Error(err)
	}
	if _, err := d.Write([]byte("x")); !errors.Is(err, unix.EPIPE) {
		t.Error(err)
	}
}

// TestDirect_NeedsASocket: anything else is read by its own methods.
func TestDirect_NeedsASocket(t *testing.T) {
	if d := newDirect(&loopConn{}); d != nil {
		t.Error("direct access to memory")
	}
}
