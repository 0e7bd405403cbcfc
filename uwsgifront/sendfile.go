package uwsgifront

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"penknife/gateway"
)

// maxSendfile is what one sendfile call is asked for, so that a timeout covers a bounded amount.
const maxSendfile = 1 << 20

// errNoSendfile: the file cannot be sent that way.
var errNoSendfile = errors.New("uwsgifront: sendfile is not possible")

// sendFile sends Length bytes of File from Offset, without using the file's own position, which the application may
// share. The head is held back by the kernel until the first bytes of the file join it.
func (c *conn) sendFile(resp *gateway.Response) error {
	if err := c.write(c.head, nil, unix.MSG_MORE); err != nil {
		return err
	}
	done, err := c.sendfile(resp)
	if errors.Is(err, errNoSendfile) {
		return c.copyFile(resp, done)
	}
	return err
}

// sendfile lets the kernel copy. It tells how much was sent.
func (c *conn) sendfile(resp *gateway.Response) (done int64, err error) {
	from := int(resp.File.Fd())
	for done < resp.Length {
		var n int
		var errno error
		try := func(fd int) bool {
			at := resp.Offset + done
			n, errno = unix.Sendfile(fd, from, &at, int(min(resp.Length-done, maxSendfile)))
			return errno != unix.EAGAIN
		}
		if !try(c.fd) {
			if err := c.awaitWrite(try); err != nil {
				return done, c.clientGone(err)
			}
		}
		switch {
		case errno == unix.EINTR:
		case errno == unix.EPIPE || errno == unix.ECONNRESET:
			return done, c.clientGone(errno)
		case errno != nil || n <= 0:
			return done, errNoSendfile // the plain way finds out whether the file is just too short
		default:
			done += int64(n)
			c.sent += int64(n)
		}
	}
	return done, nil
}

// copyFile sends the rest the plain way.
func (c *conn) copyFile(resp *gateway.Response, done int64) error {
	block := c.srv.blocks.Get().(*[]byte)
	defer c.srv.blocks.Put(block)
	for done < resp.Length {
		n, err := resp.File.ReadAt((*block)[:min(resp.Length-done, blockSize)], resp.Offset+done)
		if n > 0 {
			if err := c.write(nil, (*block)[:n], 0); err != nil {
				return err
			}
			done += int64(n)
		}
		switch {
		case done == resp.Length:
		case errors.Is(err, io.EOF):
			return gateway.Errorf(gateway.KindAppCut, "the file is %d bytes shorter than announced", resp.Length-done)
		case err != nil:
			return &gateway.Error{Kind: gateway.KindAppCut, Reason: "the file cannot be read", Err: err}
		}
	}
	return nil
}
