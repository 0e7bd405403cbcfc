package testkit

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Alive tells whether a process exists and is not a zombie.
func Alive(pid int) bool {
	state, _, ok := stat(pid)
	return ok && state != "Z" && state != "X"
}

// stat gives a process's state letter and parent.
func stat(pid int) (state string, parent int, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, false
	}
	// The command in parentheses may hold anything; the fields start after the last one.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return "", 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return fields[0], parent, err == nil
}

// Descendants lists all processes below pid, zombies included.
func Descendants(pid int) []int {
	children := map[int][]int{}
	paths, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range paths {
		child, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			continue
		}
		if _, parent, ok := stat(child); ok {
			children[parent] = append(children[parent], child)
		}
	}
	var found []int
	for queue := children[pid]; len(queue) > 0; queue = queue[1:] {
		found = append(found, queue[0])
		queue = append(queue, children[queue[0]]...)
	}
	return found
}

// Descriptors is the number of file descriptors that a process has open.
func Descriptors(t testing.TB, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// PSS is a process's share of physical memory in bytes: pages that n processes share count a n-th each. Memory of
// shared mappings counts too.
func PSS(t testing.TB, pid int) int64 {
	t.Helper()
	return rollup(t, pid, "Pss:")
}

// RSS is a process's resident memory in bytes.
func RSS(t testing.TB, pid int) int64 {
	t.Helper()
	return rollup(t, pid, "Rss:")
}

// Anonymous is the resident memory of a process in bytes without what files back and without shared mappings: what it has
// taken for itself, and after a fork what it still shares with its parent.
func Anonymous(t testing.TB, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	value, ok := statusField(string(text), "RssAnon:")
	if !ok {
		t.Fatalf("no RssAnon of process %d", pid)
	}
	return value * 1024
}

func rollup(t testing.TB, pid int, field string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	value, ok := statusField(string(text), field)
	if !ok {
		t.Fatalf("no %s of process %d", field, pid)
	}
	return value * 1024
}

// WakeUps is the number of context switches that all threads of the processes have made so far: each ends a sleep.
// Threads that come and go in between make it wrong; compare two readings of steady processes.
func WakeUps(pids []int) int64 {
	return switches(pids, "voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:")
}

// Sleeps is the number of times that threads of a process have waited for something so far; giving the processor to others
// (sched_yield) is none.
func Sleeps(pid int) int64 { return switches([]int{pid}, "voluntary_ctxt_switches:") }

func switches(pids []int, fields ...string) (total int64) {
	for _, pid := range pids {
		paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				continue
			}
			for _, field := range fields {
				value, _ := statusField(string(text), field)
				total += value
			}
		}
	}
	return total
}

// statusField finds "Name: 12 kB" among lines.
func statusField(text, field string) (int64, bool) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		rest, found := strings.CutPrefix(lines.Text(), field)
		if !found {
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			return 0, false
		}
		value, err := strconv.ParseInt(fields[0], 10, 64)
		return value, err == nil
	}
	return 0, false
}

// CPUTime is the processor time that a process has used, in the kernel's ticks of 10 ms.
func CPUTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, err := strconv.Atoi(fields[12])
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
