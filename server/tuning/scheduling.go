package tuning

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// The kernel's policies that matter here (sched(7)).
const (
	schedOther = 0
	schedBatch = 3
)

// Scheduling puts this process under the policy that workers.cpu_scheduling names. Every thread and process that
// is started later inherits it. A policy other than the system's normal one was chosen by whoever started us, and is
// kept. The error says that the policy stays as it was, for some threads at least. Batch needs no privilege; the figures are in docs/decisions/0009-batch-scheduling.md.
func Scheduling(policy string) error {
	if policy != "batch" {
		return nil
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list the threads: %w", err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return fmt.Errorf("list the threads: %w", err)
		}
		if err := batchThread(id); err != nil {
			return err
		}
	}
	return nil
}

// batchThread changes one thread, unless it has ended by now.
func batchThread(id int) error {
	attr, err := unix.SchedGetAttr(id, 0)
	if err == nil && attr.Policy == schedOther {
		attr.Policy = schedBatch
		err = unix.SchedSetAttr(id, attr, 0)
	}
	if err == nil || err == unix.ESRCH {
		return nil
	}
	return fmt.Errorf("set SCHED_BATCH: %w", err)
}
