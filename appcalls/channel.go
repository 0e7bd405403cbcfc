package appcalls

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	headSize = 8
	// payloadTimeout bounds how long the rest of a request that has begun, or the taking of an answer, may last.
	payloadTimeout = 10 * time.Second
	// callTimeout bounds what one call may take here, such as a wait for Redis.
	callTimeout = 10 * time.Second
	// requestRoom is what a request may have beyond one value of the largest size: keys, tags, or many small values.
	requestRoom = 1 << 20
	// keptBuffer is the size up to which a channel keeps its buffers for the next call.
	keptBuffer = 16 << 10
)

// errNoChannel is a descriptor that is not a connected unix stream socket.
var errNoChannel = errors.New("appcalls: not a unix stream socket")

// streamOf makes a connection of a descriptor that a process sent, which may be anything. It takes charge of file.
func streamOf(file *os.File) (*net.UnixConn, error) {
	defer func() { _ = file.Close() }()
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	domain, kind := 0, 0
	err = raw.Control(func(fd uintptr) {
		domain, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		kind, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE)
	})
	if err != nil || domain != unix.AF_UNIX || kind != unix.SOCK_STREAM {
		return nil, errors.Join(errNoChannel, err)
	}
	conn, err := net.FileConn(file) // duplicates, and makes it part of the poller
	if err != nil {
		return nil, err
	}
	stream, ok := conn.(*net.UnixConn)
	if !ok { // one that listens
		return nil, errors.Join(errNoChannel, conn.Close())
	}
	return stream, nil
}

// channel is one connection and its buffers. Its goroutine owns it.
type channel struct {
	service *Service
	caller  *Caller
	conn    *net.UnixConn
	request []byte
	answer  []byte
	file    *os.File // that goes with the answer; not ours
}

// serve answers calls until the channel ends or nonsense comes.
func (c *channel) serve() {
	var head [headSize]byte
	for {
		if _, err := io.ReadFull(c.conn, head[:]); err != nil {
			return
		}
		begin := time.Now()
		_ = c.conn.SetDeadline(begin.Add(payloadTimeout + callTimeout))
		op := operation(head[4])
		result := c.exchange(op, int64(binary.LittleEndian.Uint32(head[:])))
		c.service.deps.Counters.Called(int(op), int(result), time.Since(begin))
		if result == statusNonsense {
			c.service.deps.Log.Warn("a process of the application called with nonsense; its channel is closed",
				"process", c.caller.process, "operation", op.String())
		}
		if !writeAnswer(c.conn, result, c.answer, c.file) || result == statusNonsense {
			return
		}
		_ = c.conn.SetDeadline(time.Time{})
		c.trim()
	}
}

// exchange reads a request of that size and makes the answer. What is over the limit is read away, so that the channel
// stays of use.
func (c *channel) exchange(op operation, size int64) status {
	c.answer, c.file = c.answer[:0], nil
	limit := int64(c.service.limits.Value) + requestRoom
	if size > limit {
		if _, err := io.CopyN(io.Discard, c.conn, size); err != nil {
			return c.fail(statusNonsense, "the request did not come")
		}
		return c.fail(statusTooLarge, fmt.Sprintf("a call has %d bytes; penknife takes %d at once (app_cache.max_value, and 1 MiB)", size, limit))
	}
	if err := c.read(int(size)); err != nil {
		return c.fail(statusNonsense, "the request did not come")
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return c.handle(ctx, op, cursor{rest: c.request})
}

// read takes memory as the bytes come, not as they are announced.
func (c *channel) read(size int) error {
	c.request = c.request[:0]
	for len(c.request) < size {
		step := min(size-len(c.request), max(keptBuffer, len(c.request)))
		from := len(c.request)
		c.request = append(c.request, make([]byte, step)...)
		if _, err := io.ReadFull(c.conn, c.request[from:]); err != nil {
			return err
		}
	}
	return nil
}

func (c *channel) trim() {
	if cap(c.request) > keptBuffer {
		c.request = nil
	}
	if cap(c.answer) > keptBuffer {
		c.answer = nil
	}
}

// fail makes the answer a sentence for the exception.
func (c *channel) fail(s status, sentence string) status {
	c.answer = append(c.answer[:0], sentence...)
	return s
}

// writeAnswer tells whether the peer got it. With a file it takes a short answer.
func writeAnswer(conn *net.UnixConn, s status, payload []byte, file *os.File) bool {
	var head [headSize]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(payload)))
	head[4] = byte(s)
	if file != nil {
		return writeWithFile(conn, append(head[:], payload...), file)
	}
	parts := net.Buffers{head[:], payload}
	_, err := parts.WriteTo(conn)
	return err == nil
}

func writeWithFile(conn *net.UnixConn, message []byte, file *os.File) bool {
	raw, err := file.SyscallConn()
	if err != nil {
		return false
	}
	written := 0
	controlErr := raw.Control(func(fd uintptr) { // it stays open meanwhile
		written, _, err = conn.WriteMsgUnix(message, unix.UnixRights(int(fd)), nil)
	})
	return controlErr == nil && err == nil && written == len(message)
}
