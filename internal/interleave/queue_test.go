package interleave_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penknife/internal/interleave/rewrite"
)

var (
	long  = flag.Duration("model", 0, "how long each scenario is explored; 0: a few hundred executions of each")
	fault = flag.String("fault", "", "the faults to try: those with this in their name")
	only  = flag.String("plan", "", "the one scenario to explore")
)

// model is what is built: the scenarios with the real Go code, and the workers with the real C code.
type model struct {
	root  string
	accel *rewrite.Accel
}

func newModel(t *testing.T) *model {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	m := &model{root: root, accel: &rewrite.Accel{Root: root, Out: t.TempDir()}}
	if err := m.accel.Build(); err != nil {
		t.Fatal(err)
	}
	return m
}

// program builds the test binary with the Go side of the queue, changed or not.
func (m *model) program(t *testing.T, mutation ...rewrite.Change) string {
	t.Helper()
	out := t.TempDir()
	plan := rewrite.Plan{
		Dir: filepath.Join(m.root, "workers/link"), Before: mutation, Changes: linkChanges, Whole: wholeFiles, Tests: modelFiles,
	}
	overlay, err := rewrite.Overlay(plan, out)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(out, "link.test")
	build := exec.Command("go", "test", "-c", "-tags", "interleave", "-overlay", overlay, "-o", program, "./workers/link")
	build.Dir, build.Env = m.root, append(os.Environ(), "CGO_ENABLED=1")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return program
}

// explore runs the scenarios, or one, and gives what they print.
func explore(t *testing.T, program string, workers []string, settings ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program, "-test.v", "-test.timeout", "90m", "-test.run", "^TestInterleavings$")
	c.Env = append(append(os.Environ(), "PENKNIFE_WORKERS="+strings.Join(workers, ","), "GOMAXPROCS=1"), settings...)
	var text bytes.Buffer
	c.Stdout, c.Stderr = &text, &text
	err := c.Run()
	return text.String(), err
}

// TestQueue_InEveryOrder explores the shared-memory queue: workers/link and python/accel together.
func TestQueue_InEveryOrder(t *testing.T) {
	m := newModel(t)
	workers, err := m.accel.Link(2)
	if err != nil {
		t.Fatal(err)
	}
	settings := []string{"PENKNIFE_EXECUTIONS=300", "PENKNIFE_RANDOM=100", "PENKNIFE_PLAN=" + *only}
	if *long > 0 {
		settings = []string{"PENKNIFE_EXECUTIONS=0", fmt.Sprintf("PENKNIFE_SECONDS=%d", int(long.Seconds())), "PENKNIFE_RANDOM=20000", "PENKNIFE_PLAN=" + *only}
	}
	text, err := explore(t, m.program(t), workers, settings...)
	for line := range strings.Lines(text) {
		if _, what, ok := strings.Cut(line, "_test.go:"); ok {
			t.Log(strings.TrimSpace(what))
		}
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}
