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

// command runs a command of penknife against the arena's server.
func (a *arena) command(t *testing.T, arguments ...string) (code int, output string) {
	t.Helper()
	return testkit.Run(t, 40*time.Second, append(arguments, "--uwsgi", "unix:"+a.Uwsgi)...)
}

// filesIn lists what penknife may have left in a directory.
func filesIn(dir string) ([]string, error) { return filepath.Glob(filepath.Join(dir, "penknife-*")) }

// TestReloadsUnderLoad is scenario 3: SIGHUP again and again under load. Nothing fails, and what is there afterwards is what
// was there before.
func TestReloadsUnderLoad(t *testing.T) {
	a := begin(t, setup{processes: 2, threads: 2})
	old, before := a.Pythons(), int64(0)
	a.inject(func() {
		for range rounds(4, 20) {
			generation := a.status(t).Current.Number
			a.Signal(t, syscall.SIGHUP)
			testkit.Eventually(t, 30*time.Second, func() error {
				if a.status(t).Current.Number == generation {
					return errNotYet
				}
				return nil
			})
			if before == 0 {
				before = testkit.RSS(t, a.PID()) // with what the first one needs
			}
		}
	})
	a.end(t, criterion{slowest: 5 * time.Second})
	a.CheckNobodyLeft(t, old)
	now := testkit.RSS(t, a.PID())
	t.Logf("memory: %d MiB before, %d MiB now", before>>20, now>>20)
	if now-before > 64<<20 { // the collector lets the heap of such a load grow to some 55 MiB; a generation takes more when it stays
		t.Errorf("memory grew from %d to %d MiB", before>>20, now>>20)
	}
}

const realConfig = `# what an editor is writing
workers:
  request_timeout: 30s
  queue: 100
log: {level: info, access: combined}
cache:
  enabled: true
  size: 16MiB
`

// TestHalfWrittenConfigurations is scenario 4: a reload while the file is cut at any byte. Either it is a configuration, or
// the command says what is wrong and the old generation serves. So it is without a file, and with an application that cannot be
// imported. Each failure is one line in the log and one in the counter. In the end a good one works.
func TestHalfWrittenConfigurations(t *testing.T) {
	crash := filepath.Join(testkit.Dir(t), "crash")
	a := begin(t, setup{processes: 2, env: []string{"CRASH=" + crash}})
	path := filepath.Join(a.Dir, "penknife.yaml")
	good := testkit.ReadFile(t, path)
	codes := map[int]int{}
	a.inject(func() {
		for at := 0; at < len(realConfig); at += rounds(37, 3) {
			if err := os.WriteFile(path, []byte(realConfig[:at]), 0o600); err != nil {
				t.Fatal(err)
			}
			code, output := a.command(t, "reload")
			codes[code]++
			if code != 0 && (code != 2 || !strings.Contains(output, "penknife.yaml:")) {
				t.Errorf("cut at byte %d: exit code %d\n%s", at, code, output)
			}
		}
		testkit.Write(t, filepath.Dir(crash), "crash", "")
		a.refusedReload(t, "no file", func() error { return os.Remove(path) }, 2, "penknife.yaml")
		codes[2]++
		a.refusedReload(t, "no import", func() error { return os.WriteFile(path, []byte(good), 0o600) }, 3, "the application is broken")
		codes[3]++
		if err := os.Remove(crash); err != nil {
			t.Fatal(err)
		}
		if code, output := a.command(t, "reload"); code != 0 {
			t.Errorf("a good one: exit code %d\n%s", code, output)
		}
	})
	t.Logf("exit codes: %v", codes)
	if codes[2] == 0 {
		t.Error("nothing was refused")
	}
	failed := codes[2] + codes[3]
	if lines := strings.Count(a.Output(), "reload failed; everything stays as it was"); lines != failed {
		t.Errorf("%d lines for %d reloads that failed", lines, failed)
	}
	a.end(t, criterion{slowest: 5 * time.Second, moved: map[string]float64{
		`penknife_reloads_total{result="failure"}`: float64(failed), `penknife_reloads_total{result="success"}`: float64(codes[0] + 1),
		"penknife_reload_last_successful": 0, // 1 before, 1 now
	}})
}

// refusedReload makes a change with which no reload can work: the command says so, and the same workers go on.
func (a *arena) refusedReload(t *testing.T, name string, change func() error, code int, says string) {
	t.Helper()
	if err := change(); err != nil {
		t.Fatal(err)
	}
	before := a.workers(t)
	got, output := a.command(t, "reload")
	if now := a.workers(t); got != code || !strings.Contains(output, says) || len(now) != len(before) || now[0].PID != before[0].PID {
		t.Errorf("%s: exit code %d, workers %v became %v\n%s", name, got, before, now, output)
	}
}

// TestSignalStorm is scenario 25: a thousand of each signal. It ends in one generation of the size that it then has, which
// can be changed, and no request fails.
func TestSignalStorm(t *testing.T) {
	a := begin(t, setup{processes: 2, threads: 2, config: "workers: {max_processes: 4}\n"})
	storm := []syscall.Signal{
		syscall.SIGHUP, syscall.SIGCHLD, syscall.SIGUSR1, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGPIPE, syscall.SIGWINCH,
		syscall.SIGURG, syscall.SIGALRM, syscall.SIGCONT,
	}
	a.inject(func() {
		for range rounds(300, 1000) {
			for _, s := range storm {
				a.Signal(t, s)
			}
		}
	})
	testkit.Eventually(t, 30*time.Second, func() error {
		code, output := a.command(t, "scale", "2")
		if code != 0 {
			return fmt.Errorf("scale: %d %s", code, output)
		}
		return nil
	})
	testkit.Eventually(t, 20*time.Second, func() error {
		if s := a.status(t); len(s.Generations()) != 1 || s.Current.Number == 1 || len(a.workers(t)) != 2 || len(s.Current.Workers) != 2 {
			return fmt.Errorf("%d generations, now %d, workers %v", len(s.Generations()), s.Current.Number, s.Current.Workers)
		}
		return nil
	})
	t.Logf("converged %v after the storm; generation %d", time.Since(a.fault).Round(time.Millisecond), a.status(t).Current.Number)
	a.end(t, criterion{slowest: 5 * time.Second})
}
