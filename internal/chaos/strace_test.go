package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// tampering is strace at work on a running process: it lets some of its calls into the kernel fail, which are not made then.
type tampering struct {
	strace *testkit.Process
	pid    int
	log    string // path
}

// tamper begins, with strace's own arguments, and returns when every thread of the process is traced. It takes root, or a
// kernel that lets one trace his own processes.
func tamper(t *testing.T, pid int, arguments ...string) *tampering {
	t.Helper()
	dir := testkit.Dir(t)
	s := &tampering{pid: pid, log: filepath.Join(dir, "trace")}
	arguments = append([]string{"-f", "-o", s.log, "-p", fmt.Sprint(pid)}, arguments...)
	s.strace = testkit.Start(t, dir, nil, "strace", arguments...)
	testkit.Eventually(t, 10*time.Second, func() error {
		if s.strace.Exited() {
			t.Fatalf("strace: %s", s.strace.Output())
		}
		return s.traced(true)
	})
	return s
}

// traced gives an error unless all threads of the process are traced, or none.
func (s *tampering) traced(want bool) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", s.pid))
	for _, thread := range threads {
		text, _ := os.ReadFile(thread)
		if text != nil && strings.Contains(string(text), "TracerPid:\t0\n") == want {
			return fmt.Errorf("%s: traced should be %v", thread, want)
		}
	}
	return err
}

// standsStill gives an error unless strace has seen every thread of the process stop, outside of any call, or end.
func (s *tampering) standsStill() error {
	if s.strace.Exited() {
		return nil
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", s.pid))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err
	}
	if stopped := strings.Count(string(text), "--- stopped by SIGSTOP ---\n"); stopped < len(threads) {
		return fmt.Errorf("%d of %d threads have stopped", stopped, len(threads))
	}
	return nil
}

// stop lets everything succeed again, and gives the lines of strace about the calls that did not. The process stands still
// while strace leaves it: a call that is about to fail at that moment would give ENOSYS, which nobody asked for.
func (s *tampering) stop(t *testing.T) (failed []string) {
	t.Helper()
	if err := syscall.Kill(s.pid, syscall.SIGSTOP); err == nil {
		defer func() { _ = syscall.Kill(s.pid, syscall.SIGCONT) }()
		testkit.Eventually(t, 5*time.Second, s.standsStill)
	}
	s.strace.Signal(t, syscall.SIGINT)
	s.strace.Wait(t, 10*time.Second)
	testkit.Eventually(t, 5*time.Second, func() error { return s.traced(false) })
	text, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasSuffix(line, "(INJECTED)\n") {
			failed = append(failed, strings.TrimSpace(line))
		}
	}
	return failed
}
