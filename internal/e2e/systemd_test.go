package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// serviceManager is systemd's end of NOTIFY_SOCKET.
type serviceManager struct {
	address string
	conn    *net.UnixConn
}

// newServiceManager listens on a path or an abstract name.
func newServiceManager(t *testing.T, address string) *serviceManager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &serviceManager{address, conn}
}

// env is what it gives to its services.
func (m *serviceManager) env() []string { return []string{"NOTIFY_SOCKET=" + m.address} }

// await reads messages until one has an assignment that begins so, and gives that message.
func (m *serviceManager) await(t *testing.T, assignment string) string {
	t.Helper()
	var seen []string
	text := make([]byte, 8192)
	_ = m.conn.SetReadDeadline(time.Now().Add(callTimeout))
	for {
		n, err := m.conn.Read(text)
		if err != nil {
			t.Fatalf("no %s: %v; before: %q", assignment, err, seen)
		}
		message := string(text[:n])
		for line := range strings.SplitSeq(message, "\n") {
			if strings.HasPrefix(line, assignment) {
				return message
			}
		}
		seen = append(seen, message)
	}
}

// value is what a message assigns to a name.
func value(t *testing.T, message, name string) int {
	t.Helper()
	for line := range strings.SplitSeq(message, "\n") {
		if text, found := strings.CutPrefix(line, name+"="); found {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Error(err)
			}
			return n
		}
	}
	t.Errorf("no %s in %q", name, message)
	return 0
}

// TestNotify: a life as the service manager sees it, over a socket with a path and over an abstract one.
func TestNotify(t *testing.T) {
	for _, address := range []string{filepath.Join(testkit.Dir(t), "notify"), fmt.Sprintf("@penknife-e2e-%d", os.Getpid())} {
		manager := newServiceManager(t, address)
		v := serveUpgradable(t, testkit.Options{
			Env: append(manager.env(), "WATCHDOG_USEC=400000"), Errors: aFailedReload, Config: "workers: {grace_period: 7s}\nprocess: {shutdown_delay: 10ms}\n",
		})
		if text := manager.await(t, "READY=1"); !strings.Contains(text, "STATUS=serving versioned:application with 1 workers on http") {
			t.Errorf("%q", text)
		}
		for range 3 {
			manager.await(t, "WATCHDOG=1")
		}
		v.Signal(t, syscall.SIGHUP)
		if usec := value(t, manager.await(t, "RELOADING=1"), "MONOTONIC_USEC"); usec <= 0 {
			t.Errorf("MONOTONIC_USEC=%d", usec)
		}
		manager.await(t, "READY=1")
		v.write(t, "broken")
		v.Signal(t, syscall.SIGHUP)
		manager.await(t, "RELOADING=1")
		manager.await(t, "READY=1") // with the old code
		v.write(t, "2")

		result := make(chan string, 1)
		go func() { // ends with the upgrade
			_, output := v.command(t, "upgrade")
			result <- output
		}()
		manager.await(t, "RELOADING=1")
		pid := value(t, manager.await(t, "MAINPID="), "MAINPID")
		manager.await(t, "READY=1")
		if text := <-result; !strings.Contains(text, fmt.Sprintf("serves as pid %d,", pid)) {
			t.Errorf("MAINPID=%d, but %s", pid, text)
		}
		v.Wait(t, callTimeout)
		manager.await(t, "WATCHDOG=1") // of the new one
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if usec := value(t, manager.await(t, "STOPPING=1"), "EXTEND_TIMEOUT_USEC"); usec < 7_000_000 {
			t.Errorf("EXTEND_TIMEOUT_USEC=%d", usec)
		}
		v.CheckNobodyLeft(t, []int{pid})
	}
}

// TestWatchdogMissesAHangingServer: a process that does not run gives no sign of life.
func TestWatchdogMissesAHangingServer(t *testing.T) {
	manager := newServiceManager(t, filepath.Join(testkit.Dir(t), "notify"))
	s := serve(t, "hello:application", testkit.Options{Env: append(manager.env(), "WATCHDOG_USEC=200000")})
	manager.await(t, "WATCHDOG=1")
	s.Signal(t, syscall.SIGSTOP)
	defer s.Signal(t, syscall.SIGCONT)
	_ = manager.conn.SetReadDeadline(time.Now().Add(600 * time.Millisecond))
	silent, text := false, make([]byte, 1000)
	for !silent {
		last := time.Now()
		_, err := manager.conn.Read(text)
		silent = errors.Is(err, os.ErrDeadlineExceeded) && time.Since(last) > 200*time.Millisecond
		if err != nil && !silent {
			t.Fatalf("still alive: %v", err)
		}
	}
}

// TestStartIsExtended: a long import is announced, and the application never sees what is meant for penknife.
func TestStartIsExtended(t *testing.T) {
	manager := newServiceManager(t, filepath.Join(testkit.Dir(t), "notify"))
	h := serveHosted(t, 0, "", append(manager.env(), "WATCHDOG_USEC=60000000")...)
	if usec := value(t, manager.await(t, "EXTEND_TIMEOUT_USEC="), "EXTEND_TIMEOUT_USEC"); usec < 60_000_000 {
		t.Errorf("EXTEND_TIMEOUT_USEC=%d", usec)
	}
	manager.await(t, "READY=1")
	if me := decode[self](t, testkit.HTTPClient(h.http).Do(t, testkit.Call{})); len(me.Notify) > 0 {
		t.Errorf("the application has %v", me.Notify)
	}
	h.Signal(t, syscall.SIGTERM)
	h.Wait(t, callTimeout)
}

// activated starts penknife by the real systemd-socket-activate, which waits for the first connection and then becomes
// penknife.
func activated(t *testing.T, dir string, names string, listen []string, config string) *testkit.Process {
	t.Helper()
	file := testkit.Write(t, dir, "penknife.yaml", config+"control: {listen: 'unix:"+dir+"/control'}\n")
	arguments := []string{}
	for _, address := range listen {
		arguments = append(arguments, "-l", address)
	}
	if names != "" {
		arguments = append(arguments, "--fdname="+names)
	}
	arguments = append(arguments, testkit.Binary(t), "serve", "hello:application", "--chdir", apps(t), "--config", file)
	p := testkit.StartLogged(t, dir, []string{"PYTHONDONTWRITEBYTECODE=1"}, testkit.Command(t, "systemd-socket-activate"), arguments...)
	p.AwaitOutput(t, "Listening on")
	return p
}

// TestSocketActivation by name and by address, across an upgrade: who connects waits for the workers, and gets no 503. The socket
// files stay systemd's.
func TestSocketActivation(t *testing.T) {
	dir := testkit.Dir(t)
	tcp, unix, plain := testkit.FreeAddress(t), filepath.Join(dir, "a.sock"), testkit.FreeAddress(t)
	p := activated(t, dir, "web:app:plain", []string{tcp, unix, plain},
		"http: [{listen: 'systemd:web'}, {listen: '"+plain+"'}]\nuwsgi: [{listen: 'systemd:app'}]\n")
	ask := func() {
		t.Helper()
		for _, client := range []testkit.Client{testkit.HTTPClient(tcp), testkit.UwsgiClient(unix), testkit.HTTPClient(plain)} {
			if answer, err := client.Try(testkit.Call{}); err != nil || answer.Status != 200 {
				t.Fatalf("%d %v\n%s", answer.Status, err, p.Output())
			}
		}
	}
	ask()
	if code, output := testkit.Run(t, callTimeout, "upgrade", "--control", "unix:"+dir+"/control"); code != 0 {
		t.Fatalf("%d\n%s\n%s", code, output, p.Output())
	}
	p.Wait(t, callTimeout)
	ask()
	if code, output := testkit.Run(t, callTimeout, "stop", "--control", "unix:"+dir+"/control"); code != 0 {
		t.Errorf("%d\n%s", code, output)
	}
	if _, err := os.Lstat(unix); err != nil {
		t.Errorf("systemd's socket file: %v", err)
	}
}

// TestSocketActivationThatDoesNotFit says which socket nobody uses, which one is missing, and which one is too public.
func TestSocketActivationThatDoesNotFit(t *testing.T) {
	for name, test := range map[string]struct{ listen, config, want string }{
		"unused":  {"127.0.0.1:", "http: [{listen: '127.0.0.1:0'}]\n", "no listener uses it"},
		"missing": {"127.0.0.1:", "http: [{listen: 'systemd:other'}]\n", "http[0].listen: systemd:other: no such socket was passed"},
		"public":  {"0.0.0.0:", "uwsgi: [{listen: 'systemd:web'}]\n", "which is public: add allow_from"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := testkit.Dir(t)
			_, port, _ := net.SplitHostPort(testkit.FreeAddress(t))
			p := activated(t, dir, "web", []string{test.listen + port}, test.config)
			conn, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if code := p.Wait(t, callTimeout); code != 2 || !strings.Contains(p.Output(), test.want) {
				t.Errorf("%d\n%s", code, p.Output())
			}
		})
	}
}

// TestInheritedDescriptor: any parent may pass a socket by its number.
func TestInheritedDescriptor(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	command := exec.Command(testkit.Binary(t), "serve", "hello:application", "--chdir", apps(t), "--http", "fd:3",
		"--control", "unix:"+testkit.Dir(t)+"/control")
	command.ExtraFiles = []*os.File{file}
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	testkit.Eventually(t, callTimeout, func() error {
		answer, err := testkit.HTTPClient(listener.Addr().String()).Try(testkit.Call{})
		if err != nil || answer.Status != 200 {
			return fmt.Errorf("%d %v", answer.Status, err)
		}
		return nil
	})
	_ = command.Process.Signal(syscall.SIGTERM)
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}

// TestUnitFiles are what systemd's own checker accepts.
func TestUnitFiles(t *testing.T) {
	units, err := filepath.Glob(filepath.Join(testkit.Root(t), "packaging", "systemd", "*"))
	if err != nil || len(units) < 2 {
		t.Fatal(units, err)
	}
	dir := testkit.Dir(t)
	for _, unit := range units {
		text := testkit.ReadFile(t, unit)
		testkit.Write(t, dir, filepath.Base(unit), strings.ReplaceAll(text, "/usr/local/bin/penknife", testkit.Binary(t)))
	}
	copies, _ := filepath.Glob(filepath.Join(dir, "*"))
	command := exec.Command(testkit.Command(t, "systemd-analyze"), append([]string{"verify", "--man=no"}, copies...)...)
	if output, err := command.CombinedOutput(); err != nil || strings.Contains(string(output), filepath.Base(dir)) {
		t.Errorf("%v\n%s", err, output)
	}
}
