package e2e

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"penknife/internal/testkit"
)

// threadPolicies counts the threads of a process by their scheduling policy.
func threadPolicies(t *testing.T, pid int) map[uint32]int {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := map[uint32]int{}
	for _, thread := range threads {
		id, err := strconv.Atoi(filepath.Base(thread))
		if err != nil {
			t.Fatal(err)
		}
		if attr, err := unix.SchedGetAttr(id, 0); err == nil {
			found[attr.Policy]++
		}
	}
	return found
}

// TestPace: beside workers that compute on every CPU the main process may interrupt them, and with much to do it may not. The
// workers never interrupt anybody, not even those of a generation that begins meanwhile. Decision 0038.
func TestPace(t *testing.T) {
	cpus := runtime.NumCPU()
	root := testkit.Dir(t)
	testkit.Write(t, root, "file", "content")
	p := testkit.Penknife(t, testkit.Options{
		App: "compute:application", Chdir: apps(t), Processes: cpus, Config: "static:\n  - {url: /static, root: " + root + "}\n",
	})
	// load has so many clients ask without a pause, until it is called off.
	load := func(clients int, target string) (callOff func()) {
		quit := make(chan struct{})
		var asking sync.WaitGroup
		for range clients {
			asking.Go(func() { // ends with quit
				kept, err := testkit.HTTPClient(p.HTTP).Dial()
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = kept.Close() }()
				for {
					select {
					case <-quit:
						return
					default:
					}
					_, err := kept.Write([]byte("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"))
					if err == nil {
						_, err = kept.Receive()
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		return func() { close(quit); asking.Wait() }
	}
	await := func(policy uint32) {
		t.Helper()
		testkit.Eventually(t, 20*time.Second, func() error {
			if found := threadPolicies(t, p.PID()); len(found) != 1 || found[policy] == 0 {
				return fmt.Errorf("threads by policy: %v", found)
			}
			return nil
		})
		for _, pid := range p.Pythons() {
			if found := threadPolicies(t, pid); len(found) != 1 || found[unix.SCHED_BATCH] == 0 {
				t.Errorf("process %d of the application: %v", pid, found)
			}
		}
	}
	await(unix.SCHED_BATCH)
	callOff := load(2*cpus, "/compute")
	await(unix.SCHED_NORMAL)
	p.Signal(t, unix.SIGHUP)
	p.AwaitOutput(t, "reloaded")
	await(unix.SCHED_NORMAL)
	callOff()
	callOff = load(8, "/static/file")
	await(unix.SCHED_BATCH)
	callOff()
}
