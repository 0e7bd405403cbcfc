package sockets

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// turnTime is how long a start waits for others that bind a socket in the same directory; each takes a few
	// milliseconds, or probeTime if somebody does not answer.
	turnTime = 3 * probeTime
	// turnPause is the pause between two attempts.
	turnPause = 2 * time.Millisecond
)

// takeTurn waits until nobody else binds a socket file in the directory of path. Between the look at a file that a dead
// process left and its removal another start could have put its own there, and a socket that is bound but does not
// listen yet refuses connections as a dead one does. The lock is one of the directory, so that no file is left behind.
//
// Whoever may not read the directory, or waits longer than turnTime because something else holds the lock, goes on
// without: such a lock must not keep a server from starting. The caller calls release once.
func takeTurn(ctx context.Context, path string) (release func(), err error) {
	directory, err := os.OpenFile(filepath.Dir(path), os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return func() {}, nil // bind says what is wrong, if anything is
	}
	release = func() { _ = directory.Close() }
	retry := time.NewTicker(turnPause)
	defer retry.Stop()
	for deadline := time.Now().Add(turnTime); time.Now().Before(deadline); {
		err := unix.Flock(int(directory.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return release, nil
		}
		select {
		case <-ctx.Done():
			release()
			return nil, ctx.Err()
		case <-retry.C:
		}
	}
	return release, nil
}
