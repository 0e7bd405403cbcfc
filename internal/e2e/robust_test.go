package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestMixedLoad: bodies of many sizes by both fronts at once, and each answer must belong to its request.
func TestMixedLoad(t *testing.T) {
	s := serve(t, "probe:application", testkit.Options{Processes: 2, Threads: 2})
	sizes := []int{0, 1, 100, 4095, 4096, 16 << 10, 65_000, 70_000, 300_000, 2 << 20}
	var group sync.WaitGroup
	for client := range 8 {
		random := rand.New(rand.NewPCG(uint64(client), 1))
		group.Go(func() {
			c := s.Fronts()[client%2]
			for i := range 60 {
				body := pattern(sizes[random.IntN(len(sizes))])
				path := fmt.Sprintf("/%d/%d", client, i)
				answer, err := c.Try(testkit.Call{Method: "POST", Target: path, Body: body})
				if err != nil || answer.Status != 200 || answer.Cut != nil ||
					!bytes.Contains(answer.Body, []byte(digest(body))) || !bytes.Contains(answer.Body, []byte(`"PATH_INFO": "`+path+`"`)) {
					t.Errorf("%s %s of %d bytes: %d, %v, %v: %s", c.Name, path, len(body), answer.Status, err, answer.Cut, clip(answer.Body))
					return
				}
			}
		})
	}
	group.Wait()
}

// TestClientsThatLeave: whoever goes away in the middle of whatever leaves nothing behind.
func TestClientsThatLeave(t *testing.T) {
	s := serve(t, "streams:application", testkit.Options{Processes: 2})
	count := func() int {
		total := 0
		for _, pid := range s.Everything() {
			total += testkit.Descriptors(t, pid)
		}
		return total
	}
	together(t, s, "/", 8)
	before := count()
	for i := range 40 {
		for _, c := range s.Fronts() {
			calls := []testkit.Call{
				{Target: "/big?n=8"}, {Target: "/file?n=1"}, {Target: "/"},
				{Method: "POST", Headers: []string{"Content-Length: 1000"}, Body: []byte("part")},
			}
			exchange, err := c.Send(calls[i%len(calls)])
			if err != nil {
				t.Fatal(err)
			}
			if i%8 < 3 { // never the upload: it has no answer yet
				_, _ = exchange.Reader.ReadByte()
			}
			_ = exchange.Close()
		}
	}
	eachFront(t, s, func(t *testing.T, c testkit.Client) { c.Get(t, "/") })
	testkit.Eventually(t, callTimeout, func() error {
		if after := count(); after > before {
			return fmt.Errorf("%d descriptors, then %d", before, after)
		}
		return nil
	})
	expectNotLogged(t, s, "Traceback", "BrokenPipe")
}

// TestKillsUnderLoad: workers are killed again and again while clients ask; every request gets an answer, and in the
// end as many processes and descriptors are there as before.
func TestKillsUnderLoad(t *testing.T) {
	s := serve(t, "hello:application", testkit.Options{Processes: 3, Errors: aDeadWorker})
	processes := len(s.Pythons())
	descriptors := testkit.Descriptors(t, s.PID())
	done := make(chan struct{})
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				answer, err := s.Fronts()[i%2].Try(testkit.Call{})
				if err != nil || answer.Status != 200 && answer.Status != 502 && answer.Status != 503 {
					t.Errorf("%d, %v", answer.Status, err)
					return
				}
			}
		})
	}
	for range 10 {
		var answer testkit.Answer
		testkit.Eventually(t, callTimeout, func() (err error) {
			if answer, err = testkit.HTTPClient(s.HTTP).Try(testkit.Call{}); err == nil && answer.Status != 200 {
				err = fmt.Errorf("status %d", answer.Status)
			}
			return err
		})
		_ = syscall.Kill(pidOf(t, answer), syscall.SIGKILL)
	}
	close(done)
	group.Wait()
	testkit.Eventually(t, 30*time.Second, func() error {
		if now := len(s.Pythons()); now != processes {
			return fmt.Errorf("%d Python processes, %d before", now, processes)
		}
		if now := testkit.Descriptors(t, s.PID()); now > descriptors+2 {
			return fmt.Errorf("%d descriptors, %d before", now, descriptors)
		}
		return nil
	})
	s.AwaitReady(t, 30*time.Second)
}

// TestNastyApplications: what an application does to its own process harms nobody else.
func TestNastyApplications(t *testing.T) {
	s := serve(t, "nasty:application", testkit.Options{Errors: aDeadWorker})
	c := testkit.HTTPClient(s.HTTP)
	alive := func() (pid int) {
		testkit.Eventually(t, callTimeout, func() error {
			answer, err := c.Try(testkit.Call{})
			if err == nil && answer.Status != 200 {
				err = fmt.Errorf("status %d", answer.Status)
			}
			if err == nil {
				pid = pidOf(t, answer)
			}
			return err
		})
		return pid
	}
	s.AwaitOutput(t, "said at import")
	for range 3 {
		expectBody(t, c.Do(t, testkit.Call{Target: "/fork"}), "forked")
	}
	expectBody(t, c.Do(t, testkit.Call{Target: "/chdir"}), "served")
	expectBody(t, c.Do(t, testkit.Call{Target: "/long-line"}), "served")
	s.AwaitOutput(t, "after the long line")
	answer := c.Get(t, "/child")
	child, err := strconv.Atoi(answer.Header.Get("X-Child"))
	if err != nil {
		t.Fatal(err)
	}
	// The child holds the worker's pipes; its parent's death must be noticed all the same.
	old := pidOf(t, answer)
	if err = syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if alive() == old {
		t.Error("the killed worker answers")
	}
	_ = syscall.Kill(child, syscall.SIGKILL)
	_, _ = c.Try(testkit.Call{Target: "/close-descriptors"})
	alive()
}

// TestThreadsAtImport: they do not survive the fork, and the log says so.
func TestThreadsAtImport(t *testing.T) {
	s := serve(t, "nasty:application", testkit.Options{Env: []string{"THREAD_AT_IMPORT=1"}})
	line := s.AwaitOutput(t, "thread")
	if !strings.Contains(line, "preload") {
		t.Errorf("the log does not say what helps: %q", line)
	}
	expectBody(t, testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{}), "served")
}

// TestWithoutPreload: each worker imports for itself.
func TestWithoutPreload(t *testing.T) {
	s := serve(t, "nasty:application", testkit.Options{Processes: 2, Config: "app: {preload: false}\n"})
	testkit.Eventually(t, callTimeout, func() error {
		if n := strings.Count(s.Output(), "said at import"); n != 2 {
			return fmt.Errorf("imported %d times", n)
		}
		return nil
	})
	eachFront(t, s, func(t *testing.T, c testkit.Client) { expectBody(t, c.Do(t, testkit.Call{}), "served") })
}

// TestListThatChangesWhileItIsSent: another thread may take the blocks away that a worker is sending. The answer is then
// short, and the worker lives.
func TestListThatChangesWhileItIsSent(t *testing.T) {
	s := serve(t, "nasty:application", testkit.Options{Processes: 1, Threads: 2})
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		pid := c.Get(t, "/").Header.Get("X-Pid")
		exchange, err := c.Send(testkit.Call{Target: "/shared-list"})
		if err != nil {
			t.Fatal(err)
		}
		defer exchange.Close()
		if _, err := exchange.ReceiveHead(); err != nil {
			t.Fatal(err)
		}
		c.Get(t, "/empty-list")
		if n, err := io.Copy(io.Discard, exchange.Reader); n < 1<<20 {
			t.Errorf("%d bytes, %v", n, err)
		}
		if now := c.Get(t, "/").Header.Get("X-Pid"); now != pid {
			t.Errorf("worker %s was replaced by %s", pid, now)
		}
	})
}
