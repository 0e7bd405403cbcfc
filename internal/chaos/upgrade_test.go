package chaos

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/control"
	"penknife/internal/testkit"
)

// install puts a program in the place of another one in one step, as a package manager does.
func install(t *testing.T, program []byte, to string) {
	t.Helper()
	if err := os.WriteFile(to+".new", program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(to+".new", to); err != nil {
		t.Fatal(err)
	}
}

// serving asks whoever serves now.
func (a *arena) serving(t *testing.T) control.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // also in cleanups
	defer cancel()
	status, err := control.NewClient(a.Uwsgi + ".control").Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// listening gives the inodes of the sockets that a process listens on, by the kernel's tables.
func listening(t *testing.T, pid int) (inodes []string) {
	t.Helper()
	accepting := map[string]bool{}
	for range 3 { // the kernel leaves lines out of its tables while sockets come and go
		for table, inode := range map[string]int{"tcp": 9, "unix": 6} {
			for line := range strings.Lines(testkit.ReadFile(t, "/proc/net/"+table)) {
				fields := strings.Fields(line)
				if len(fields) > inode && (fields[3] == "0A" || fields[3] == "00010000") { // a state, flags
					accepting[fields[inode]] = true
				}
			}
		}
	}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range links {
		link, _ := os.Readlink(path)
		inode, isSocket := strings.CutPrefix(link, "socket:[")
		if inode = strings.TrimSuffix(inode, "]"); isSocket && accepting[inode] {
			inodes = append(inodes, inode)
		}
	}
	slices.Sort(inodes)
	return slices.Compact(inodes)
}

// TestUpgradeAndBack is scenario 29: the executable is replaced under load, by another one, by one that does not start, and by the
// one that was there before. No request fails, the listening sockets are the same ones all the time, each upgrade runs the
// program that was put there, the one that fails changes nothing, and of each old process nothing is left.
func TestUpgradeAndBack(t *testing.T) {
	path := filepath.Join(testkit.Dir(t), "penknife")
	first, err := os.ReadFile(testkit.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	install(t, first, path)
	a := begin(t, setup{processes: 2, threads: 2, binary: path})
	t.Cleanup(func() { a.stopLast(t) })
	other := append(bytes.Clone(first), "another one"...) // what stands behind a program's end is not loaded
	sockets, pids := listening(t, a.PID()), []int{a.PID()}
	if len(sockets) < 5 {
		t.Fatalf("%d listening sockets", len(sockets))
	}
	a.inject(func() {
		for round := range rounds(1, 4) {
			for _, program := range [][]byte{other, []byte("#!/bin/sh\nexit 7\n"), first} {
				install(t, program, path)
				before := a.serving(t).PID
				code, output := a.command(t, "upgrade")
				now := a.serving(t).PID
				if fails := program[0] == '#'; fails {
					if code != 1 || !strings.Contains(output, "exit code 7") || now != before {
						t.Errorf("an upgrade that cannot work: exit code %d, pid %d after %d\n%s", code, now, before, output)
					}
					continue
				}
				if code != 0 || now == before {
					t.Fatalf("round %d: exit code %d, pid %d\n%s", round, code, now, output)
				}
				pids = append(pids, now)
				if running, err := os.ReadFile(fmt.Sprintf("/proc/%d/exe", now)); err != nil || !bytes.Equal(running, program) {
					t.Errorf("round %d: it does not run the program that was installed: %v", round, err)
				}
				a.answers(t, time.Now(), 5, 20*time.Second)
			}
		}
	})
	a.halt()
	a.only(t, "200")
	a.once(t)
	if slowest := a.load.ledger.slowest(); slowest.took > 5*time.Second {
		t.Errorf("a request took %v: %+v", slowest.took, slowest)
	}
	last := pids[len(pids)-1]
	if now := listening(t, last); !slices.Equal(now, sockets) {
		t.Errorf("sockets %v, and %v before", now, sockets)
	}
	a.CheckNobodyLeft(t, pids[:len(pids)-1])
	if code := a.Wait(t, testkit.Grace); code != 0 {
		t.Errorf("exit code %d of the first one", code)
	}
	for _, line := range testkit.AlarmsIn(a.Output()) {
		t.Errorf("the log has an alarm: %s", line)
	}
	t.Logf("%d upgrades; %d sockets", len(pids)-1, len(sockets))
}

// once makes sure that no request was begun twice.
func (a *arena) once(t *testing.T) {
	t.Helper()
	j, err := readJournal(a.journal)
	if err != nil {
		t.Fatal(err)
	}
	for number, begun := range j.begun {
		if len(begun) > 1 {
			t.Errorf("request %s was begun by %v", number, begun)
		}
	}
}

// stopLast stops whoever serves in the end, and sees that nothing is left of it.
func (a *arena) stopLast(t *testing.T) {
	a.halt()
	last := a.serving(t).PID
	if last == a.PID() {
		return // testkit's
	}
	below := append(testkit.Descendants(last), last)
	if err := syscall.Kill(last, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	testkit.Eventually(t, testkit.Grace, func() error {
		if testkit.Alive(last) {
			return errNotYet
		}
		return nil
	})
	a.CheckNobodyLeft(t, below)
	a.CheckSocketsGone(t)
}
