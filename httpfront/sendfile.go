package httpfront

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"penknife/gateway"
)

// maxSendfile is what one sendfile call is asked for, so that a deadline covers a bounded amount and a turn is short.
const maxSendfile = 1 << 20

// sendFile sends length bytes of f from offset. Small files go with the head in one write; larger ones by sendfile.
// It never uses the file's own position, which the application may share.
func (c *conn) sendFile(f *os.File, offset, length int64) error {
	if int64(len(c.out))+length <= maxJoined {
		return c.copyFile(f, offset, length)
	}
	if err := c.sendHead(); err != nil {
		return err
	}
	done, err := c.sendfile(f, offset, length)
	c.sent += done
	if err == nil || gateway.KindOf(err) == gateway.KindClientGone {
		return err
	}
	return c.copyFile(f, offset+done, length-done)
}

// copyFile sends a file the plain way. The head goes with the first piece if it was not sent.
func (c *conn) copyFile(f *os.File, offset, length int64) error {
	block := c.srv.blocks.Get().(*[]byte)
	defer c.srv.blocks.Put(block)
	for length > 0 {
		c.now = time.Now()
		n, err := f.ReadAt((*block)[:min(length, blockSize)], offset)
		if n > 0 {
			if err := c.send((*block)[:n], n); err != nil {
				return err
			}
			offset, length = offset+int64(n), length-int64(n)
		}
		if err != nil && length > 0 {
			if errors.Is(err, io.EOF) {
				return shortBy(length)
			}
			return &gateway.Error{Kind: gateway.KindAppCut, Reason: "the file cannot be read", Err: err}
		}
	}
	return nil
}

// errNoSendfile: the file or the connection cannot do it.
var errNoSendfile = errors.New("httpfront: sendfile is not possible")

// sendfile lets the kernel copy. It tells how much it sent. Any error but a lost client means that the rest can be
// tried the plain way, which will also find out whether the file is too short.
func (c *conn) sendfile(f *os.File, offset, length int64) (done int64, err error) {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok || c.secured != nil { // what the kernel copies is not encrypted
		return 0, errNoSendfile
	}
	socket, err := sc.SyscallConn()
	if err != nil {
		return 0, errNoSendfile
	}
	for c.unsent = unknownUnsent; done < length; c.now = time.Now() {
		if err := c.armWrite(); err != nil {
			return done, err
		}
		var n int
		var sendErr error
		at := offset + done
		err := socket.Write(func(fd uintptr) bool {
			owned := c.srv.turns.acquire()
			n, sendErr = unix.Sendfile(int(fd), int(f.Fd()), &at, int(min(length-done, maxSendfile)))
			c.srv.turns.release(owned)
			return !errors.Is(sendErr, unix.EAGAIN)
		})
		c.srv.sendfileCalls.Add(1)
		done += int64(max(n, 0))
		if n > 0 {
			c.unsent = unknownUnsent
		}
		switch {
		case c.goesOn(0, err):
		case err != nil:
			return done, c.clientGone(err)
		case errors.Is(sendErr, unix.EINTR):
		case errors.Is(sendErr, unix.EPIPE), errors.Is(sendErr, unix.ECONNRESET):
			return done, c.clientGone(sendErr)
		case sendErr != nil || n == 0:
			return done, errNoSendfile
		}
	}
	return done, nil
}
