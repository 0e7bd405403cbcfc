package chaos

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"penknife/internal/testkit"
)

// filePatience is how long any answer may take that is about a file: none may hang.
const filePatience = 2 * time.Second

// hostileTree is a root with whatever should not be given, and its neighbours.
func hostileTree(t *testing.T) (root string) {
	t.Helper()
	top := testkit.Dir(t)
	root = filepath.Join(top, "pub")
	for _, dir := range []string{"sub", ".git"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Write(t, top, "outside.txt", "secret")
	testkit.Write(t, root, "a.txt", "0123456789")
	testkit.Write(t, root, "sub/b.txt", "b")
	testkit.Write(t, root, ".env", "secret")
	testkit.Write(t, root, ".git/config", "secret")
	for link, target := range map[string]string{
		"out": "../outside.txt", "updir": "..", "absolute": filepath.Join(top, "outside.txt"), "proc": "/proc/self/environ",
		"zero": "/dev/zero", "loop": "loop", "inside": "sub/b.txt",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	socket, err := net.Listen("unix", filepath.Join(root, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	for name, makes := range map[string]func(path string) error{
		"fifo":   func(path string) error { return unix.Mkfifo(path, 0o666) },
		"device": func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, 1<<8|5) }, // as /dev/zero
	} {
		if err := makes(filepath.Join(root, name)); err != nil {
			t.Fatalf("%s: %v (a device can be made by root only)", name, err)
		}
	}
	huge, err := os.Create(filepath.Join(root, "huge"))
	if err == nil {
		_, err = huge.WriteAt([]byte("far away"), 3<<30)
	}
	if err == nil {
		err = huge.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// refusedNames are targets below /static/ that must be answered with 404, or 400 by who reads them before penknife.
func refusedNames() []string {
	return []string{
		"../outside.txt", "%2e%2e/outside.txt", "..%2foutside.txt", "%2e%2e%2foutside.txt", "sub/../../outside.txt", "sub/%2e%2e/%2e%2e/outside.txt",
		"%252e%252e/outside.txt", "..%5coutside.txt", "..\\outside.txt", ".%00./outside.txt", "a.txt%00", "a.txt%00.css", "/etc/passwd", "%2fetc/passwd",
		"%c0%ae%c0%ae/outside.txt", "....//outside.txt", "out", "updir/outside.txt", "updir/", "absolute", "proc", "zero", "loop", "fifo", "socket", "device",
		".env", ".git/config", ".git/", "%2eenv", "sub/../.env", "a.txt/", "a.txt/x", strings.Repeat("a", 300), strings.Repeat("a/", 2000),
	}
}

// TestHostileFiles is scenario 26 under load, over both protocols and through nginx: traversal plain and encoded, links,
// FIFO, device, dotfiles, ranges beyond 3 GiB, five thousand ranges, and a file that shrinks while it is sent. No byte from
// outside the root, no answer that takes longer than others, each as it should be, and who was promised more is cut.
func TestHostileFiles(t *testing.T) {
	root := hostileTree(t)
	a := begin(t, setup{config: fmt.Sprintf("static:\n  - {url: /static/, root: %s}\n", root)})
	before := testkit.RSS(t, a.PID())
	a.inject(func() {
		for _, c := range append(a.Fronts(), a.nginx.Client()) {
			for _, name := range refusedNames() {
				a.refusedFile(t, c, name)
			}
			a.answersOfFiles(t, c)
		}
		for _, c := range a.Fronts() {
			shrinking(t, c, root)
		}
	})
	if grown := testkit.RSS(t, a.PID()) - before; grown > 48<<20 { // static files and ranges in memory have 32 MiB at most
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	a.end(t, criterion{slowest: filePatience, moved: map[string]float64{starts: 0}})
}

func (a *arena) refusedFile(t *testing.T, c testkit.Client, name string) {
	t.Helper()
	began := time.Now()
	answer, err := c.Try(testkit.Call{Target: "/static/" + name})
	if err != nil || answer.Cut != nil || strings.Contains(string(answer.Body), "secret") || time.Since(began) > filePatience {
		t.Errorf("%s: %.60s: %d %.60q, %v after %v", c.Name, name, answer.Status, answer.Body, err, time.Since(began))
	}
	// What leaves /static/ is no file any more: then it is the application's, which answers everything.
	outside := answer.Status == 200 && string(answer.Body) == "chaos" && strings.Contains(name, "outside.txt")
	if answer.Status != 404 && answer.Status != 400 && !outside {
		t.Errorf("%s: %.60s: %d %.60q", c.Name, name, answer.Status, answer.Body)
	}
}

// answersOfFiles asks for ranges far away, and more of them than anybody wants.
func (a *arena) answersOfFiles(t *testing.T, c testkit.Client) {
	t.Helper()
	many, small := "bytes=0-0"+strings.Repeat(",0-0", 4999), "bytes=0-0"+strings.Repeat(",2-2", 1500)
	for _, row := range []struct {
		name, field string
		statuses    []int
		body, span  string
	}{
		{"a.txt", "", []int{200}, "0123456789", ""},
		{"%61.txt", "", []int{200}, "0123456789", ""},
		{"inside", "", []int{200}, "b", ""},
		{"huge", "bytes=3221225472-", []int{206}, "far away", "bytes 3221225472-3221225479/3221225480"},
		{"huge", "bytes=-4", []int{206}, "away", "bytes 3221225476-3221225479/3221225480"},
		{"huge", "bytes=3221225480-", []int{416}, "", "bytes */3221225480"},
		{"a.txt", small, []int{200}, "0123456789", ""}, // too many: everything, once
		{"a.txt", many, []int{200, 400, 431}, "", ""},  // the field alone is longer than a head may be
	} {
		began := time.Now()
		call := testkit.Call{Target: "/static/" + row.name}
		if row.field != "" {
			call.Headers = []string{"Range: " + row.field}
		}
		answer, err := c.Try(call)
		ok := err == nil && answer.Cut == nil && answer.Header.Get("Content-Range") == row.span && time.Since(began) < filePatience
		statusOK := false
		for _, status := range row.statuses {
			statusOK = statusOK || answer.Status == status
		}
		if !ok || !statusOK || row.body != "" && string(answer.Body) != row.body {
			t.Errorf("%s: %s %.30q: %d %v %.60q, %v after %v", c.Name, row.name, row.field, answer.Status, answer.Header, answer.Body, err, time.Since(began))
		}
	}
}

// shrinking cuts a file while it is sent.
func shrinking(t *testing.T, c testkit.Client, root string) {
	t.Helper()
	const size = 64 << 20
	path := testkit.Write(t, root, "shrinks", strings.Repeat("x", size))
	exchange, err := c.Send(testkit.Call{Target: "/static/shrinks"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exchange.Close() }()
	if _, err := exchange.Reader.Peek(1); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1); err != nil {
		t.Fatal(err)
	}
	answer, err := exchange.Receive()
	// sendfile gives the socket the file's pages themselves; the kernel fills with NUL what is cut off them.
	other := strings.Trim(string(answer.Body), "x\x00")
	if err != nil || answer.Status != 200 || answer.Cut == nil || len(answer.Body) >= size || other != "" {
		t.Errorf("%s: a file that shrank: %d with %d bytes, cut: %v, %v; %.20q", c.Name, answer.Status, len(answer.Body), answer.Cut, err, other)
	}
}
