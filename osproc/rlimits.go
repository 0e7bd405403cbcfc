package osproc

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrNoSuchLimit is a name that is not among those of rlimits.
var ErrNoSuchLimit = errors.New("no such limit")

// rlimits are the limits that can be set, by the names of setrlimit(2).
var rlimits = map[string]int{
	"core": unix.RLIMIT_CORE, "fsize": unix.RLIMIT_FSIZE, "memlock": unix.RLIMIT_MEMLOCK,
	"nofile": unix.RLIMIT_NOFILE, "nproc": unix.RLIMIT_NPROC, "stack": unix.RLIMIT_STACK,
}

// SetRlimits sets soft limits of this process and all that it starts. A hard limit is raised if it has to be, which
// needs root, and never lowered, so that a successor of this process can have other limits. Package syscall raises
// nofile by itself at the start and gives children the original; a value that is set here is theirs too.
func SetRlimits(limits map[string]uint64) error {
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		number, known := rlimits[name]
		if !known {
			return fmt.Errorf("%s: %w", name, ErrNoSuchLimit)
		}
		var now syscall.Rlimit
		if err := syscall.Getrlimit(number, &now); err != nil {
			return fmt.Errorf("rlimit %s: %w", name, err)
		}
		now.Cur = limits[name]
		now.Max = max(now.Max, now.Cur)
		if err := syscall.Setrlimit(number, &now); err != nil {
			return fmt.Errorf("rlimit %s of %d: %w", name, limits[name], err)
		}
	}
	return nil
}

// OpenFiles gives how many descriptors this process may have open: the soft limit of nofile.
func OpenFiles() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("rlimit nofile: %w", err)
	}
	return limit.Cur, nil
}
