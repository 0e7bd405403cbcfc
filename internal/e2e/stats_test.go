package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// inTerminal runs a command in a terminal of its own until the screen has had every text, then presses q.
func inTerminal(t *testing.T, command string, texts ...string) {
	t.Helper()
	p := exec.Command("script", "--quiet", "--return", "--command", "stty rows 30 cols 120; "+command, "/dev/null")
	p.Env = append(p.Environ(), "TERM=xterm-256color")
	keys, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	screen, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(20*time.Second, func() { _ = p.Process.Kill() })
	defer timer.Stop()
	var all strings.Builder
	buffer := make([]byte, 64<<10)
	pressed := false
	for {
		n, err := screen.Read(buffer)
		all.Write(buffer[:n])
		if !pressed && hasAll(all.String(), texts) {
			pressed = true
			_, _ = io.WriteString(keys, "q")
		}
		if err != nil {
			break
		}
	}
	if err := p.Wait(); err != nil || !pressed {
		t.Errorf("%s: %v; wanted %q on\n%q", command, err, texts, testkit.Tail(all.String(), 4000))
	}
}

func hasAll(text string, wanted []string) bool {
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			return false
		}
	}
	return true
}

// TestStats: the tools of uWSGI's users see penknife.
func TestStats(t *testing.T) {
	address := testkit.FreeAddress(t)
	s := serve(t, "hello:application", testkit.Options{Processes: 2, Flags: []string{"--stats", address}})
	for range 20 {
		testkit.HTTPClient(s.HTTP).Get(t, "/?token=secret")
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test
	text, err := io.ReadAll(conn)
	if err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("%v, or a secret in %s", err, text)
	}
	var d struct {
		Version string
		PID     int
		Workers []struct {
			PID, ID, Requests int
			Status            string
			RSS, VSZ          int
		}
		Sockets []struct {
			Name     string
			MaxQueue int `json:"max_queue"`
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	requests := 0
	for _, w := range d.Workers {
		requests += w.Requests
		if w.PID == 0 || w.Status != "idle" || w.RSS == 0 || w.VSZ < w.RSS {
			t.Errorf("worker %+v", w)
		}
	}
	if d.PID != s.PID() || len(d.Workers) != 2 || requests < 20 {
		t.Errorf("pid %d, %d workers, %d requests", d.PID, len(d.Workers), requests)
	}
	queued := false
	for _, one := range d.Sockets {
		queued = queued || one.Name == s.HTTP && one.MaxQueue > 0
	}
	if !queued {
		t.Errorf("no backlog of %s in %+v", s.HTTP, d.Sockets)
	}
	if out := curl(t, "http://"+address+"/"); !strings.HasPrefix(out, "{") {
		t.Errorf("over HTTP: %.100q", out)
	}
	uwsgitop := filepath.Join(testkit.Root(t), ".venv-test", "bin", "uwsgitop")
	inTerminal(t, uwsgitop+" "+address, "uwsgi-penknife-", fmt.Sprintf("masterpid: %d", s.PID()), fmt.Sprint(d.Workers[0].PID), "idle")
	inTerminal(t, uwsgitop+" http://"+address+"/", fmt.Sprint(d.Workers[1].PID))
}

// TestTop: what a person sees, with a request under way.
func TestTop(t *testing.T) {
	s := serve(t, "hello:application", testkit.Options{})
	testkit.HTTPClient(s.HTTP).Get(t, "/")
	inTerminal(t, testkit.Binary(t)+" top --uwsgi unix:"+s.Uwsgi, "hello:application", "running", "WORKER", "ready", "q quit")
	if code, out := testkit.Run(t, 10*time.Second, "top", "--uwsgi", "unix:"+s.Uwsgi); code != 2 || !strings.Contains(out, "no terminal") {
		t.Errorf("without a terminal: %d %s", code, out)
	}
}
