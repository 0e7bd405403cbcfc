package workers

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// oomWatch guesses whether a SIGKILL was the kernel's, for memory: the counter of this process's control group has
// grown since it was last read. Without a readable counter nothing is guessed.
type oomWatch struct {
	path string // of memory.events or memory.oom_control; empty: there is none

	mu   sync.Mutex
	seen int64
}

func newOOMWatch() *oomWatch {
	o := &oomWatch{path: memoryEvents()}
	o.seen, _ = o.read()
	return o
}

// explain changes an unexplained SIGKILL to an OOM kill if the counter says so.
func (o *oomWatch) explain(e *exit) {
	if e.cause != ExitKilled {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if kills, ok := o.read(); ok && kills > o.seen {
		o.seen = kills
		e.cause = ExitOOM
		e.text += ", by the kernel's out-of-memory killer"
	}
}

func (o *oomWatch) read() (int64, bool) {
	if o.path == "" {
		return 0, false
	}
	data, err := os.ReadFile(o.path)
	if err != nil {
		return 0, false
	}
	return parseOOMKills(data)
}

// parseOOMKills finds the line "oom_kill N" of memory.events.
func parseOOMKills(data []byte) (int64, bool) {
	for line := range bytes.Lines(data) {
		if value, found := bytes.CutPrefix(line, []byte("oom_kill ")); found {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// memoryEvents is the counter file of this process's control group; empty when there is none.
func memoryEvents() string {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for _, path := range memoryCounters(string(data), "/sys/fs/cgroup") {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// memoryCounters gives where the counter may be by the text of /proc/self/cgroup: version 2 has it in memory.events,
// version 1 in memory.oom_control, in the same words. In a container the group can be what is mounted.
func memoryCounters(groups, root string) (paths []string) {
	for line := range strings.Lines(groups) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, found := strings.Cut(rest, ":")
		switch {
		case !found:
		case controllers == "":
			paths = append(paths, filepath.Join(root, group, "memory.events"), filepath.Join(root, "memory.events"))
		case slices.Contains(strings.Split(controllers, ","), "memory"):
			memory := filepath.Join(root, "memory")
			paths = append(paths, filepath.Join(memory, group, "memory.oom_control"), filepath.Join(memory, "memory.oom_control"))
		}
	}
	return paths
}

// maxOOMScore is the highest oom_score_adj (proc_pid_oom_score_adj(5)).
const maxOOMScore = 1000

// raiseOOMScore makes the kernel rather end this process, and all that it will fork, than us: by so much more than our
// own score. Anybody may raise a score, so it needs no rights.
func raiseOOMScore(pid, by int) error {
	if by == 0 {
		return nil
	}
	text, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return err
	}
	own, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	score := strconv.Itoa(min(own+by, maxOOMScore))
	return os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte(score), 0)
}
