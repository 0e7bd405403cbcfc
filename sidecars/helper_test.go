package sidecars

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penknife/configs"
	"penknife/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// journal is a log, and counters, that tests read while it is written.
type journal struct {
	testkit.Buffer
	mu      sync.Mutex // guards results
	results []string
}

func (j *journal) DaemonRestarted(name string) { j.note("restarted " + name) }

func (j *journal) JobDone(name, result string, _ time.Duration) { j.note(name + " " + result) }

func (j *journal) note(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.results = append(j.results, text)
}

func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, one := range j.results {
		if one == text {
			n++
		}
	}
	return n
}

// bench is a Manager in a directory of its own.
type bench struct {
	*Manager
	*journal
	t     *testing.T
	dir   string
	place Place
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, journal: &journal{}, dir: t.TempDir()}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	b.place = Place{Python: python, Dir: b.dir, Env: append(os.Environ(), "PENKNIFE_TEST=yes")}
	b.Manager = New(Deps{Log: slog.New(slog.NewTextHandler(b.journal, nil)), Counter: b.journal})
	return b
}

func (b *bench) start(daemons []configs.Daemon, jobs []configs.CronJob) *bench {
	b.t.Helper()
	if err := b.Apply(Config{Daemons: daemons, Cron: jobs, Place: b.place}); err != nil {
		b.t.Fatal(err)
	}
	stopped := false
	b.t.Cleanup(func() {
		if !stopped {
			b.shutdown(patience)
		}
	})
	return b
}

func (b *bench) shutdown(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return b.Shutdown(ctx)
}

func (b *bench) eventually(what string, is func() bool) {
	b.t.Helper()
	err := testkit.Await(patience, func() error {
		if !is() {
			return os.ErrNotExist
		}
		return nil
	})
	if err != nil {
		b.t.Fatalf("%s: not so after %v; log:\n%s", what, patience, b.journal)
	}
}

func (b *bench) daemon(i int) DaemonStatus {
	daemons, _ := b.Status()
	return daemons[i]
}

func (b *bench) job(i int) JobStatus {
	_, jobs := b.Status()
	return jobs[i]
}

// lines gives the complete lines of a file in the directory.
func (b *bench) lines(name string) []string {
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		return nil
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) == 1 {
		return nil
	}
	return lines[:len(lines)-1]
}

// isThere tells whether a process exists.
func isThere(pid string) bool {
	_, err := os.Stat("/proc/" + pid)
	return err == nil
}

func daemonOf(name, command string) configs.Daemon {
	d := configs.DefaultDaemon()
	d.Name, d.Command = name, command
	return d
}

func newTextLog(j *journal) *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }
