package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"penknife/control"
	"penknife/internal/testkit"
)

// TestLostSocket: a socket file that somebody has removed is told by status, and once by the log.
func TestLostSocket(t *testing.T) {
	s := serve(t, "nasty:application", testkit.Options{})
	status := func(flags ...string) string {
		code, out := testkit.Run(t, 30*time.Second, append([]string{"status", "--uwsgi", "unix:" + s.Uwsgi}, flags...)...)
		if code != 0 {
			t.Fatal(code, out)
		}
		return out
	}
	const warning, told = "a socket file is not ours any more", "the socket file was removed, nobody can connect"
	if out := status(); strings.Contains(out, told) {
		t.Error(out)
	}
	if err := os.Remove(s.Uwsgi); err != nil {
		t.Fatal(err)
	}
	if out := status(); !strings.Contains(out, "uwsgi unix:"+s.Uwsgi+": "+told) {
		t.Error(out)
	}
	var parsed control.Status
	if err := json.Unmarshal([]byte(status("--json")), &parsed); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, one := range parsed.Listeners {
		if one.Lost == "removed" && one.Address == "unix:"+s.Uwsgi {
			lost++
		}
	}
	if lost != 1 {
		t.Errorf("%+v", parsed.Listeners)
	}
	s.AwaitOutput(t, warning)
	if n := strings.Count(s.Output(), warning); n != 1 {
		t.Errorf("warned %d times", n)
	}
}
