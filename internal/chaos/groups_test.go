package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// newMemoryGroup makes a control group with a limit of memory, of version 1 or 2, and gives its directory. It takes root.
func newMemoryGroup(t *testing.T, limit int64) string {
	t.Helper()
	name := "penknife-chaos-" + strconv.Itoa(os.Getpid())
	root, file := "/sys/fs/cgroup", "memory.max"
	if exists("/sys/fs/cgroup/memory/memory.limit_in_bytes") {
		root, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	}
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatalf("a control group for memory can be made by root only: %v", err)
	}
	t.Cleanup(func() { // when the server has gone, which was started later
		err := testkit.Await(5*time.Second, func() error { return os.Remove(dir) })
		if err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, file), []byte(strconv.FormatInt(limit, 10)), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// inGroup gives a program that starts penknife in a control group.
func inGroup(t *testing.T, group string) string {
	t.Helper()
	return starter(t, fmt.Sprintf("echo $$ >%s/cgroup.procs || exit 99\nexec", group))
}

// starter gives a program that becomes penknife after a few lines of a shell, of which the last one ends with what executes it.
func starter(t *testing.T, lines string) string {
	t.Helper()
	path := testkit.Write(t, testkit.Dir(t), "penknife", fmt.Sprintf("#!/bin/sh\n%s %s \"$@\"\n", lines, testkit.Binary(t)))
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
