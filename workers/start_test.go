package workers

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

func TestStart_SaysWhyItCannot(t *testing.T) {
	t.Parallel()
	const hanging = 3 * time.Second // on a busy machine an interpreter alone takes a second to start
	tests := []struct {
		name   string
		change func(*Config)
		kind   StartKind
		text   []string
	}{
		{"no such module", func(c *Config) { c.App.WSGI = "prob:application" }, StartImport, []string{"Did you mean probe?"}},
		{"no such name", func(c *Config) { c.App.WSGI = "probe:aplication" }, StartImport, []string{"Did you mean application?"}},
		{"import fails", func(c *Config) { c.App.WSGI = "broken" }, StartImport,
			[]string{"broken.py\", line 8", "broken.py\", line 5, in inner", "KeyError: 'SECRET_KEY'"}},
		{"import fails in the worker", func(c *Config) { c.App.WSGI = "broken"; c.App.Preload = false }, StartImport,
			[]string{"broken.py\", line 5, in inner", "KeyError: 'SECRET_KEY'"}},
		{"import takes too long", func(c *Config) { c.App.WSGI = "slow"; c.Workers.StartTimeout = hanging },
			StartTimeout, []string{"3s"}},
		{"import takes too long in the worker", func(c *Config) {
			c.App.WSGI, c.App.Preload, c.Workers.StartTimeout = "slow", false, hanging
		}, StartTimeout, []string{"in time"}},
		{"no interpreter", func(c *Config) { c.App.Python = "/no/such/python" }, StartInterpreter, []string{"/no/such/python"}},
		{"no Python", func(c *Config) { c.App.Python = "/bin/false" }, StartInterpreter,
			[]string{"/bin/false is no Python", "exited with status 1", "app.python"}},
		{"no Python, and content with it", func(c *Config) { c.App.Python = "/bin/true" }, StartInterpreter,
			[]string{"/bin/true is no Python", "exited with status 0"}},
		{"no Python, and hangs", func(c *Config) {
			c.App.Python, c.Workers.StartTimeout = filepath.Join(c.App.Chdir, "hangs"), time.Second
		}, StartInterpreter, []string{"testdata/hangs is no Python", "did nothing for 1s"}},
		{"import ends the interpreter", func(c *Config) { c.App.WSGI = "leaves" }, StartCrash, []string{"exited with status 7"}},
		{"not an interpreter", func(c *Config) { c.App.Python = filepath.Join(c.App.Chdir, "not-a-program") },
			StartInterpreter, []string{"not-a-program"}},
		{"no directory", func(c *Config) { c.App.Chdir = "/no/such/dir" }, StartSystem, []string{"/no/such/dir"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := testConfig(t)
			test.change(&c)
			log := &logBuffer{}
			m, err := New(c, Deps{Log: newTestLog(log)})
			if err != nil {
				t.Fatal(err)
			}
			err = m.Start(t.Context())
			if c.App.WSGI == "slow" { // where it hangs
				testkit.Eventually(t, 5*time.Second, func() error { return log.contains("slow.py", "line 6 in <module>") })
			}
			var start *StartError
			if !errors.As(err, &start) || start.Kind != test.kind {
				t.Fatalf("%v, want %v", err, test.kind)
			}
			whole := start.Reason + "\n" + start.Traceback
			for _, part := range test.text {
				if !strings.Contains(whole, part) {
					t.Errorf("%q is not in:\n%s", part, whole)
				}
			}
			if strings.Contains(whole, "/proc/self/fd") || strings.Contains(whole, "importlib") {
				t.Errorf("our frames are in:\n%s", whole)
			}
		})
	}
}

// oldPythons are interpreters of this machine that penknife cannot use.
func oldPythons() (found []string) {
	for _, pattern := range []string{"2.7.*", "3.6.*", "3.9.*", "pypy*"} {
		root, err := exec.Command("pyenv", "root").Output()
		if err != nil {
			return nil
		}
		paths, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "versions", pattern, "bin", "python"))
		found = append(found, paths...)
	}
	return found
}

func TestStart_RefusesOldInterpretersByName(t *testing.T) {
	t.Parallel()
	for _, python := range oldPythons() {
		c := testConfig(t)
		c.App.Python = python
		m, err := New(c, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		err = m.Start(t.Context())
		var start *StartError
		if !errors.As(err, &start) || start.Kind != StartInterpreter || !strings.Contains(start.Reason, "needs CPython 3.10 or newer") ||
			!strings.Contains(start.Reason, filepath.Base(filepath.Dir(filepath.Dir(python)))) {
			t.Errorf("%s: %v", python, err)
		}
	}
}

func TestStart_CanBeCancelled(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.App.WSGI = "slow"
	log := &logBuffer{}
	m, err := New(c, Deps{Log: newTestLog(log)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- m.Start(ctx) }() // ended by cancel
	testkit.Eventually(t, 10*time.Second, func() error { return log.contains("line=importing") })
	begin := time.Now()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if took := time.Since(begin); took > zygoteGrace+time.Second {
		t.Errorf("took %v", took)
	}
}

func TestNew_NeedsAnApplication(t *testing.T) {
	if _, err := New(Config{}, Deps{}); err == nil {
		t.Error("no error")
	}
}
