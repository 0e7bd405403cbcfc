package e2e

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

// TestSidecars: a daemon and jobs run in the application's surroundings, survive their own death, follow a reload, show
// in status and metrics, and leave with penknife.
func TestSidecars(t *testing.T) {
	dir := testkit.Dir(t)
	testkit.Write(t, dir, "app.py", "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'app']\n")
	testkit.Write(t, dir, "jobs.py", "import sys\ndef once():\n    open('called', 'a').write(sys.prefix + '\\n')\n")
	s := testkit.Penknife(t, testkit.Options{App: "app:application", Chdir: dir, Errors: []string{"job done"}, Config: `
daemons:
  - {name: queue, command: 'echo "$$" >> queue.pids; command -v python3 > which; echo working; exec sleep 1000'}
cron:
  - {name: called, schedule: "@every 1s", call: "jobs:once"}
  - {name: failing, schedule: "@every 1s", command: "echo broken; exit 7"}
`})
	pids := func() []string {
		text, _ := os.ReadFile(filepath.Join(dir, "queue.pids"))
		return strings.Fields(string(text))
	}
	daemons := func(n int) {
		t.Helper()
		testkit.Eventually(t, 20*time.Second, func() error {
			if got := pids(); len(got) != n {
				return fmt.Errorf("%d processes of the daemon were started, want %d", len(got), n)
			}
			return nil
		})
	}
	daemons(1)
	var first int
	fmt.Sscan(pids()[0], &first) //nolint:errcheck // 0 fails below
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	daemons(2)
	command := func(name string) (int, string) {
		return testkit.Run(t, 30*time.Second, name, "--uwsgi", "unix:"+s.Uwsgi)
	}
	if code, out := command("reload"); code != 0 {
		t.Fatalf("reload: %d %s", code, out)
	}
	daemons(3)
	testkit.Eventually(t, 20*time.Second, func() error {
		if _, err := os.Stat(filepath.Join(dir, "called")); err != nil {
			return err
		}
		_, out := command("status")
		for _, want := range []string{"queue", "running", "called", "failing", "exit status 7"} {
			if !strings.Contains(out, want) {
				return fmt.Errorf("%s is missing in\n%s", want, out)
			}
		}
		return nil
	})
	log := s.Output()
	for _, want := range []string{`daemon=queue`, `line=working`, `job=failing`, `line=broken`} {
		if !strings.Contains(log, want) {
			t.Errorf("%s is missing in the log", want)
		}
	}
}

// TestKilledServerLeavesNoSidecar: SIGKILL of penknife ends daemons and jobs with all that they have started, the shell's
// children and theirs.
func TestKilledServerLeavesNoSidecar(t *testing.T) {
	dir := testkit.Dir(t)
	s := serve(t, "hello:application", testkit.Options{Config: fmt.Sprintf(`
daemons:
  - {name: plain, command: "sleep 1000"}
  - {name: nested, command: "sh -c 'sleep 1000 & sleep 1000' & sleep 1000"}
  - {name: script, command: "exec 3> %s/out; (sleep 1000 >&3) & wait"}
cron:
  - {name: job, schedule: "@every 1s", command: "sleep 1000 & sleep 1000"}
`, dir)})
	var below []int
	testkit.Eventually(t, 20*time.Second, func() error {
		sleeping := 0
		below = s.Pythons()
		for _, pid := range below {
			if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil && string(name) == "sleep\n" {
				sleeping++
			}
		}
		if sleeping != 7 {
			return fmt.Errorf("%d processes sleep", sleeping)
		}
		return nil
	})
	s.Signal(t, syscall.SIGKILL)
	s.Wait(t, 5*time.Second)
	s.CheckNobodyLeft(t, below)
}
