package link

import (
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/gateway"
	"penknife/internal/testkit"

	"golang.org/x/sys/unix"
)

// receiveFiles passes the descriptors that the worker sends on to the queue, as the workers package does.
func (h *harness) receiveFiles(socket int) {
	buf, rights := make([]byte, 64<<10), make([]byte, 64)
	for {
		n, oobn, _, _, err := unix.Recvmsg(socket, buf, rights, 0)
		if err != nil || n == 0 {
			return
		}
		if buf[0] != 'F' {
			continue
		}
		messages, err := unix.ParseSocketControlMessage(rights[:oobn])
		if err != nil {
			return
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil {
			return
		}
		le := func(at int) uint32 {
			return uint32(buf[at]) | uint32(buf[at+1])<<8 | uint32(buf[at+2])<<16 | uint32(buf[at+3])<<24
		}
		if h.lose {
			unix.Close(fds[0])
			h.q.LoseFile(0, le(4), le(8))
			continue
		}
		h.q.ReceiveFile(0, le(4), le(8), os.NewFile(uintptr(fds[0]), "response"))
	}
}

// TestQueue_FileResponseThatIsLost: without a descriptor for it the request fails at once, and the slot comes back.
func TestQueue_FileResponseThatIsLost(t *testing.T) {
	o := testOptions()
	o.Slots = 1
	h := startHarness(t, o)
	h.lose = true
	socket := int(h.control.Fd())
	h.receivers.Go(func() { h.receiveFiles(socket) }) // ends when the worker's end of the control socket is closed
	for range 3 {
		testkit.Eventually(t, 10*time.Second, func() error { // the slot of the one before comes back with the worker's end of it
			_, err := h.q.Serve(newRequest("GET", "/file"), nil)
			if gateway.KindOf(err) != gateway.KindOverloaded {
				t.Fatal(err)
			}
			if !strings.Contains(err.Error(), "descriptor") {
				return err
			}
			return nil
		})
	}
}

func TestQueue_FileResponseArrivesAsDescriptor(t *testing.T) {
	h := startHarness(t, testOptions())
	socket := int(h.control.Fd())
	h.receivers.Go(func() { h.receiveFiles(socket) }) // ends when the worker's end of the control socket is closed
	resp, err := h.q.Serve(newRequest("GET", "/file"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/app.py")
	if err != nil {
		t.Fatal(err)
	}
	if resp.File == nil || resp.Offset != 0 || resp.Length != int64(len(want)) {
		t.Fatalf("file %v, offset %d, length %d; want %d", resp.File, resp.Offset, resp.Length, len(want))
	}
	got, err := io.ReadAll(io.NewSectionReader(resp.File, resp.Offset, resp.Length))
	if err != nil || string(got) != string(want) {
		t.Errorf("content differs: %v", err)
	}
	resp.Body.CloseWithError(nil)
}

func TestQueue_ThreadsServeAtTheSameTime(t *testing.T) {
	o := testOptions()
	o.Threads = 4
	h := startHarness(t, o)
	var running sync.WaitGroup
	for range 3 {
		running.Go(func() { h.get(newRequestOf("/hangs"), nil) }) // ends when the worker is reported dead
	}
	waitFor(t, "three busy lanes", func() bool { return h.q.Busy(0) == 3 })
	if _, body, err := h.get(newRequestOf("/hello"), nil); err != nil || string(body) != "hello world" {
		t.Errorf("the fourth lane: %q, %v", body, err)
	}
	h.cmd.Process.Kill()
	h.cmd.Wait()
	if lost := h.q.WorkerDied(0, "signal: killed"); lost != 3 {
		t.Errorf("lost %d, want 3", lost)
	}
	running.Wait()
}

func TestEnviron_KeepsWhatIsSafeAndDropsTheRest(t *testing.T) {
	h := startHarness(t, testOptions())
	_, body, err := h.get(newRequest("GET", "/environ_text",
		"HTTP_PROXY", "evil", "HTTP_CONTENT_LENGTH", "7", "HTTP_CONTENT_TYPE", "x", "wsgi.input", "forged",
		"CUSTOM_VAR", "k\xe4se", "REQUEST_SCHEME", "https", "HTTPS", "", "UWSGI_FILE", "/etc/passwd"), nil)
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	for _, want := range []string{"('CUSTOM_VAR', 'k\xc3\xa4se')", "('wsgi.url_scheme', 'https')", "('UWSGI_FILE', '/etc/passwd')",
		"('wsgi.version', (1, 0))", "('wsgi.multithread', False)", "('SCRIPT_NAME', '')"} {
		if !strings.Contains(text, want) {
			t.Errorf("environ lacks %s in %s", want, text)
		}
	}
	for _, bad := range []string{"HTTP_PROXY", "HTTP_CONTENT", "forged"} {
		if strings.Contains(text, bad) {
			t.Errorf("environ has %s", bad)
		}
	}
}

// TestEnviron_JoinsRepeatedHeaders: nginx 1.22 sends two Cookie headers as two variables.
func TestEnviron_JoinsRepeatedHeaders(t *testing.T) {
	h := startHarness(t, testOptions())
	long := "HTTP_X_" + strings.Repeat("LONG_", 20)
	for range 2 { // names are new to the table, then known
		_, body, err := h.get(newRequest("GET", "/environ_text", "HTTP_COOKIE", "a=1", "HTTP_X_FORWARDED_FOR", "1.2.3.4",
			"HTTP_COOKIE", "b=2", "HTTP_X_FORWARDED_FOR", "5.6.7.8", "PATH_TRANSLATED", "x", "PATH_TRANSLATED", "y",
			long, "1", long, "2"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"('HTTP_COOKIE', 'a=1; b=2')", "('HTTP_X_FORWARDED_FOR', '1.2.3.4, 5.6.7.8')",
			"('PATH_TRANSLATED', 'y')", "('" + long + "', '1, 2')"} {
			if !strings.Contains(string(body), want) {
				t.Errorf("environ lacks %s in %s", want, body)
			}
		}
	}
}

func TestHostileWorker_IsReportedAndItsRequestEnds(t *testing.T) {
	o := testOptions()
	reported := make(chan string, 4)
	o.Hostile = func(_ int, reason string) { reported <- reason }
	q, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	q.Start()
	answer := make(chan error, 1)
	go func() { // ends with the request
		_, err := q.Serve(newRequestOf("/x"), nil)
		answer <- err
	}()
	waitFor(t, "the request in the ring", func() bool { return !q.ring.empty() })
	s := q.slots.named(uint32(q.ring.cell(0).Load()))
	s.state.Store(stateWord(0, 0, stateClaimed)) // what lane 0 would do
	s.headLen.Store(1 << 30)
	s.status.Store(200)
	s.phase.Store(phaseHead)
	q.handle(s.index)
	if err := <-answer; gateway.KindOf(err) != gateway.KindWorkerDied {
		t.Errorf("error: %v", err)
	}
	if reason := <-reported; !strings.Contains(reason, "impossible response head") {
		t.Errorf("reason: %s", reason)
	}
	q.WorkerDied(0, "killed for it")
	if err := q.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestQueue_ForkedChildOfTheApplicationAnswersNothing(t *testing.T) {
	h := startHarness(t, testOptions())
	for range 20 {
		if _, body, err := h.get(newRequest("GET", "/forks"), nil); err != nil || string(body) != "once" {
			t.Fatalf("%q, %v", body, err)
		}
	}
}

func TestStepNames(t *testing.T) {
	for s := stepIdle; s <= stepFailed; s++ {
		if s.String() == "" {
			t.Errorf("step %d has no name", s)
		}
	}
}
