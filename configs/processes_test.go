package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseProcesses(t *testing.T) {
	for text, want := range map[string]Processes{"auto": {}, "1": {1, 1}, "16": {16, 16}, "2-16": {2, 16}} {
		got, err := ParseProcesses(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "-", "2-", "-2", "16-2", "0-2", "1.5", "many", "1-2-3", "1025", "auto-4"} {
		if got, err := ParseProcesses(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestProcessesInTheFile(t *testing.T) {
	for text, want := range map[string]Processes{
		"auto": {}, "4": {4, 4}, `"2-16"`: {2, 16}, "{min: 2, max: 16}": {2, 16}, "{max: 3, min: 3}": {3, 3},
	} {
		loaded, err := loadText(t, "processes: "+text)
		if err != nil || loaded.Config.Workers.Processes != want {
			t.Errorf("%s: %v, %v", text, loaded.Config.Workers.Processes, err)
		}
	}
	for _, text := range []string{"{min: 2}", "{max: 2}", "{min: 3, max: 2}", "{min: 0, max: 2}", "{min: 1, max: 2, spare: 3}", "[1, 2]", "{}"} {
		if loaded, err := loadText(t, "processes: "+text); err == nil || !strings.Contains(err.Error(), ":2: workers.processes") {
			t.Errorf("%s: %v, %v", text, loaded.Config.Workers.Processes, err)
		}
	}
}

// loadText loads a configuration whose section workers is one line, the second.
func loadText(t *testing.T, line string) (*Loaded, error) {
	t.Helper()
	return loadLines(t, "app: {wsgi: \"a:b\"}\nworkers: {"+line+"}\n")
}

// loadApp loads a configuration whose section app has one more key.
func loadApp(t *testing.T, line string) (*Loaded, error) {
	t.Helper()
	return loadLines(t, "app: {wsgi: \"a:b\", "+line+"}\n")
}

func loadLines(t *testing.T, text string) (*Loaded, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "penknife.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(Options{File: file})
}

func TestMostProcesses(t *testing.T) {
	for _, test := range []struct {
		workers Workers
		cpus    int
		want    int
	}{
		{Workers{Processes: Processes{2, 16}, Threads: 1}, 1, 16},
		{Workers{Processes: FixedProcesses(1), Threads: 1}, 8, 1},
		{Workers{Processes: FixedProcesses(1), Threads: 1, MaxProcesses: 3}, 8, 3},
		{Workers{Processes: FixedProcesses(3), Threads: 1}, 8, 12},
		{Workers{Processes: FixedProcesses(3), Threads: 1, MaxProcesses: 5}, 8, 5},
		{Workers{Threads: 1}, 1, 4},
		{Workers{Threads: 1}, 8, 32},
		{Workers{Threads: 1, MaxProcesses: 3}, 8, 8},
		{Workers{Processes: FixedProcesses(8), Threads: 32}, 1, 15},   // with their successors 512 lanes each
		{Workers{Processes: FixedProcesses(20), Threads: 32}, 1, 20},  // what was asked for stays
		{Workers{Processes: FixedProcesses(600), Threads: 1}, 1, 600}, // likewise
	} {
		if got := test.workers.ResolveProcesses(test.cpus).MostProcesses(); got != test.want {
			t.Errorf("%+v: %d, want %d", test.workers, got, test.want)
		}
	}
}

func TestTooManyLanes(t *testing.T) {
	for line, good := range map[string]bool{
		"processes: 7, threads: 128": true, "processes: 8, threads: 128, queue: 4096": false,
		"processes: 2-1023, queue: 4096": true, "processes: 2-1024, queue: 4096": false,
		"processes: 2, threads: 64, max_processes: 15": true, "processes: 2, threads: 64, max_processes: 16": false,
	} {
		_, err := loadText(t, line)
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "workers.threads") {
			t.Errorf("%s: %v", line, err)
		}
	}
}
