package tuning

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// policies gives the scheduling policy of every thread of a process.
func policies(t *testing.T, pid string) map[uint32]int {
	t.Helper()
	threads, err := os.ReadDir("/proc/" + pid + "/task")
	if err != nil {
		t.Fatal(err)
	}
	found := map[uint32]int{}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			t.Fatal(err)
		}
		attr, err := unix.SchedGetAttr(id, 0)
		if err != nil {
			continue // ended by now
		}
		found[attr.Policy]++
	}
	return found
}

func TestScheduling_AllThreadsAndChildren(t *testing.T) {
	t.Cleanup(func() { backToNormal(t) })
	if err := Scheduling("other"); err != nil {
		t.Fatal(err)
	}
	if before := policies(t, "self"); before[schedOther] == 0 {
		t.Fatalf("the test runs under an unusual policy: %v", before)
	}
	if err := Scheduling("batch"); err != nil {
		t.Fatal(err)
	}
	if after := policies(t, "self"); after[schedOther] != 0 || after[schedBatch] == 0 {
		t.Errorf("threads by policy: %v", after)
	}
	child := exec.Command("sh", "-c", "read x")
	hold, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer hold.Close()
	if got := policies(t, strconv.Itoa(child.Process.Pid)); got[schedBatch] != 1 {
		t.Errorf("child by policy: %v", got)
	}
}

// backToNormal undoes the change for the tests that follow.
func backToNormal(t *testing.T) {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			t.Fatal(err)
		}
		attr, err := unix.SchedGetAttr(id, 0)
		if err != nil {
			continue // ended by now
		}
		attr.Policy = schedOther
		if err := unix.SchedSetAttr(id, attr, 0); err != nil && err != unix.ESRCH {
			t.Fatal(err)
		}
	}
}
