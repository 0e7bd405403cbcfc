package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"penknife/internal/testkit"
)

// selfApp answers with what the process is.
const selfApp = `
import json, os, resource
def application(environ, start_response):
    me = {"uid": os.getresuid(), "gid": os.getresgid(), "groups": sorted(os.getgroups()), "home": os.environ.get("HOME"),
          "user": os.environ.get("USER"), "nofile": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
          "notify": [name for name in os.environ if name.startswith(("NOTIFY", "LISTEN_", "WATCHDOG", "_PENKNIFE"))]}
    try:
        os.setuid(0)
        me["root"] = True
    except PermissionError:
        me["root"] = False
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(me).encode()]
`

// self is its answer.
type self struct {
	UID, GID, Groups []int
	Home, User       string
	NoFile           int
	Notify           []string
	Root             bool
}

// servant is the user that the tests run penknife as: one that every Debian has.
func servant(t testing.TB) (uid, gid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a change of user can be tested by root only")
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ = strconv.Atoi(u.Uid)
	gid, _ = strconv.Atoi(u.Gid)
	return uid, gid
}

// lowAddress is a free port that only root can open.
func lowAddress(t testing.TB) string {
	t.Helper()
	for port := 1023; port > 600; port-- {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			return address
		}
	}
	t.Fatal("no free port below 1024")
	return ""
}

// hosted is a penknife that a test starts in its own way.
type hosted struct {
	*testkit.Process
	dir, http, socket string
}

func (h *hosted) command(t testing.TB, arguments ...string) (int, string) {
	t.Helper()
	return testkit.Run(t, callTimeout, append(arguments, "--control", "unix:"+h.socket+".control")...)
}

// serveHosted starts the application in a directory that belongs to a user.
func serveHosted(t *testing.T, uid int, config string, env ...string) *hosted {
	t.Helper()
	dir := testkit.Dir(t)
	testkit.Write(t, dir, "selfapp.py", selfApp)
	h := &hosted{dir: dir, http: lowAddress(t), socket: filepath.Join(dir, "app.sock")}
	config = strings.ReplaceAll(config, "DIR", dir) + "app: {wsgi: 'selfapp:application', chdir: " + dir + ", python: /usr/bin/python3}\n" +
		"workers: {processes: 2, threads: 2}\nhttp: [{listen: '" + h.http + "'}]\nuwsgi: [{listen: 'unix:" + h.socket + "'}]\n"
	file := testkit.Write(t, dir, "penknife.yaml", config)
	if err := os.Chown(dir, uid, -1); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "penknife") // where others can execute it
	install(t, testkit.Binary(t), binary)
	h.Process = testkit.StartLogged(t, dir, env, binary, "serve", "--config", file)
	testkit.Eventually(t, callTimeout, func() error {
		answer, err := testkit.HTTPClient(h.http).Try(testkit.Call{})
		if err != nil || answer.Status != 200 {
			return fmt.Errorf("%v %v\n%s", answer.Status, err, h.Output())
		}
		return nil
	})
	return h
}

// everyThread gives the status file of every thread of a process and its descendants.
func everyThread(t testing.TB, pid int) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for _, process := range append(testkit.Descendants(pid), pid) {
		paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", process))
		for _, path := range paths {
			fields := map[string]string{}
			for line := range strings.Lines(testkit.ReadFile(t, path)) {
				name, value, _ := strings.Cut(line, ":")
				fields[name] = strings.Join(strings.Fields(value), " ")
			}
			all[path] = fields
		}
	}
	return all
}

// TestPrivilegesAreGivenUp: started as root, everything that penknife and the application are belongs to the user, on
// every thread and for good; the low port and the files from before are there, also after an upgrade.
func TestPrivilegesAreGivenUp(t *testing.T) {
	uid, gid := servant(t)
	h := serveHosted(t, uid, "process: {user: nobody, umask: '0027', rlimits: {nofile: '4096', core: '0'}, pidfile: DIR/pk.pid, "+
		"no_new_privs: true}\nlog: {access: combined, access_file: DIR/access.log}\n")
	four := func(id int) string { return strings.TrimSpace(strings.Repeat(strconv.Itoa(id)+" ", 4)) }
	check := func(pid int) {
		t.Helper()
		threads := everyThread(t, pid)
		if len(threads) < 8 {
			t.Errorf("only %d threads", len(threads))
		}
		for path, status := range threads {
			for field, want := range map[string]string{
				"Uid": four(uid), "Gid": four(gid), "Groups": strconv.Itoa(gid), "CapEff": "0000000000000000",
				"CapPrm": "0000000000000000", "NoNewPrivs": "1", "Umask": "0027",
			} {
				if got := status[field]; got != want {
					t.Errorf("%s (%s): %s is %q, want %q", path, status["Name"], field, got, want)
				}
			}
		}
		for _, client := range []testkit.Client{testkit.HTTPClient(h.http), testkit.UwsgiClient(h.socket)} {
			me := decode[self](t, client.Do(t, testkit.Call{}))
			if me.Root || me.NoFile != 4096 || me.User != "nobody" || me.Home == "/root" || len(me.Groups) != 1 {
				t.Errorf("%+v", me)
			}
		}
		own := score(t, pid)
		for _, python := range testkit.Descendants(pid) {
			if got := score(t, python); got != own+100 {
				t.Errorf("oom_score_adj of %d is %d, penknife's %d", python, got, own)
			}
		}
		for _, name := range []string{"app.sock", "app.sock.control", "access.log", "pk.pid"} {
			info, err := os.Stat(filepath.Join(h.dir, name))
			if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != uid {
				t.Errorf("%s: %v, %+v", name, err, info)
			}
		}
		if text := testkit.ReadFile(t, filepath.Join(h.dir, "pk.pid")); text != strconv.Itoa(pid)+"\n" {
			t.Errorf("the pidfile has %q, not %d", text, pid)
		}
	}
	check(h.PID())
	if code, output := h.command(t, "upgrade"); code != 0 {
		t.Fatalf("penknife upgrade: %d\n%s\n%s", code, output, h.Output())
	}
	h.Wait(t, callTimeout)
	h.AwaitOutput(t, "succeeded another process")
	var pid int
	testkit.Eventually(t, callTimeout, func() error {
		_, err := fmt.Sscan(testkit.ReadFile(t, filepath.Join(h.dir, "pk.pid")), &pid)
		if err == nil && pid == h.PID() {
			err = errNotYet
		}
		return err
	})
	check(pid)
	if code, output := h.command(t, "stop"); code != 0 {
		t.Errorf("penknife stop: %d\n%s", code, output)
	}
	for _, name := range []string{"app.sock", "app.sock.control", "pk.pid"} {
		if _, err := os.Lstat(filepath.Join(h.dir, name)); err == nil {
			t.Errorf("%s is left behind", name)
		}
	}
}

// score reads a process's oom_score_adj.
func score(t testing.TB, pid int) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(testkit.ReadFile(t, fmt.Sprintf("/proc/%d/oom_score_adj", pid))))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPrivilegesInADirectoryOfRoot: what cannot be removed any more does not keep the next start from working.
func TestPrivilegesInADirectoryOfRoot(t *testing.T) {
	servant(t)
	closed := testkit.Dir(t) // even to look into it is not permitted any more
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	h := serveHosted(t, 0, "process: {user: nobody, pidfile: DIR/pk.pid}\ncontrol: {listen: 'unix:"+closed+"/control'}\n")
	h.Signal(t, syscall.SIGTERM)
	if code := h.Wait(t, callTimeout); code != 0 || strings.Contains(h.Output(), "permission denied") {
		t.Errorf("exit code %d\n%s", code, h.Output())
	}
	if text := testkit.ReadFile(t, filepath.Join(h.dir, "pk.pid")); text != "" {
		t.Errorf("the pidfile still says %q", text)
	}
	again := testkit.Start(t, h.dir, nil, filepath.Join(h.dir, "penknife"), "serve", "--config", filepath.Join(h.dir, "penknife.yaml"))
	testkit.Eventually(t, callTimeout, func() error {
		answer, err := testkit.UwsgiClient(h.socket).Try(testkit.Call{})
		if err != nil || answer.Status != 200 {
			return fmt.Errorf("%d %v\n%s", answer.Status, err, again.Output())
		}
		return nil
	})
	again.Signal(t, syscall.SIGTERM)
	again.Wait(t, callTimeout)
}

// TestLimitsOfTheStart: without process.rlimits the application has what penknife was started with, although the Go
// runtime raises its own.
func TestLimitsOfTheStart(t *testing.T) {
	servant(t)
	shell := exec.Command("sh", "-c", "ulimit -Sn")
	output, err := shell.Output()
	if err != nil {
		t.Fatal(err)
	}
	h := serveHosted(t, 0, "")
	me := decode[self](t, testkit.HTTPClient(h.http).Do(t, testkit.Call{}))
	if want := strings.TrimSpace(string(output)); strconv.Itoa(me.NoFile) != want {
		t.Errorf("%d open files, started with %s", me.NoFile, want)
	}
	h.AwaitOutput(t, "running as root")
	h.Signal(t, syscall.SIGTERM)
	h.Wait(t, callTimeout)
}

// TestPrivilegesThatCannotBe: exit code 2, and the reason.
func TestPrivilegesThatCannotBe(t *testing.T) {
	uid, gid := servant(t)
	dir := testkit.Dir(t)
	binary := filepath.Join(dir, "penknife")
	install(t, testkit.Binary(t), binary)
	for config, want := range map[string]string{
		"process: {user: nobody-there}\n":                 "penknife.yaml:1: process.user",
		"process: {user: nobody, group: no-such-group}\n": "no-such-group",
		"process: {user: daemon}\n":                       "only root can become another user",
		"process: {rlimits: {nofile: '2000000000'}}\n":    "penknife.yaml:1: process.rlimits",
		"process: {user: nobody, umask: '8'}\n":           "is not a umask",
	} {
		file := testkit.Write(t, dir, "penknife.yaml", config)
		command := exec.Command(binary, "serve", "a:a", "--config", file, "--http", testkit.FreeAddress(t))
		if strings.Contains(want, "only root") {
			command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		}
		output, _ := command.CombinedOutput()
		if code := command.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(output), want) {
			t.Errorf("%s%d, want 2 and %q:\n%s", config, code, want, output)
		}
	}
}
