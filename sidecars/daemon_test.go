package sidecars

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/configs"
)

func TestDaemon_RunsInItsPlace(t *testing.T) {
	t.Parallel()
	b := newBench(t).start([]configs.Daemon{daemonOf("d", `echo "here $PENKNIFE_TEST $(pwd)"; echo broken >&2; echo "$$" > pid; exec sleep 1000`)}, nil)
	b.eventually("output is in the log", func() bool {
		text := b.journal.String()
		return strings.Contains(text, `line="here yes `+b.dir+`"`) && strings.Contains(text, "stream=stderr line=broken") &&
			strings.Contains(text, "daemon=d")
	})
	b.eventually("it runs", func() bool { s := b.daemon(0); return s.State == StateRunning && s.PID > 0 })
}

// TestDaemon_IsStartedAgain: a daemon that is killed comes back, whatever killed it.
func TestDaemon_IsStartedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t).start([]configs.Daemon{daemonOf("d", "echo $$ >> pids; exec sleep 1000")}, nil)
	b.eventually("it runs", func() bool { return len(b.lines("pids")) == 1 && b.daemon(0).State == StateRunning })
	if err := syscall.Kill(b.daemon(0).PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.eventually("it runs again", func() bool { return len(b.lines("pids")) == 2 && b.daemon(0).State == StateRunning })
	if s := b.daemon(0); s.Restarts != 1 || s.Last != "signal: killed" || b.count("restarted d") != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestDaemon_Policies(t *testing.T) {
	t.Parallel()
	rows := []struct {
		policy, command string
		want            State
	}{
		{configs.RestartNever, "exit 0", StateStopped}, {configs.RestartNever, "exit 3", StateFailed},
		{configs.RestartOnFailure, "exit 0", StateStopped}, {configs.RestartOnFailure, "exit 3", StateWaiting},
		{configs.RestartAlways, "exit 0", StateWaiting},
	}
	var daemons []configs.Daemon
	for _, row := range rows {
		d := daemonOf(row.policy+row.command, row.command)
		d.Restart = row.policy
		daemons = append(daemons, d)
	}
	b := newBench(t).start(daemons, nil)
	for i, row := range rows {
		b.eventually(row.policy+" "+row.command, func() bool { return b.daemon(i).State == row.want })
	}
}

// TestDaemon_Stop: the whole group is asked, and killed when it does not listen.
func TestDaemon_Stop(t *testing.T) {
	t.Parallel()
	polite := daemonOf("polite", `trap 'echo bye >> said; exit 0' INT; echo $$ > ready; while :; do sleep 0.01; done`)
	polite.StopSignal = "INT"
	deaf := daemonOf("deaf", `trap '' TERM; (trap '' TERM; echo $(exec sh -c 'echo $PPID') > child; sleep 1000) & echo $$ > leader; while :; do sleep 0.01; done`)
	deaf.StopTimeout = 50 * time.Millisecond
	b := newBench(t)
	if err := b.Apply(Config{Daemons: []configs.Daemon{polite, deaf}, Place: b.place}); err != nil {
		t.Fatal(err)
	}
	b.eventually("both run", func() bool { return b.lines("ready") != nil && b.lines("leader") != nil && b.lines("child") != nil })
	if err := b.shutdown(patience); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if got := b.lines("said"); len(got) != 1 || got[0] != "bye" {
		t.Errorf("the polite daemon said %q", got)
	}
	b.eventually("nothing of the deaf one is left", func() bool { return !isThere(b.lines("leader")[0]) && !isThere(b.lines("child")[0]) })
}

// TestShutdown_EndsWithItsContext: a daemon with a long time to stop is killed when there is none left.
func TestShutdown_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	deaf := daemonOf("deaf", `trap '' TERM; echo $$ > ready; while :; do sleep 0.01; done`)
	deaf.StopTimeout = time.Hour
	b := newBench(t)
	if err := b.Apply(Config{Daemons: []configs.Daemon{deaf}, Place: b.place}); err != nil {
		t.Fatal(err)
	}
	b.eventually("it runs", func() bool { return b.lines("ready") != nil })
	if err := b.shutdown(50 * time.Millisecond); err == nil {
		t.Error("a cut stop says nothing")
	}
	if isThere(b.lines("ready")[0]) {
		t.Error("the daemon is still there")
	}
}

// TestApply: what is configured as before stays, unless it wants to follow the application.
func TestApply(t *testing.T) {
	t.Parallel()
	stays, follows, leaves := daemonOf("stays", "exec sleep 1000"), daemonOf("follows", "exec sleep 1000"), daemonOf("leaves", "exec sleep 1000")
	stays.RestartOnReload = false
	b := newBench(t).start([]configs.Daemon{stays, follows, leaves}, nil)
	all := func(n int) func() bool {
		return func() bool {
			daemons, _ := b.Status()
			running := 0
			for _, d := range daemons {
				if d.State == StateRunning {
					running++
				}
			}
			return len(daemons) == n && running == n
		}
	}
	b.eventually("three run", all(3))
	first, second := b.daemon(0).PID, b.daemon(1).PID
	if err := b.Apply(Config{Daemons: []configs.Daemon{stays, follows, daemonOf("comes", "exec sleep 1000")}, Place: b.place}); err != nil {
		t.Fatal(err)
	}
	b.eventually("three run again", all(3))
	if b.daemon(0).PID != first || b.daemon(1).PID == second || b.daemon(2).Name != "comes" {
		t.Errorf("after the reload: %+v %+v %+v", b.daemon(0), b.daemon(1), b.daemon(2))
	}
}
