package workers

import "testing"

// The line is that of a real process whose name was chosen to confuse.
func TestParseStat(t *testing.T) {
	c, parent, ok := parseStat(42, []byte("42 (a) Z 1 (b)) Z 7 8 9 0 -1 4228364 0 0\n"))
	if want := (relative{pid: 42, group: 8, session: 9, zombie: true}); !ok || parent != 7 || c != want {
		t.Errorf("%+v, parent %d, %v", c, parent, ok)
	}
	if c, _, ok := parseStat(1, []byte("1 (init) S 0 1 1 0")); !ok || c.zombie {
		t.Errorf("%+v, %v", c, ok)
	}
	for _, broken := range []string{"", "1", "1 (x", "1 (x) Z", "1 (x) Z a b c"} {
		if _, _, ok := parseStat(1, []byte(broken)); ok {
			t.Errorf("%q was taken", broken)
		}
	}
}

func TestFamily_JudgesZombies(t *testing.T) {
	f := newFamily()
	f.add(10)
	f.addSession(5)
	for _, test := range []struct {
		name  string
		z     relative
		grace bool
		want  verdict
	}{
		{"one that is waited for", relative{pid: 10, group: 10, session: 5}, true, leaveZombie},
		{"left behind by the application", relative{pid: 11, group: 10, session: 5}, false, reapZombie},
		{"perhaps a worker on its way to us", relative{pid: 12, group: 12, session: 5}, false, lookAgain},
		{"not a worker after all", relative{pid: 12, group: 12, session: 5}, true, reapZombie},
		{"perhaps somebody else's", relative{pid: 13, group: 13, session: 13}, false, lookAgain},
		{"nobody's", relative{pid: 13, group: 13, session: 13}, true, reapZombie},
	} {
		if got := f.judge(test.z, test.grace); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// The text is a memory.events file of Linux 6.1.
func TestParseOOMKills(t *testing.T) {
	const events = "low 0\nhigh 0\nmax 1173\noom 2\noom_kill 3\noom_group_kill 4\n"
	if n, ok := parseOOMKills([]byte(events)); n != 3 || !ok {
		t.Errorf("%d, %v", n, ok)
	}
	if n, ok := parseOOMKills([]byte("low 0\n")); n != 0 || ok {
		t.Errorf("%d, %v", n, ok)
	}
}

func TestOOMWatch_ExplainsOnlyKills(t *testing.T) {
	o := &oomWatch{path: t.TempDir() + "/none"}
	e := exit{ExitKilled, "killed by SIGKILL"}
	if o.explain(&e); e.cause != ExitKilled {
		t.Errorf("guessed %v without a counter", e.cause)
	}
}

// TestMemoryCounters: cgroups(7) has the format of /proc/self/cgroup for both versions.
func TestMemoryCounters(t *testing.T) {
	for groups, want := range map[string]string{
		"0::/app.slice/a.service\n":                 "/g/app.slice/a.service/memory.events",
		"5:devices:/\n4:memory:/one/two\n0::/\n":    "/g/memory/one/two/memory.oom_control",
		"3:cpu,memory:/x\n":                         "/g/memory/x/memory.oom_control",
		"12:pids:/\n1:name=systemd:/memory\n2:cpu:": "",
	} {
		paths := memoryCounters(groups, "/g")
		if want == "" && len(paths) > 0 || want != "" && (len(paths) == 0 || paths[0] != want) {
			t.Errorf("%q: %q, want %q first", groups, paths, want)
		}
	}
}
