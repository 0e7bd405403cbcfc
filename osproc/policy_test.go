package osproc

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// policies counts the threads of a process by their policy.
func policies(t *testing.T, pid string) map[Policy]int {
	t.Helper()
	threads, err := os.ReadDir("/proc/" + pid + "/task")
	if err != nil {
		t.Fatal(err)
	}
	found := map[Policy]int{}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			t.Fatal(err)
		}
		attr, err := unix.SchedGetAttr(id, 0)
		if err != nil {
			continue // ended by now
		}
		found[Policy(attr.Policy)]++
	}
	return found
}

// TestSetOwnPolicy: all threads change, there and back, and what is started inherits the policy.
func TestSetOwnPolicy(t *testing.T) {
	if before := policies(t, "self"); before[Normal] == 0 {
		t.Fatalf("the test runs under an unusual policy: %v", before)
	}
	t.Cleanup(func() {
		if err := SetOwnPolicy(Normal); err != nil {
			t.Error(err)
		}
		if after := policies(t, "self"); after[Batch] != 0 || after[Normal] == 0 {
			t.Errorf("threads by policy, back again: %v", after)
		}
	})
	if err := SetOwnPolicy(Batch); err != nil {
		t.Fatal(err)
	}
	if after := policies(t, "self"); after[Normal] != 0 || after[Batch] == 0 {
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
	pid := child.Process.Pid
	if got := policies(t, strconv.Itoa(pid)); got[Batch] != 1 {
		t.Errorf("child by policy: %v", got)
	}
	if err := SetPolicy(pid, Normal); err != nil || policies(t, strconv.Itoa(pid))[Normal] != 1 {
		t.Errorf("child by policy, then: %v, %v", policies(t, strconv.Itoa(pid)), err)
	}
	if err := unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0); err != nil {
		t.Fatal(err)
	}
	if err := SetPolicy(pid, Batch); err != nil || policies(t, strconv.Itoa(pid))[unix.SCHED_IDLE] != 1 {
		t.Errorf("somebody else's policy was changed: %v, %v", policies(t, strconv.Itoa(pid)), err)
	}
}

func TestSetPolicy_Gone(t *testing.T) {
	child := exec.Command("true")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	if err := SetPolicy(child.Process.Pid, Batch); err != nil {
		t.Error(err)
	}
}
