package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// serveUpgradable starts a penknife from a copy of the binary that a test may replace, and at the end stops whatever has
// succeeded it.
func serveUpgradable(t *testing.T, options testkit.Options) *versioned {
	t.Helper()
	options.Successors = true
	options.Binary = filepath.Join(testkit.Dir(t), "penknife")
	install(t, testkit.Binary(t), options.Binary)
	v := serveVersioned(t, options)
	t.Cleanup(func() { stopSuccessor(t, v) })
	return v
}

// install puts a program in the place of another one, as a package manager does.
func install(t testing.TB, from, to string) {
	t.Helper()
	program, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to+".new", program, 0o755)
	}
	if err == nil {
		err = os.Rename(to+".new", to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stopSuccessor stops the server that answers now and checks what it leaves behind.
func stopSuccessor(t *testing.T, v *versioned) {
	t.Helper()
	if conn, err := net.Dial("unix", v.Uwsgi); err != nil {
		return // the test has stopped it
	} else if err := conn.Close(); err != nil {
		t.Error(err)
	}
	pid := v.status(t).PID
	if pid == v.PID() {
		return // leave to testkit what it has started
	}
	below := append(testkit.Descendants(pid), pid)
	if code, output := v.command(t, "stop"); code != 0 {
		t.Errorf("penknife stop: %d\n%s", code, output)
	}
	v.CheckNobodyLeft(t, below)
	v.CheckSocketsGone(t)
	v.Wait(t, testkit.Grace) // the first one may still finish something
}

func (v *versioned) upgrade(t testing.TB) {
	t.Helper()
	if code, output := v.command(t, "upgrade"); code != 0 || !strings.Contains(output, "serves as pid") {
		t.Fatalf("penknife upgrade: %d\n%s\n%s", code, output, testkit.Tail(v.Output(), 8000))
	}
}

// TestUpgradeUnderLoad: four upgrades, by command and by signal, while clients ask over every way in. Every request is
// answered, what is asked after an upgrade gets the new code, and of the old processes nothing is left.
func TestUpgradeUnderLoad(t *testing.T) {
	v := serveUpgradable(t, testkit.Options{Processes: 2, Threads: 4, Config: "workers: {grace_period: 10s}\n"})
	nginx := testkit.NginxPass(t, v.Uwsgi, "")
	descriptors := testkit.Descriptors(t, v.PID())
	l := startLoad(t, v, nginx)
	var pids []int
	for n := 2; n <= 5; n++ {
		pid := v.status(t).PID
		pids = append(pids, pid)
		v.write(t, strconv.Itoa(n))
		install(t, testkit.Binary(t), v.Options().Binary)
		if n%2 == 0 {
			v.upgrade(t)
		} else {
			if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, callTimeout, func() error {
				if v.status(t).PID == pid {
					return errNotYet
				}
				return nil
			})
		}
		for _, c := range v.Fronts() {
			expectBody(t, c.Do(t, testkit.Call{}), strconv.Itoa(n))
		}
		streams := l.streams.Load()
		testkit.Eventually(t, callTimeout, func() error {
			if l.streams.Load() == streams {
				return errNotYet
			}
			return nil
		})
	}
	close(l.stop)
	l.clients.Wait()
	t.Logf("%d requests, %d of them streams", l.asked.Load(), l.streams.Load())
	v.CheckNobodyLeft(t, pids)
	status := v.awaitQuiet(t)
	if status.Current.InFlight != 0 || status.State != "running" {
		t.Errorf("%+v", status)
	}
	testkit.Eventually(t, callTimeout, func() error { // nothing is handed on and on
		if d := testkit.Descriptors(t, status.PID); d > descriptors+2 {
			return fmt.Errorf("%d descriptors became %d", descriptors, d)
		}
		return nil
	})
}

// TestUpgradeLosesNoIdleConnection: who has a connection and asks only after the upgrade is answered by the old process,
// and told that this was the last answer.
func TestUpgradeLosesNoIdleConnection(t *testing.T) {
	v := serveUpgradable(t, testkit.Options{Config: "workers: {grace_period: 10s}\n"})
	idle := &keepAlive{client: testkit.HTTPClient(v.HTTP), request: plainGet}
	fresh, err := testkit.HTTPClient(v.HTTP).Dial() // has not said a word yet
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fresh.Close() }()
	if err := idle.ask(); err != nil {
		t.Fatal(err)
	}
	v.write(t, "2")
	v.upgrade(t)
	first := idle.exchange
	if err := idle.ask(); err != nil {
		t.Errorf("on the idle connection: %v", err)
	}
	if idle.exchange != nil || first == nil {
		t.Error("the answer does not say that the connection ends")
	}
	if _, err := fresh.Write([]byte(plainGet)); err != nil {
		t.Error(err)
	} else if answer, err := fresh.Receive(); err != nil || answer.Header.Get("Connection") != "close" {
		t.Errorf("on the connection without a request: %v, %v", answer.Lines, err)
	}
	if err := idle.ask(); err != nil { // on a new connection
		t.Error(err)
	}
	expectBody(t, testkit.HTTPClient(v.HTTP).Get(t, "/"), "2")
	if code := v.Wait(t, 5*time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestUpgradeThatFails: whatever is wrong with the new process, the old one goes on and the command says why.
func TestUpgradeThatFails(t *testing.T) {
	v := serveUpgradable(t, testkit.Options{Errors: aFailedUpgrade, Config: "workers: {queue: 100}\n"})
	script := func(text string) {
		testkit.Write(t, filepath.Dir(v.Options().Binary), "script", "#!/bin/sh\n"+text+"\n")
		install(t, filepath.Join(filepath.Dir(v.Options().Binary), "script"), v.Options().Binary)
	}
	for _, test := range []struct {
		name   string
		change func()
		code   int
		want   string
	}{
		{"no program", func() { _ = os.Remove(v.Options().Binary) }, 1, "no such file or directory"},
		{"it dies", func() { script("exit 7") }, 1, "exit code 7"},
		{"it is killed", func() { script("kill -9 $$") }, 1, "SIGKILL"},
		{"it hangs up", func() { script("exec 3>&-; exec sleep 60") }, 1, "speaks another language"},
		{"the configuration", func() {
			install(t, testkit.Binary(t), v.Options().Binary)
			testkit.Write(t, v.Dir, "penknife.yaml", "workers: {queue: none}\n")
		}, 2, "penknife.yaml:1: workers.queue"},
		{"an address", func() {
			testkit.Write(t, v.Dir, "penknife.yaml", "admin: {listen: '192.0.2.1:80'}\n")
		}, 1, "no interface of this machine has that address"},
		{"the application", func() {
			testkit.Write(t, v.Dir, "penknife.yaml", "workers: {queue: 100}\n")
			v.write(t, "two")
		}, 3, "ValueError"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.change()
			pid := v.PID()
			if code, output := v.command(t, "upgrade"); code != test.code || !strings.Contains(output, test.want) {
				t.Errorf("%d, want %d with %q:\n%s", code, test.code, test.want, output)
			}
			if status := v.status(t); status.PID != pid || status.State != "running" {
				t.Errorf("%+v", status)
			}
			for _, c := range v.Fronts() {
				expectBody(t, c.Do(t, testkit.Call{}), "1")
			}
			for _, path := range []string{v.Uwsgi, v.HTTPUnix} {
				if _, err := os.Lstat(path); err != nil {
					t.Error(err)
				}
			}
		})
	}
	v.write(t, "2")
	v.upgrade(t)
	expectBody(t, testkit.HTTPClient(v.HTTP).Get(t, "/"), "2")
}

// TestUpgradeAppliesTheWholeConfiguration: listeners come and go, and what a reload leaves alone is new.
func TestUpgradeAppliesTheWholeConfiguration(t *testing.T) {
	dir := testkit.Dir(t)
	stays, goes, comes := filepath.Join(dir, "stays"), filepath.Join(dir, "goes"), filepath.Join(dir, "comes")
	config := "control: {listen: 'unix:%s'}\nuwsgi: [{listen: 'unix:%s', mode: '%s'}, {listen: 'unix:%s'}]\nlimits: {body: %d}\n"
	control := filepath.Join(dir, "control")
	v := serveUpgradable(t, testkit.Options{NoUwsgi: true, Config: fmt.Sprintf(config, control, stays, "0600", goes, 10)})
	v.control = control
	v.Uwsgi = stays
	testkit.Write(t, v.Dir, "penknife.yaml", fmt.Sprintf(config, control, stays, "0666", comes, 5))
	before, err := os.Stat(stays)
	if err != nil {
		t.Fatal(err)
	}
	v.upgrade(t)
	for _, path := range []string{stays, comes} {
		expectBody(t, testkit.UwsgiClient(path).Do(t, testkit.Call{}), "1")
		expectStatus(t, testkit.UwsgiClient(path).Do(t, testkit.Call{Method: "POST", Body: []byte("123456")}), 413)
	}
	after, err := os.Stat(stays)
	if err != nil || !os.SameFile(before, after) || after.Mode().Perm() != 0o666 {
		t.Errorf("%v, %v", after, err)
	}
	testkit.Eventually(t, callTimeout, func() error {
		if _, err := os.Lstat(goes); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("it is left behind: %v", err)
		}
		return nil
	})
}

// serveGated starts an application that waits at a gate while it is imported, once the gate is closed.
func serveGated(t *testing.T) (v *versioned, gate *testkit.Gate) {
	t.Helper()
	v, gate, _ = serveAtGate(t)
	return v, gate
}

// serveAtGate also gives the file that names the gate: when it is empty, nobody waits.
func serveAtGate(t *testing.T) (v *versioned, gate *testkit.Gate, gated string) {
	t.Helper()
	gate = testkit.NewGate(t)
	gated = testkit.Write(t, testkit.Dir(t), "gated", "")
	v = &versioned{Server: serve(t, "gatedimport:application", testkit.Options{
		Errors:     aFailedUpgrade,
		Successors: true, Env: []string{"GATED=" + gated}, Config: "workers: {start_timeout: 60s, max_processes: 4}\n",
	})}
	t.Cleanup(func() { stopSuccessor(t, v) })
	if err := os.WriteFile(gated, []byte(gate.Path), 0o600); err != nil {
		t.Fatal(err)
	}
	return v, gate, gated
}

// begin asks for an upgrade and returns when the new process, whose pid it gives, imports.
func begin(t *testing.T, v *versioned) (pid int, result <-chan string) {
	t.Helper()
	answer := make(chan string, 1)
	go func() { // ends with the upgrade
		code, output := v.command(t, "upgrade")
		answer <- strconv.Itoa(code) + " " + output
	}()
	v.AwaitOutput(t, "waiting at the gate")
	for _, pid := range testkit.Descendants(v.PID()) {
		if name, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && strings.HasSuffix(name, "/penknife") {
			return pid, answer
		}
	}
	t.Fatal("no successor")
	return 0, nil
}

// TestUpgradeWithoutTheNewProcess: it is killed in the middle, and a second upgrade meanwhile is refused.
func TestUpgradeWithoutTheNewProcess(t *testing.T) {
	v, _ := serveGated(t)
	next, result := begin(t, v)
	if code, output := v.command(t, "upgrade"); code != 1 || !strings.Contains(output, "another upgrade is under way") {
		t.Errorf("a second one: %d\n%s", code, output)
	}
	if err := syscall.Kill(next, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if text := <-result; !strings.HasPrefix(text, "1 ") || !strings.Contains(text, "killed by SIGKILL") {
		t.Error(text)
	}
	for _, c := range v.Fronts() {
		expectBody(t, c.Do(t, testkit.Call{}), "1\n")
	}
	if code := v.Terminate(t, testkit.Grace); code != 0 {
		t.Errorf("exit code %d", code)
	}
	v.CheckSocketsGone(t)
}

// TestUpgradeWithoutTheOldProcess: it is killed in the middle. Who connects meanwhile waits, and is served.
func TestUpgradeWithoutTheOldProcess(t *testing.T) {
	v, gate := serveGated(t)
	next, result := begin(t, v)
	v.Signal(t, syscall.SIGKILL)
	if text := <-result; strings.HasPrefix(text, "0 ") {
		t.Error(text)
	}
	v.Wait(t, callTimeout)
	var waiting []*testkit.Exchange
	for _, c := range v.Fronts() {
		waiting = append(waiting, send(t, c, "/"))
	}
	gate.Pass(t, 1)
	for _, exchange := range waiting {
		answer, err := exchange.Receive()
		if err != nil {
			t.Fatal(err)
		}
		expectBody(t, answer, "1\n")
	}
	if pid := v.status(t).PID; pid != next {
		t.Errorf("pid %d serves, not %d", pid, next)
	}
}

// TestUpgradeThatTakesTooLong: the new process has workers.start_timeout, as at any start.
func TestUpgradeThatTakesTooLong(t *testing.T) {
	v, _ := serveGated(t)
	testkit.Write(t, v.Dir, "penknife.yaml", "workers: {start_timeout: 1s}\n")
	next, result := begin(t, v)
	if text := <-result; !strings.HasPrefix(text, "3 ") || !strings.Contains(text, "1s") {
		t.Error(text)
	}
	v.CheckNobodyLeft(t, []int{next})
	for _, c := range v.Fronts() {
		expectBody(t, c.Do(t, testkit.Call{}), "1\n")
	}
}

// TestOrdersDuringAnUpgrade: what is asked of the process that is about to leave is done by the one that succeeds it.
func TestOrdersDuringAnUpgrade(t *testing.T) {
	v, gate, gated := serveAtGate(t)
	next, upgraded := begin(t, v)
	answers := make(chan string, 2)
	for _, order := range [][]string{{"reload"}, {"scale", "3"}} {
		go func() { // ends with the command
			code, output := v.command(t, order...)
			answers <- fmt.Sprintf("%s: %d %s", order[0], code, output)
		}()
		v.AwaitOutput(t, "command=/"+order[0])
	}
	v.Signal(t, syscall.SIGHUP)
	v.Signal(t, syscall.SIGTTIN)
	v.AwaitOutput(t, "an upgrade is under way")
	if err := os.WriteFile(gated, nil, 0o600); err != nil { // later imports do not wait
		t.Fatal(err)
	}
	gate.Pass(t, 1)
	if text := <-upgraded; !strings.HasPrefix(text, "0 ") {
		t.Fatal(text)
	}
	for range 2 {
		if text := <-answers; !strings.Contains(text, ": 0 ") {
			t.Error(text)
		}
	}
	v.AwaitOutput(t, "the reload is passed on")
	if current := awaitWorkers(t, v.Server, 3); current.Scaling.Mode != "hand" {
		t.Errorf("%+v", current.Scaling)
	}
	if status := v.status(t); status.PID != next || status.Reloads.Succeeded == 0 {
		t.Errorf("pid %d after %d, %+v", status.PID, next, status.Reloads)
	}
}

// TestUpgradeThatIsCalledOff: TERM in the middle ends both.
func TestUpgradeThatIsCalledOff(t *testing.T) {
	v, _ := serveGated(t)
	next, result := begin(t, v)
	if code := v.Terminate(t, testkit.Grace); code != 0 {
		t.Errorf("exit code %d", code)
	}
	<-result
	v.CheckNobodyLeft(t, []int{next})
	v.CheckSocketsGone(t)
	if conn, err := net.Dial("tcp", v.HTTP); err == nil {
		_ = conn.Close()
		t.Error("somebody still listens")
	}
}

// TestUpgradeKeepsTheNumberOfWorkers that somebody asked for, unless the configuration has changed.
func TestUpgradeKeepsTheNumberOfWorkers(t *testing.T) {
	v := serveUpgradable(t, testkit.Options{Processes: 2, Config: "workers: {max_processes: 4}\n"})
	if code, output := v.command(t, "scale", "3"); code != 0 {
		t.Fatalf("%d, %s", code, output)
	}
	v.upgrade(t)
	if current := awaitWorkers(t, v.Server, 3); current.Scaling.Mode != "hand" {
		t.Errorf("%+v", current.Scaling)
	}
	testkit.Write(t, v.Dir, "penknife.yaml", "workers: {max_processes: 5}\n")
	v.upgrade(t)
	if current := awaitWorkers(t, v.Server, 2); current.Scaling.Mode != "fixed" || current.Scaling.Max != 5 {
		t.Errorf("%+v", current.Scaling)
	}
}
