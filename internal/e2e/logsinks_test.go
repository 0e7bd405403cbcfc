package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestLogFilesSurviveRotation: Debian's logrotate renames the files while requests are served, and no line is lost or in two
// files; then the same by SIGUSR1.
func TestLogFilesSurviveRotation(t *testing.T) {
	dir := testkit.Dir(t)
	control := filepath.Join(dir, "c")
	s := serve(t, "logged:application", testkit.Options{Flags: []string{"--control", "unix:" + control},
		Config: fmt.Sprintf("log: {file: %s/main.log, access: '%%(uri)', access_file: %[1]s/access.log, access_delay: 20ms, file_mode: '0600'}\n", dir)})
	rotation := testkit.Write(t, dir, "rotate.conf", fmt.Sprintf("%s/*.log {\n rotate 5\n nocreate\n postrotate\n  %s reopen-logs --control unix:%s\n endscript\n sharedscripts\n}\n",
		dir, testkit.Binary(t), control))
	if err := os.Chmod(rotation, 0o644); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	sent := 0
	load.Go(func() { // ended by stop
		for client := testkit.HTTPClient(s.HTTP); ; sent++ {
			select {
			case <-stop:
				return
			default:
				client.Get(t, "/n/"+strconv.Itoa(sent))
			}
		}
	})
	for range 3 {
		rotated := testkit.Start(t, dir, nil, testkit.Command(t, "logrotate"), "-f", "-s", filepath.Join(dir, "state"), rotation)
		if code := rotated.Wait(t, logTime); code != 0 {
			t.Errorf("logrotate: %d\n%s", code, rotated.Output())
		}
	}
	if err := os.Rename(filepath.Join(dir, "access.log"), filepath.Join(dir, "access.log.usr1")); err != nil {
		t.Fatal(err)
	}
	s.Signal(t, syscall.SIGUSR1)
	testkit.Eventually(t, logTime, func() error { _, err := os.Stat(filepath.Join(dir, "access.log")); return err })
	close(stop)
	load.Wait()
	s.Terminate(t, testkit.Grace)
	counts := countLines(t, filepath.Join(dir, "access.log*"))
	for i := range sent {
		if n := counts["/n/"+strconv.Itoa(i)]; n != 1 {
			t.Fatalf("request %d of %d has %d lines", i, sent, n)
		}
	}
	for _, name := range []string{"main.log.1", "main.log.3", "access.log.1", "access.log.3", "access.log.usr1", "access.log"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if text := testkit.ReadFile(t, filepath.Join(dir, "main.log")); !strings.Contains(text, "penknife stopped") {
		t.Errorf("the last file:\n%s", text)
	}
}

func countLines(t *testing.T, pattern string) map[string]int {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) < 4 {
		t.Fatal(names, err)
	}
	counts := map[string]int{}
	for _, name := range names {
		for line := range strings.Lines(testkit.ReadFile(t, name)) {
			counts[strings.TrimSuffix(line, "\n")]++
		}
	}
	return counts
}

// TestAFullDiskCostsLinesOnly: requests are served, and lost lines are counted and said.
func TestAFullDiskCostsLinesOnly(t *testing.T) {
	w := serveWatched(t, "logged:application", "log: {access: combined, access_file: /dev/full, access_delay: 0s}\n", testkit.Options{})
	for range 20 {
		testkit.HTTPClient(w.HTTP).Get(t, "/")
	}
	if line := w.AwaitOutput(t, "access log: not written"); !strings.Contains(line, "no space left") {
		t.Error(line)
	}
	testkit.Eventually(t, logTime, func() error {
		if !regexp.MustCompile(`penknife_log_dropped_total\{log="access"\} [2-9]\d`).MatchString(w.scrape(t)) {
			return fmt.Errorf("not counted")
		}
		return nil
	})
}

// TestSyslogAndJournal: both logs as datagrams to sockets that speak for the daemons.
func TestSyslogAndJournal(t *testing.T) {
	dir := testkit.Dir(t)
	receive := func(name string) func(want string) string {
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, name), Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetReadDeadline(time.Now().Add(2 * logTime))
		buffer := make([]byte, 64<<10)
		return func(want string) string {
			for {
				n, err := conn.Read(buffer)
				if err != nil {
					t.Fatalf("%s in %s: %v", want, name, err)
				}
				if strings.Contains(string(buffer[:n]), want) {
					return string(buffer[:n])
				}
			}
		}
	}
	journal, syslog := receive("journal"), receive("log")
	s := serve(t, "logged:application", testkit.Options{Config: "log: {output: journald, journal_socket: " + dir + "/journal, access: combined, " +
		"access_output: syslog, access_delay: 0s, syslog_address: 'unix:" + dir + "/log', syslog_tag: mysite, syslog_facility: local3}\n"})
	failed := testkit.HTTPClient(s.HTTPUnix).Do(t, testkit.Call{Target: "/boom", Headers: []string{"X-Request-ID: 0f1e"}})
	expectStatus(t, failed, 500)
	entry := journal("KeyError")
	for _, want := range []string{"PRIORITY=3\n", "SYSLOG_IDENTIFIER=mysite\n", "REQUEST_ID=0f1e\n", "WORKER=0\n", "Traceback (most recent call last):\n"} {
		if !strings.Contains(entry, want) {
			t.Errorf("no %q in %q", want, entry)
		}
	}
	line := syslog("/boom")
	if want := regexp.MustCompile(`^<156>\w{3} [ \d]\d \d\d:\d\d:\d\d mysite\[` + strconv.Itoa(s.PID()) + `\]: - - - \[.*\] "GET /boom HTTP/1.1" 500 `); !want.MatchString(line) {
		t.Errorf("%q", line)
	}
}

// TestOutputIsLimitedAndRaw: a flood is summed up and counted, a binary line is escaped, and with app_format raw the
// application's own JSON is a line of its own.
func TestOutputIsLimitedAndRaw(t *testing.T) {
	w := serveWatched(t, "logged:application", "log: {app_rate: 10, app_burst: 100}\n", testkit.Options{})
	testkit.HTTPClient(w.HTTP).Get(t, "/binary")
	if line := w.AwaitOutput(t, "end-of-binary"); strings.ContainsAny(line, "\x00\x1b\xff") {
		t.Errorf("%q", line)
	}
	testkit.HTTPClient(w.HTTP).Get(t, "/flood?5000")
	line := w.AwaitOutput(t, "output dropped: the worker writes more than log.app_rate")
	if lines := strings.Count(w.Output(), "flood-line"); lines < 90 || lines > 400 || !strings.Contains(line, "worker=0") {
		t.Errorf("%d lines, %s", lines, line)
	}
	if !regexp.MustCompile(`penknife_log_app_dropped_total 4[0-9]{3}`).MatchString(w.scrape(t)) {
		t.Error("not counted")
	}
	raw := serve(t, "logged:application", testkit.Options{Config: "log: {app_format: raw, format: json}\n"})
	testkit.HTTPClient(raw.HTTP).Get(t, "/json")
	if line := raw.AwaitOutput(t, `"own"`); strings.TrimSpace(line) != `{"own": "line"}` {
		t.Errorf("%q", line)
	}
	if line := raw.AwaitOutput(t, "worker ready"); !strings.HasPrefix(line, "{") {
		t.Errorf("%q", line)
	}
}
