package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestDisksThatFail is scenario 19 with EIO: what a broken disk says to whoever opens, writes, syncs or renames. Bodies that
// need a file get 507 and nobody else notices, lines of both logs are lost and counted, the pidfile and a rotation change
// nothing, and when the disk works again all is well. The snapshot of the cache that cannot be written at the end leaves
// nothing behind and costs nothing but itself.
func TestDisksThatFail(t *testing.T) {
	dir := testkit.Dir(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	spool := in("spool")
	if err := os.Mkdir(spool, 0o700); err != nil {
		t.Fatal(err)
	}
	a := begin(t, setup{processes: 2, threads: 2, limits: "  temp_dir: " + spool + "\n", config: fmt.Sprintf(
		"log: {file: %s, access: combined, access_delay: 0s, access_file: %s}\ncache: {enabled: true, snapshot: %s}\nprocess: {pidfile: %s}\n",
		in("main.log"), in("access.log"), in("snapshot"), in("pid"))})
	a.fresh(t) // something to keep
	disk := tamper(t, a.PID(), "-P", spool, "-P", in("main.log"), "-P", in("access.log"), "-P", in("pid"),
		"-e", "trace=write,openat,fsync,rename,renameat,unlinkat", "-e", "inject=write,openat,fsync,rename,renameat,unlinkat:error=EIO")
	a.inject(func() {
		for i := range rounds(10, 100) {
			c := a.Fronts()[i%2]
			if answer := c.Do(t, testkit.Call{Method: "POST", Target: "/", Body: make([]byte, 300_000)}); answer.Status != 507 {
				t.Errorf("%s: a body without a place: %d", c.Name, answer.Status)
			}
			c.Get(t, "/")
		}
		a.Signal(t, syscall.SIGUSR1) // neither log can be opened
	})
	testkit.Eventually(t, 5*time.Second, func() error {
		for _, log := range []string{"access", "main"} {
			if a.scrape(t)[`penknife_log_dropped_total{log="`+log+`"}`] == 0 {
				return errors.New("no lost line was counted for " + log)
			}
		}
		return nil
	})
	a.AwaitOutput(t, "not written")
	if n := len(disk.stop(t)); n < 20 {
		t.Errorf("%d calls have failed", n)
	}
	back := time.Since(a.fault) + time.Second
	for _, r := range a.load.ledger.failed() {
		if r.uploaded <= 64<<10 {
			t.Errorf("a request with a body of %d bytes: %s", r.uploaded, r.outcome)
		}
	}
	before := a.logSize(t, in("access.log"))
	a.Fronts()[0].Get(t, "/")
	testkit.Eventually(t, 5*time.Second, func() error {
		if a.logSize(t, in("access.log")) == before {
			return errors.New("nothing is logged")
		}
		return nil
	})
	a.end(t, criterion{most: map[string]int{"507": 1 << 20}, back: back, unblamed: true, moved: map[string]float64{starts: 0}})
	a.endWithoutSnapshot(t, in("snapshot"))
	if exists(in("pid")) {
		t.Error("the pidfile is still there")
	}
}

func (a *arena) logSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// endWithoutSnapshot stops the server while its snapshot cannot be synced.
func (a *arena) endWithoutSnapshot(t *testing.T, path string) {
	t.Helper()
	below := a.Pythons()
	disk := tamper(t, a.PID(), "-P", path+".new", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO")
	if code := a.Terminate(t, testkit.Grace); code != 0 {
		t.Errorf("exit code %d", code)
	}
	disk.strace.Wait(t, 5*time.Second)
	if trace := testkit.ReadFile(t, disk.log); !strings.Contains(trace, "INJECTED") {
		t.Errorf("nothing has failed: %s", trace)
	}
	for _, file := range []string{path, path + ".new"} {
		if exists(file) {
			t.Errorf("%s is there", file)
		}
	}
	a.CheckNobodyLeft(t, below)
}

// TestStartOnABrokenDisk: a pidfile that cannot be made ends the start with a message, and leaves nothing behind.
func TestStartOnABrokenDisk(t *testing.T) {
	dir := testkit.Dir(t)
	pidfile := filepath.Join(dir, "pid")
	p := testkit.Start(t, dir, nil, "strace", "-f", "-o", "trace", "-P", pidfile, "-e", "trace=rename,renameat,renameat2",
		"-e", "inject=rename,renameat,renameat2:error=EIO", testkit.Binary(t), "serve", "chaos:application",
		"--chdir", filepath.Join(testkit.Root(t), "internal", "chaos", "apps"), "--http", testkit.FreeAddress(t), "--python", testkit.DefaultPython(t), "--pidfile", pidfile)
	if code := p.Wait(t, 20*time.Second); code != 1 || !strings.Contains(p.Output(), "pidfile") || !strings.Contains(p.Output(), "input/output error") {
		t.Errorf("exit code %d\n%s", code, p.Output())
	}
	left, err := filepath.Glob(pidfile + "*")
	if err != nil || len(left) > 0 || !strings.Contains(testkit.ReadFile(t, filepath.Join(dir, "trace")), "INJECTED") {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
