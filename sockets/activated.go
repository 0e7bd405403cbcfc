package sockets

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrActivation is a list of passed sockets that contradicts itself, or names descriptors that are not there.
var ErrActivation = errors.New("socket activation")

const (
	// firstPassed is the descriptor at which passed sockets begin (SD_LISTEN_FDS_START).
	firstPassed = 3
	// maxPassed is more than any service has.
	maxPassed = 4096
)

// Activated takes the listening sockets over that a service manager has passed to the process with that number, as sd_listen_fds(3)
// says. The files have the names that the manager gave them; the descriptors close on exec. None for another process, nor without
// LISTEN_FDS. Call it before anything else is opened, and once: a second call would give the same descriptors. An error
// wraps ErrActivation.
func Activated(getenv func(name string) string, pid int) ([]*os.File, error) {
	names, err := activation(getenv, pid)
	if err != nil {
		return nil, err
	}
	for i := range names { // all are judged before any is taken
		if _, err := unix.FcntlInt(uintptr(firstPassed+i), unix.F_GETFD, 0); err != nil {
			return nil, fmt.Errorf("%w: LISTEN_FDS is %d, but descriptor %d is not open", ErrActivation, len(names), firstPassed+i)
		}
	}
	var files []*os.File
	for i, name := range names {
		unix.CloseOnExec(firstPassed + i)
		files = append(files, os.NewFile(uintptr(firstPassed+i), name))
	}
	return files, nil
}

// activation reads the names of the sockets, of which there may be none.
func activation(getenv func(name string) string, pid int) ([]string, error) {
	count := getenv("LISTEN_FDS")
	if meant, err := strconv.Atoi(getenv("LISTEN_PID")); err != nil || meant != pid || count == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxPassed {
		return nil, fmt.Errorf("%w: LISTEN_FDS is %q, and no number up to %d", ErrActivation, count, maxPassed)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = "LISTEN_FD_" + strconv.Itoa(firstPassed+i)
	}
	list := getenv("LISTEN_FDNAMES")
	if list == "" {
		return names, nil
	}
	given := strings.Split(list, ":")
	if len(given) != n {
		return nil, fmt.Errorf("%w: LISTEN_FDS is %d, but LISTEN_FDNAMES has %d names", ErrActivation, n, len(given))
	}
	for i, name := range given {
		if name != "" {
			names[i] = name
		}
	}
	return names, nil
}
