package server

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/configs"
	"penknife/osproc"
)

// TestShutdownDelay: after TERM everything is served and accepted as before, but nobody should send more.
func TestShutdownDelay(t *testing.T) {
	b := newBench(t, func(c *configs.Config) { c.Process.ShutdownDelay = 300 * time.Millisecond }).start().open()
	close(b.engine.finish)
	begin := time.Now()
	b.signals <- syscall.SIGTERM
	eventually(t, "/readyz says no", func() bool { status, _ := b.adminGet("/readyz"); return status == 503 })
	if !b.front(t).parted.Load() {
		t.Error("answers do not tell clients to leave")
	}
	if status := <-b.ask("/during"); status != "200" {
		t.Errorf("during the delay: %q", status)
	}
	if err := b.wait(); err != nil || time.Since(begin) < 300*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

// front is the first front end.
func (b *bench) front(t *testing.T) *fakeFront {
	t.Helper()
	return b.server.fronts.list[0].(*fakeFront)
}

// TestShutdownDelayEndsEarly for a second TERM and for what stops at once; and there is none before the application
// was ready, when nothing is lost.
func TestShutdownDelayEndsEarly(t *testing.T) {
	for name, signals := range map[string][]syscall.Signal{
		"TERM TERM": {syscall.SIGTERM, syscall.SIGTERM}, "TERM INT": {syscall.SIGTERM, syscall.SIGINT}, "INT": {syscall.SIGINT},
		"not ready": {syscall.SIGTERM},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(c *configs.Config) { c.Process.ShutdownDelay = time.Hour }).start()
			if name != "not ready" {
				b.open()
			}
			for _, s := range signals {
				b.signals <- s
			}
			if err := b.wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// manager is a service manager's end of NOTIFY_SOCKET.
func manager(t *testing.T) (path string, next func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return path, func() string {
		text := make([]byte, 4096)
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := conn.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(text[:n])
	}
}

// TestWatchdog: signs of life come as long as everybody answers, and not while one does not.
func TestWatchdog(t *testing.T) {
	path, next := manager(t)
	b := newBench(t, nil)
	b.server.notify.Notifier = osproc.NewNotifier([]string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=100000"}, false)
	b.start()
	await := func(want string) {
		t.Helper()
		for text := next(); !strings.Contains(text, want); text = next() {
		}
	}
	await("WATCHDOG=1") // while the application is imported, too
	b.open()
	await("READY=1")
	await("WATCHDOG=1")
	for name, broken := range map[string]func(bool){
		"the engine": b.engine.deaf.Store, "an accept loop": b.front(t).stuck.Store,
	} {
		broken(true)
		before := strings.Count(b.stderr.String(), "no sign of life")
		eventually(t, name+" is missed", func() bool { return strings.Count(b.stderr.String(), "no sign of life") > before })
		broken(false)
		await("WATCHDOG=1")
	}
	b.signals <- syscall.SIGTERM
	await("STOPPING=1")
	if err := b.wait(); err != nil {
		t.Error(err)
	}
}

func TestAnUpgradeThatCannotBe(t *testing.T) {
	b := newBench(t, nil).start()
	if err := b.server.upgrades.begin(); !errors.Is(err, errNoCommand) {
		t.Error(err)
	}
	b.server.upgrades.command.Path = "/nowhere/penknife"
	if err := b.server.upgrades.begin(); !errors.Is(err, errNotReady) {
		t.Error(err)
	}
	b.open()
	b.signals <- syscall.SIGUSR2
	eventually(t, "it fails", func() bool { return strings.Contains(b.stderr.String(), "upgrade failed; everything stays") })
	b.signals <- syscall.SIGTERM
	if err := b.wait(); err != nil {
		t.Error(err)
	}
	if err := b.server.upgrades.begin(); !errors.Is(err, errStopping) {
		t.Error(err)
	}
}
