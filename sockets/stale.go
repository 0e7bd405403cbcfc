package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// ErrInUse is in the chain of Listen's error when a live server has the socket file.
var ErrInUse = errors.New("another process answers on this socket")

// probeTime bounds the attempt to reach whoever listens on an existing socket file.
const probeTime = time.Second

// removeStale removes a socket file that a dead process left behind. Only a refused connection proves that nobody
// listens: a full backlog or missing permission is somebody.
func removeStale(ctx context.Context, path string) error {
	before, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if before.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s is there and is not a socket: %w", path, os.ErrExist)
	}
	dialer := net.Dialer{Timeout: probeTime}
	conn, err := dialer.DialContext(ctx, networkUnix, path)
	switch {
	case err == nil:
		return errors.Join(ErrInUse, conn.Close())
	case errors.Is(err, syscall.ECONNREFUSED):
		return removeSame(path, before)
	case errors.Is(err, os.ErrNotExist):
		return nil
	case errors.Is(err, syscall.EAGAIN):
		return ErrInUse
	}
	return fmt.Errorf("cannot tell whether somebody listens: %w", err)
}

// removeSame removes path unless another server took the name since it was looked at.
func removeSame(path string, before os.FileInfo) error {
	now, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !os.SameFile(now, before) {
		return ErrInUse
	}
	return os.Remove(path)
}
