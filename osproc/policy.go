package osproc

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Policy is one of the kernel's scheduling policies (sched(7)).
type Policy uint32

// The policies that need no privilege and differ in one thing only: under Normal a thread that wakes up may preempt the
// one on its CPU, under Batch it lets it finish its turn.
const (
	Normal Policy = unix.SCHED_NORMAL
	Batch  Policy = unix.SCHED_BATCH
)

// SetPolicy puts a thread, or the only thread of a process, under one of the two policies. A thread under any other was put
// there by somebody else, and keeps it. It is no error when the thread has ended.
func SetPolicy(id int, policy Policy) error {
	_, err := setPolicy(id, policy)
	return err
}

// setPolicy is SetPolicy, and tells whether it has changed anything.
func setPolicy(id int, policy Policy) (changed bool, err error) {
	attr, err := unix.SchedGetAttr(id, 0)
	if err == nil && Policy(attr.Policy) != policy && (attr.Policy == uint32(Normal) || attr.Policy == uint32(Batch)) {
		attr.Policy = uint32(policy)
		err = unix.SchedSetAttr(id, attr, 0)
		changed = err == nil
	}
	if err == nil || err == unix.ESRCH {
		return changed, nil
	}
	return false, fmt.Errorf("set the scheduling policy: %w", err)
}

// maxPasses bounds how often SetOwnPolicy looks for threads that were begun meanwhile.
const maxPasses = 5

// SetOwnPolicy is SetPolicy for every thread of this process; what they start later inherits it. After an error some threads
// may have changed.
func SetOwnPolicy(policy Policy) error {
	for range maxPasses {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("list the threads: %w", err)
		}
		again := false
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return fmt.Errorf("list the threads: %w", err)
			}
			changed, err := setPolicy(id, policy)
			if err != nil {
				return err
			}
			again = again || changed // that thread may have begun another before
		}
		if !again {
			return nil
		}
	}
	return nil
}
