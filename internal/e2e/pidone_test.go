package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"penknife/internal/testkit"
)

// orphansApp leaves a process behind with each request: its parent is gone before it ends.
const orphansApp = `
import os, subprocess
def application(environ, start_response):
    subprocess.run(["sh", "-c", "(exec true) & (sleep 0.05; exec true) &"], start_new_session=True, check=True)
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Parent", str(os.getppid()))])
    return [b"left\n"]
`

// TestAsProcessOne: in a pid namespace of its own penknife is process 1, with all that this means: orphans are its to
// reap, signals that it does not handle are ignored by the kernel, and its end is the end of all.
func TestAsProcessOne(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("a pid namespace can be made by root only")
	}
	dir := testkit.Dir(t)
	testkit.Write(t, dir, "orphans.py", orphansApp)
	address, socket := testkit.FreeAddress(t), dir+"/app.sock"
	p := testkit.Start(t, dir, nil, testkit.Command(t, "unshare"), "--pid", "--fork", "--kill-child", "--mount-proc",
		testkit.Binary(t), "serve", "orphans:application", "--chdir", dir, "--http", address, "--uwsgi", "unix:"+socket, "--processes", "2")
	p.AwaitAccept(t, address)
	client := testkit.HTTPClient(address)
	testkit.Eventually(t, callTimeout, func() error {
		answer := client.Do(t, testkit.Call{})
		if answer.Status != 200 || answer.Header.Get("X-Parent") != "1" {
			return fmt.Errorf("%d, a worker's parent is %q", answer.Status, answer.Header.Get("X-Parent"))
		}
		return nil
	})
	for range 20 {
		client.Get(t, "/")
	}
	testkit.Eventually(t, callTimeout, func() error {
		for _, pid := range testkit.Descendants(p.PID()) {
			if !testkit.Alive(pid) {
				return fmt.Errorf("process %d is a zombie", pid)
			}
		}
		return nil
	})
	if code, output := testkit.Run(t, callTimeout, "upgrade", "--uwsgi", "unix:"+socket); code != 1 ||
		!strings.Contains(output, "penknife is process 1 here") {
		t.Errorf("%d\n%s", code, output)
	}
	if code, output := testkit.Run(t, callTimeout, "reload", "--uwsgi", "unix:"+socket); code != 0 {
		t.Errorf("%d\n%s", code, output)
	}
	one := testkit.Descendants(p.PID())[0]
	if err := syscall.Kill(one, syscall.SIGUSR2); err != nil { // refused, and not the end
		t.Fatal(err)
	}
	client.Get(t, "/")
	if err := syscall.Kill(one, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.Wait(t, testkit.Grace); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.Output())
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is left behind")
	}
}

// TestWithoutProc: a chroot or a container without /proc is told what it lacks.
func TestWithoutProc(t *testing.T) {
	dir := testkit.Dir(t)
	p := testkit.Start(t, dir, nil, testkit.Command(t, "unshare"), "--mount", "sh", "-c", `mount -t tmpfs none /proc && exec "$@"`, "sh",
		testkit.Binary(t), "serve", "nothing", "--chdir", dir, "--uwsgi", "unix:"+dir+"/app.sock")
	if code := p.Wait(t, callTimeout); code != 1 || !strings.Contains(p.Output(), "penknife needs /proc") || strings.Contains(p.Output(), "limits.") {
		t.Errorf("exit %d\n%s", code, p.Output())
	}
}
