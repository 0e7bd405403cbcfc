package workers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"penknife/gateway"
	"penknife/internal/testkit"

	"golang.org/x/sys/unix"
)

func gone(pids ...int) func() error {
	return func() error {
		for _, pid := range pids {
			if testkit.Alive(pid) {
				return fmt.Errorf("process %d is alive", pid)
			}
		}
		return nil
	}
}

func (m started) pids() []int {
	s := m.Snapshot()
	pids := []int{s.ZygotePID}
	for _, w := range s.Workers {
		pids = append(pids, w.PID)
	}
	return pids
}

func (m started) stop(t testing.TB, limit time.Duration) (time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	begin := time.Now()
	err := m.Shutdown(ctx)
	return time.Since(begin), err
}

func TestShutdown_LeavesNothing(t *testing.T) {
	m := startManager(t, testConfig(t))
	child, _ := strconv.Atoi(m.get(t, "/children"))
	pids := append(m.pids(), child)
	if took, err := m.stop(t, 10*time.Second); err != nil || took > 3*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	if err := gone(pids...)(); err != nil {
		t.Error(err)
	}
	if m.Ready() != 0 || m.Snapshot().Ready() != 0 {
		t.Error("still ready")
	}
	if _, err := m.send(t, request(t, "/pid")); gateway.KindOf(err) != gateway.KindUnavailable {
		t.Errorf("a request after the end: %v", err)
	}
}

func TestShutdown_FinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	m := startManager(t, testConfig(t))
	slow := make(chan error, 1)
	go func() { // ends with the request
		body, err := m.send(t, request(t, "/slow"))
		if body != "slow" && err == nil {
			err = fmt.Errorf("body %q", body)
		}
		slow <- err
	}()
	testkit.Eventually(t, 5*time.Second, func() error { return m.log.contains("line=slow-begins") })
	if _, err := m.stop(t, 10*time.Second); err != nil {
		t.Error(err)
	}
	if err := <-slow; err != nil {
		t.Error(err)
	}
}

func TestShutdown_IsBounded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ app, target string }{{"probe", "/hang"}, {"stubborn", "/pid"}} {
		t.Run(test.app, func(t *testing.T) {
			c := testConfig(t)
			c.App.WSGI = test.app
			m := startManager(t, c)
			pids := m.pids()
			answered := make(chan error, 1)
			go func() { // ends with the request
				_, err := m.send(t, request(t, test.target))
				answered <- err
			}()
			if test.target == "/hang" {
				testkit.Eventually(t, 5*time.Second, func() error {
					if m.Snapshot().InFlight != 1 {
						return errors.New("no request in flight")
					}
					return nil
				})
			} else if err := <-answered; err != nil {
				t.Error(err)
			}
			took, err := m.stop(t, 500*time.Millisecond)
			if took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			if test.target == "/hang" {
				if err == nil {
					t.Error("nobody says that a request was cut")
				}
				if err := <-answered; gateway.KindOf(err) != gateway.KindWorkerDied {
					t.Errorf("the request got %v", err)
				}
			}
			if err := gone(pids...)(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOrphansOfTheApplicationAreReaped(t *testing.T) {
	t.Parallel()
	m := startManager(t, testConfig(t))
	m.get(t, "/children")
	worker := m.Snapshot().Workers[0].PID
	_ = unix.Kill(worker, unix.SIGKILL)
	testkit.Eventually(t, 10*time.Second, func() error {
		all, err := children()
		if err != nil {
			return err
		}
		for _, c := range all {
			if c.zombie {
				return fmt.Errorf("zombie %+v", c)
			}
		}
		return nil
	})
}

func TestZygoteDeathHurtsNobody(t *testing.T) {
	t.Parallel()
	m := startManager(t, testConfig(t))
	before := m.Snapshot()
	_ = unix.Kill(before.ZygotePID, unix.SIGKILL)
	testkit.Eventually(t, 10*time.Second, func() error {
		if now := m.Snapshot(); now.ZygotePID == 0 || now.ZygotePID == before.ZygotePID {
			return errors.New("no new zygote")
		}
		return nil
	})
	testkit.Eventually(t, 10*time.Second, m.ready(2))
	for i, w := range m.Snapshot().Workers {
		if w.PID != before.Workers[i].PID {
			t.Errorf("worker %d was replaced", i)
		}
	}
	// The new zygote can be used.
	m.fails(t, "/exit?1", gateway.KindWorkerDied)
	testkit.Eventually(t, 10*time.Second, m.ready(2))
}

func TestCrashLoopAnswers503AndRecovers(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	flag := t.TempDir() + "/down"
	c.App.WSGI, c.App.Preload, c.App.Env["FRAGILE"] = "fragile", false, flag
	m := startManager(t, c)
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, w := range m.Snapshot().Workers {
		_ = unix.Kill(w.PID, unix.SIGKILL)
	}
	testkit.Eventually(t, 10*time.Second, func() error {
		if !m.Snapshot().CrashLoop {
			return errors.New("no crash loop")
		}
		return nil
	})
	text := m.fails(t, "/pid", gateway.KindUnavailable)
	if !strings.Contains(text, "keeps failing") {
		t.Errorf("%q", text)
	}
	if err := m.log.contains("worker died", "the database is down"); err != nil {
		t.Error(err)
	}
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 10*time.Second, m.ready(2))
	m.get(t, "/pid")
}

func TestThreadsAtImportAreReported(t *testing.T) {
	c := testConfig(t)
	c.App.WSGI = "threaded"
	m := startManager(t, c)
	if err := m.log.contains("level=WARN", "metrics-flusher", "preload"); err != nil {
		t.Error(err)
	}
}

func TestDescriptorsDoNotGrow(t *testing.T) {
	m := startManager(t, testConfig(t))
	kill := func() {
		m.fails(t, "/exit?1", gateway.KindWorkerDied)
		testkit.Eventually(t, 10*time.Second, m.ready(2))
	}
	kill()
	ours, zygotes := testkit.Descriptors(t, os.Getpid()), testkit.Descriptors(t, m.Snapshot().ZygotePID)
	for range 5 {
		kill()
	}
	testkit.Eventually(t, 5*time.Second, func() error {
		if now := testkit.Descriptors(t, os.Getpid()); now > ours {
			return fmt.Errorf("%d descriptors, %d before", now, ours)
		}
		return nil
	})
	if now := testkit.Descriptors(t, m.Snapshot().ZygotePID); now > zygotes {
		t.Errorf("the zygote has %d descriptors, %d before", now, zygotes)
	}
}

func TestPythonOnPathMayBeAWrapper(t *testing.T) {
	dir := t.TempDir()
	testkit.Write(t, dir, "python3", "#!/bin/sh\nexec "+defaultPython()+" \"$@\"\n")
	if err := os.Chmod(dir+"/python3", 0o755); err != nil {
		t.Fatal(err)
	}
	c := testConfig(t)
	c.App.Python = dir + "/python3"
	startManager(t, c).get(t, "/pid")
}

// beVictim is the program of the process that TestKillLeavesNoPython kills. It tells the pids of its workers.
func beVictim() {
	t := &standIn{}
	c := testConfig(t)
	c.App.WSGI, c.App.Preload = os.Getenv("PENKNIFE_TEST_VICTIM"), os.Getenv("PENKNIFE_TEST_PRELOAD") != "no"
	m, err := New(c, Deps{Log: newTestLog(os.Stderr)})
	if err == nil {
		err = m.Start(context.Background())
	}
	fmt.Println("started", err)
	select {} // until it is killed
}

// standIn is a testing.TB for a process that is no test.
type standIn struct{ testing.TB }

func (*standIn) Helper()           {}
func (*standIn) TempDir() string   { return os.TempDir() }
func (*standIn) Fatal(args ...any) { fmt.Println(args...); os.Exit(1) }

// TestKillLeavesNoPython kills the Go process while workers serve, and while the zygote and the workers import.
func TestKillLeavesNoPython(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ app, preload, sign string }{
		{"probe", "yes", "started <nil>"}, {"slow", "yes", "line=importing"}, {"slow", "no", "line=importing"},
	} {
		t.Run(test.app+" preload "+test.preload, func(t *testing.T) {
			victim := exec.Command(os.Args[0])
			victim.Env = append(os.Environ(), "PENKNIFE_TEST_VICTIM="+test.app, "PENKNIFE_TEST_PRELOAD="+test.preload)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close() }()
			victim.Stdout, victim.Stderr = w, w
			if err := victim.Start(); err != nil {
				t.Fatal(err)
			}
			_ = w.Close()
			lines := bufio.NewScanner(r)
			for found := false; !found && lines.Scan(); {
				found = strings.Contains(lines.Text(), test.sign)
			}
			pids := testkit.Descendants(victim.Process.Pid)
			if len(pids) == 0 {
				t.Fatal("no Python process was started")
			}
			_ = victim.Process.Kill()
			_ = victim.Wait()
			testkit.Eventually(t, 2*time.Second, gone(pids...))
		})
	}
}
