package chaos

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"penknife/internal/testkit"
)

// limit sets a soft limit of a running process and gives the one before.
func limit(t *testing.T, pid, resource int, soft uint64) (before uint64) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: min(soft, old.Max), Max: old.Max}, nil); err != nil {
		t.Fatal(err)
	}
	return old.Cur
}

// TestDescriptorsRunOut is scenario 18: penknife gets no descriptor any more, while its workers are killed too. Kept
// connections go on, nothing spins, a log is rotated, and when there are some again everything is back within 3 seconds.
func TestDescriptorsRunOut(t *testing.T) {
	logged := filepath.Join(testkit.Dir(t), "access.log")
	a := begin(t, setup{processes: 2, threads: 2, patience: 20 * time.Second,
		config: "log: {access: combined, access_delay: 0s, access_file: " + logged + "}\n"})
	kept, err := testkit.HTTPClient(a.HTTP).Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = kept.Close() }()
	asked := 0
	ask := func() {
		t.Helper()
		if _, err := kept.Write([]byte("GET /kept HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if answer, err := kept.Receive(); err != nil || answer.Status != 200 {
			t.Fatalf("on a connection that is there: %d, %v", answer.Status, err)
		}
		asked++
	}
	ask()
	a.halt() // so that what the fault costs can be told from what others cost
	var usual uint64
	var crowded crowd
	defer crowded.leave()
	a.inject(func() {
		usual = limit(t, a.PID(), unix.RLIMIT_NOFILE, uint64(a.Footprint(t).Descriptors)+10)
		for _, c := range a.Fronts() {
			crowded.join(t, c, 20, nil)
		}
		a.AwaitOutput(t, "accept fails")
		ask()
		workers := a.Pythons()
		victim := workers[len(workers)-1]
		_ = syscall.Kill(victim, syscall.SIGKILL)
		a.AwaitOutput(t, "no worker could be ordered")
		a.renameLog(t, logged)
		before := testkit.CPUTime(t, a.PID())
		<-time.After(span(2*time.Second, 10*time.Second))
		spent := testkit.CPUTime(t, a.PID()) - before
		t.Logf("processor time meanwhile: %v", spent)
		if spent > span(300*time.Millisecond, time.Second) {
			t.Errorf("it spins: %v of processor time", spent)
		}
		ask()
	})
	limit(t, a.PID(), unix.RLIMIT_NOFILE, usual)
	crowded.leave()
	a.fault = time.Now()
	for _, c := range a.Fronts() {
		c.Get(t, "/")
	}
	back := a.awaitWorkers(t, 2)
	t.Logf("all workers are back %v after the shortage", time.Since(a.fault))
	if back > 3*time.Second {
		t.Errorf("that took %v", back)
	}
	_ = kept.Close()
	a.load.stop = nil
	a.end(t, criterion{})
	testkit.Eventually(t, 5*time.Second, func() error { // none of the log's lines is lost
		before, after := strings.Count(testkit.ReadFile(t, logged+".1"), "GET /kept "), strings.Count(testkit.ReadFile(t, logged), "GET /kept ")
		if before != asked-1 || after != 1 {
			return fmt.Errorf("%d requests are in the log that was renamed, %d in the new one; there were %d and 1", before, after, asked-1)
		}
		return nil
	})
}

// TestFewDescriptors: a process that may have 100 descriptors serves as many clients as leave some for itself, and tells
// the others.
func TestFewDescriptors(t *testing.T) {
	a := begin(t, setup{idle: true, starter: starter(t, "ulimit -n 100 && exec")})
	a.AwaitOutput(t, "fewer connections than limits.connections says")
	var crowded crowd
	defer crowded.leave()
	crowded.join(t, a.Fronts()[0], 36, func(e *testkit.Exchange) error {
		_, err := e.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
		if err == nil {
			_, err = e.Receive()
		}
		return err
	})
	for _, c := range a.Fronts() {
		if answer := c.Do(t, testkit.Call{Target: "/"}); answer.Status != 503 {
			t.Errorf("%s: one client more: %d", c.Name, answer.Status)
		}
	}
	a.status(t)
	a.scrape(t)
	crowded.leave()
	testkit.Eventually(t, 5*time.Second, func() error {
		if answer := a.Fronts()[0].Do(t, testkit.Call{Target: "/"}); answer.Status != 200 {
			return fmt.Errorf("a client later: %d", answer.Status)
		}
		return nil
	})
	a.end(t, criterion{})
}

// renameLog does what logrotate does, when no file can be opened. The log has a spare descriptor for its next file.
func (a *arena) renameLog(t *testing.T, path string) {
	t.Helper()
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	a.Signal(t, syscall.SIGUSR1)
	testkit.Eventually(t, 3*time.Second, func() error { _, err := os.Stat(path); return err })
}

// TestWorkersWithoutDescriptors is the other half of scenario 18: the application can open nothing, and says so to its own
// clients; penknife's side of the worker needs none, and all is well when the application has some again.
func TestWorkersWithoutDescriptors(t *testing.T) {
	a := begin(t, setup{idle: true, processes: 2})
	workers := a.workers(t)
	var usual uint64
	a.inject(func() {
		for _, w := range workers {
			usual = limit(t, w.PID, unix.RLIMIT_NOFILE, 3) // of what is new; 0 to 2 are there
		}
		for i := range 20 {
			w := &work{number: a.number(), how: "file", size: 1000}
			answer := a.Fronts()[i%2].Do(t, w.call())
			if answer.Status != 500 {
				t.Errorf("an application that cannot open a file: %d", answer.Status)
			}
			a.Fronts()[i%2].Get(t, "/")
		}
	})
	for _, w := range workers {
		limit(t, w.PID, unix.RLIMIT_NOFILE, usual)
	}
	a.start()
	a.end(t, criterion{moved: map[string]float64{starts: 0}})
}

// smallDisk mounts a file system of so many bytes. It takes root.
func smallDisk(t *testing.T, size int) (dir string) {
	t.Helper()
	dir = testkit.Dir(t)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatalf("a file system can be mounted by root only: %v", err)
	}
	t.Cleanup(func() { // when the server has gone, which was started later
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestDiskFull is scenario 19: somebody has filled the disk of the spooled bodies, and there is no room for the access log. Only
// requests with large bodies fail, with 507, and nobody waits; lost lines are counted. With room again all is well.
func TestDiskFull(t *testing.T) {
	// The bodies of the load take up to 4 MB of the disk at a moment. That much may come free when it is full, and not one more.
	const size, tooMuch = 16 << 20, 6 << 20
	disk := smallDisk(t, size)
	a := begin(t, setup{processes: 2, threads: 2, limits: "  temp_dir: " + disk + "\n",
		config: "log: {access: combined, access_file: /dev/full, access_delay: 0s}\n"})
	a.inject(func() {
		filler := make([]byte, size+1)
		if err := os.WriteFile(filepath.Join(disk, "filler"), filler, 0o600); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("the disk is not full: %v", err)
		}
		for i := range rounds(20, 200) {
			c := a.Fronts()[i%2]
			answer := c.Do(t, testkit.Call{Method: "POST", Target: "/", Body: bytes.Repeat([]byte("x"), tooMuch)})
			if answer.Status != 507 {
				t.Errorf("%s: a body without a place: %d", c.Name, answer.Status)
			}
			c.Get(t, "/")
		}
	})
	if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
		t.Fatal(err)
	}
	a.fault = time.Now()
	for _, c := range a.Fronts() {
		if answer := c.Do(t, testkit.Call{Method: "POST", Target: "/", Body: bytes.Repeat([]byte("x"), tooMuch)}); answer.Status != 200 {
			t.Errorf("%s: with room again: %d", c.Name, answer.Status)
		}
	}
	for _, r := range a.load.ledger.failed() {
		if r.outcome == "507" && r.uploaded <= 64<<10 {
			t.Errorf("a request with a body of %d bytes: %s", r.uploaded, r.outcome)
		}
	}
	a.end(t, criterion{most: map[string]int{"507": 1 << 20}, slowest: 3 * time.Second, unblamed: true, moved: map[string]float64{starts: 0}})
	if lost := a.scrape(t)[`penknife_log_dropped_total{log="access"}`]; lost == 0 {
		t.Error("no lost line was counted")
	}
}

// TestMutatedPackets is scenario 28: 400 packets with something wrong, all modifiers, and variables that choose code in other
// servers. Each connection ends in time, no variable chooses anything, and processes and files are what they were.
func TestMutatedPackets(t *testing.T) {
	marker := testkit.Dir(t) + "/marker"
	evil := testkit.Write(t, testkit.Dir(t), "evil.py", "open("+fmt.Sprintf("%q", marker)+", 'w')\napplication = None\n")
	a := begin(t, setup{processes: 2, limits: "  header_timeout: 1s\n  body_timeout: 1s\n"})
	before, files := a.Pythons(), a.files(t, filepath.Dir(evil))
	statuses := map[int]int{}
	a.inject(func() {
		c := testkit.UwsgiClient(a.Uwsgi)
		for i := range 400 {
			raw := c.Encode(testkit.Call{Target: "/", Vars: []string{
				"UWSGI_FILE=" + evil, "UWSGI_SCRIPT=evil", "UWSGI_MODULE=evil", "UWSGI_CALLABLE=application", "UWSGI_CHDIR=/",
				"UWSGI_PYHOME=/nowhere", "UWSGI_SETENV=PYTHONPATH=/tmp", "UWSGI_TOUCH_RELOAD=" + evil, "UWSGI_APPID=evil", "SCRIPT_FILENAME=" + evil,
			}})
			switch {
			case i < 256:
				raw[0] = byte(i) // modifier1
			case i < 300:
				raw = raw[:len(raw)*(i-256)/44]
			default:
				for j := range 1 + i%4 {
					raw[(i*7919+j*104729)%len(raw)] ^= byte(1 + (i*31+j*17)%255)
				}
			}
			exchange, err := c.Dial()
			if err != nil {
				t.Fatal(err)
			}
			_ = exchange.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = exchange.Write(raw)
			_ = exchange.Conn.(interface{ CloseWrite() error }).CloseWrite()
			answer, err := exchange.Receive()
			if isLate(err) || isLate(answer.Cut) {
				t.Errorf("packet %d: no end", i)
			}
			if reached := answer.Header.Get("X-Pid") != ""; reached && !wellFormed(raw) {
				t.Errorf("packet %d reached the application: %.60q", i, raw)
			}
			statuses[answer.Status]++
			_ = exchange.Close()
		}
	})
	t.Logf("statuses: %v", statuses)
	if _, err := os.Stat(marker); err == nil {
		t.Error("a variable has chosen code")
	}
	if after := a.Pythons(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("processes %v became %v", before, after)
	}
	if after := a.files(t, filepath.Dir(evil)); after != files {
		t.Errorf("files\n%s\nbecame\n%s", files, after)
	}
	if statuses[200] == 0 || statuses[501] < 250 {
		t.Errorf("statuses %v: modifier 0 is served, and others are not", statuses)
	}
	a.end(t, criterion{})
}

// wellFormed reads a packet as uWSGI's page on its protocol has it: modifier1 0, or 30 (the same with SCRIPT_NAME taken off the
// path), a size, pairs that fill it, none with an empty key.
func wellFormed(raw []byte) bool {
	if len(raw) < 4 || raw[0] != 0 && raw[0] != 30 {
		return false
	}
	size := int(binary.LittleEndian.Uint16(raw[1:]))
	if len(raw)-4 < size {
		return false
	}
	for block, i := raw[4:4+size], 0; len(block) > 0; i++ {
		if len(block) < 2 {
			return false
		}
		length := int(binary.LittleEndian.Uint16(block))
		if len(block)-2 < length || i%2 == 0 && length == 0 {
			return false
		}
		block = block[2+length:]
		if len(block) == 0 && i%2 == 0 {
			return false
		}
	}
	return true
}

// files lists what stands in the server's directory, that of the application and another one, with sizes and times.
func (a *arena) files(t *testing.T, also string) string {
	t.Helper()
	var list strings.Builder
	for _, dir := range []string{a.Dir, a.Options().Chdir, also} {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err == nil {
				fmt.Fprintln(&list, path, info.Mode(), info.Size(), info.ModTime())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return list.String()
}
