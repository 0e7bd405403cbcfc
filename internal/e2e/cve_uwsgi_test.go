package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"penknife/internal/testkit"
)

// TestCVE_2018_6758_LongPaths: uWSGI expanded paths into a buffer of fixed size on its stack; a path as long as a packet
// can carry must be answered, by the application and where files are served, by the same worker as before.
func TestCVE_2018_6758_LongPaths(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{Config: "static: [{url: /static/, root: " + staticTree(t) + "}]\n"})
	c := testkit.UwsgiClient(s.Uwsgi)
	pid := pidOf(t, c.Get(t, "/"))
	for _, n := range []int{255, 256, 4095, 4096, 4097, 12_000, 30_000} {
		for _, segment := range []string{"a", "a/", "../", "./"} {
			path := strings.Repeat(segment, n/len(segment))
			expectStatus(t, c.Do(t, testkit.Call{Target: "/" + path}), 200)
			answer := c.Do(t, testkit.Call{Target: "/static/" + path})
			if answer.Status/100 != 4 && answer.Status/100 != 3 {
				t.Errorf("%d bytes of %q below /static/: %d", n, segment, answer.Status)
			}
		}
	}
	if now := pidOf(t, c.Get(t, "/")); now != pid {
		t.Errorf("worker %d was replaced by %d", pid, now)
	}
}

// TestCVE_uWSGI_2491_MagicVariables: whoever could reach uWSGI's socket chose the code that it ran by variables; here no
// variable may choose code, a directory, an interpreter or the environment.
func TestCVE_uWSGI_2491_MagicVariables(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	dir := testkit.Dir(t)
	proof := filepath.Join(dir, "proof")
	code := testkit.Write(t, dir, "evil.py", "open("+fmt.Sprintf("%q", proof)+", 'w').close()\ndef application(environ, start_response):\n"+
		"    start_response('200 OK', [])\n    return [b'evil']\n")
	attacks := [][]string{
		{"UWSGI_FILE=" + code}, {"UWSGI_FILE=" + code, "SCRIPT_NAME=/evil"}, {"UWSGI_SCRIPT=evil", "UWSGI_CHDIR=" + dir, "UWSGI_PYHOME=" + dir},
		{"UWSGI_MODULE=evil", "UWSGI_CALLABLE=application", "UWSGI_PYTHONPATH=" + dir}, {"UWSGI_SETENV=PYTHONPATH=" + dir}, {"UWSGI_APPID=evil", "UWSGI_FILE=" + code},
		{"UWSGI_HOME=" + dir, "UWSGI_FILE=exec://touch " + proof}, {"UWSGI_TOUCH_RELOAD=" + code}, {"UWSGI_POST_BUFFERING=" + dir}, {"SCRIPT_FILENAME=" + code},
		{"PYTHONPATH=" + dir, "PYTHONSTARTUP=" + code, "LD_PRELOAD=" + code},
	}
	for _, c := range []testkit.Client{testkit.UwsgiClient(s.Uwsgi), testkit.UwsgiClient(s.UwsgiTCP)} {
		pid := pidOf(t, c.Get(t, "/"))
		for _, vars := range attacks {
			answer := c.Do(t, testkit.Call{Vars: vars})
			expectBody(t, answer, `"served"`)
			if now := pidOf(t, answer); now != pid {
				t.Errorf("%v: worker %d, before %d", vars, now, pid)
			}
		}
	}
	if _, err := os.Stat(proof); err == nil {
		t.Error("the code of a variable ran")
	}
	if info, err := os.Stat(s.Uwsgi); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("the socket is open to everybody: %v, %v", info.Mode(), err)
	}
}

// TestCVE_uWSGI_2336_UnreadBodyIsNoPacket: over a kept connection uWSGI read the body that its application had left as the
// next packet; a connection must end with its one answer.
func TestCVE_uWSGI_2336_UnreadBodyIsNoPacket(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	hidden := testkit.UwsgiPacket(0, 0, append(pair("REQUEST_METHOD", "GET"), pair("PATH_INFO", "/smuggled")...))
	c := testkit.UwsgiClient(s.Uwsgi)
	seen(t, s)
	if got := exchangeRaw(t, c, string(hidden)); firstStatus(got) != 200 || seen(t, s) != "GET /smuggled, body b''" {
		t.Fatalf("the packet itself is not served: %q", got)
	}
	for name, address := range nginxListeners(s) {
		t.Run(name, func(t *testing.T) {
			for _, length := range []int{0, 1, len(hidden), len(hidden) * 2} {
				head := append(pair("REQUEST_METHOD", "POST"), pair("PATH_INFO", "/unread")...)
				head = append(head, pair("CONTENT_LENGTH", fmt.Sprint(length))...)
				wire := string(testkit.UwsgiPacket(0, 0, head)) + strings.Repeat(string(hidden), 3)
				got := exchangeRaw(t, testkit.UwsgiClient(address), wire)
				if reached := seen(t, s); reached != "POST /unread" || strings.Count(got, "HTTP/1.1 ") != 1 {
					t.Errorf("length %d: the application saw %s", length, reached)
				}
			}
		})
	}
	nginx := testkit.NginxPass(t, s.Uwsgi, "uwsgi_request_buffering off;")
	nginx.Client().Do(t, testkit.Call{Method: "POST", Target: "/unread", Body: hidden})
	if reached := seen(t, s); reached != "POST /unread" {
		t.Errorf("behind nginx the application saw %s", reached)
	}
}

// TestCVE_2020_11984_BlockLengthOverflow: Apache wrote the length of its block modulo 65536, so that the request's body
// was read as variables; a block that does not end where a variable does is refused.
func TestCVE_2020_11984_BlockLengthOverflow(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	c := testkit.UwsgiClient(s.Uwsgi)
	seen(t, s)
	forged := append(pair("REQUEST_METHOD", "GET"), pair("PATH_INFO", "/smuggled")...)
	long := append(pair("REQUEST_METHOD", "POST"), "\x06\x00HTTP_X\xff\xff"...)
	long = append(long, strings.Repeat("x", 65535)...)
	wire := append([]byte{0, byte(len(long)), byte(len(long) >> 8), 0}, long...) // modulo 65536
	if got := exchangeRaw(t, c, string(append(wire, forged...))); firstStatus(got) != 400 {
		t.Errorf("a length modulo 65536: %q", got)
	}
	for cut := 1; cut < len(forged); cut++ {
		packet := append(testkit.UwsgiPacket(0, 0, forged[:cut]), forged[cut:]...)
		if got := exchangeRaw(t, c, string(packet)); firstStatus(got) != 400 {
			t.Errorf("a block of %d bytes, cut in a variable or without its method: %q", cut, got)
		}
		if cut == len(pair("REQUEST_METHOD", "GET"))-1 {
			cut++ // a block that ends between two variables is a complete one
		}
	}
	if reached := seen(t, s); reached != "" {
		t.Errorf("the application saw %s", reached)
	}
	apache := testkit.Apache(t, "uwsgi://"+s.UwsgiTCP+"/")
	for _, size := range []int{60_000, 65_000, 65_400} {
		_, _ = apache.Client().Try(testkit.Call{Method: "POST", Target: "/", Body: []byte(strings.Repeat(string(forged), 100)),
			Headers: []string{"X-A: " + strings.Repeat("a", size)}})
		if reached := seen(t, s); strings.Contains(reached, "smuggled") && !strings.HasPrefix(reached, "POST /") {
			t.Errorf("behind Apache with %d bytes the application saw %s", size, clip([]byte(reached)))
		}
	}
}

// TestCVE_2021_36160_LongURIThroughApache: Apache read beyond the end of a path that it passed on; whatever of such a
// target arrives here is answered.
func TestCVE_2021_36160_LongURIThroughApache(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	apache := testkit.Apache(t, "uwsgi://"+s.UwsgiTCP+"/")
	for _, n := range []int{100, 4000, 8000} {
		for _, unit := range []string{"a", "%41", "/"} {
			answer := apache.Client().Do(t, testkit.Call{Target: "/" + strings.Repeat(unit, n/len(unit))})
			expectStatus(t, answer, 200)
		}
	}
	if got := testkit.UwsgiClient(s.UwsgiTCP).Do(t, testkit.Call{Target: "", Vars: []string{"PATH_INFO=", "REQUEST_URI="}}); got.Status != 200 {
		t.Errorf("an empty path: %d", got.Status)
	}
}

// TestCVE_2022_24761_PythonNumbersInPackets: the same numbers as over HTTP, in the variable that says where a body ends.
func TestCVE_2022_24761_PythonNumbersInPackets(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{})
	seen(t, s)
	for _, length := range []string{"+5", "-1", "-0", "0x5", "1_0", " 5", "5 ", "5\n", "5\x00", "5,5", "5.0", "5e0", "٥", "\xa05", "18446744073709551621", "9223372036854775808"} {
		block := append(pair("REQUEST_METHOD", "POST"), pair("CONTENT_LENGTH", length)...)
		got := exchangeRaw(t, testkit.UwsgiClient(s.Uwsgi), string(testkit.UwsgiPacket(0, 0, block))+"abcde")
		if firstStatus(got) != 400 || !strings.Contains(got, "CONTENT_LENGTH") {
			t.Errorf("%q: %q", length, got)
		}
	}
	if reached := seen(t, s); reached != "" {
		t.Errorf("the application saw %s", reached)
	}
}

// TestCVE_2019_7401_HostileWorker: a message between NGINX Unit's processes overflowed its router; a worker that writes
// random words over all of the memory that it shares with us may spoil the requests of that moment, for it shares them, but
// penknife must neither fall nor send bytes of other memory, serves again with new workers, and leaves when it is told to.
func TestCVE_2019_7401_HostileWorker(t *testing.T) {
	s := serve(t, "attacked:application", testkit.Options{Processes: 2, Threads: 2,
		Errors: append([]string{"worker wrote nonsense into the queue; it is killed", "a worker has written over the memory that all share; it was mended",
			"workers keep dying at once"}, aStubbornRequest...),
		Config: "workers: {request_timeout: 3s, queue_timeout: 3s, grace_period: 2s}\n"})
	var group sync.WaitGroup
	done := make(chan struct{})
	for i := range 4 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				// Whatever comes of it, but never bytes that nobody sent.
				answer, err := s.Fronts()[i%2].Try(testkit.Call{Target: "/", Method: "POST", Body: pattern(2000)})
				if err == nil && answer.Status == 200 && answer.Cut == nil && string(answer.Body) != `"served"` {
					t.Errorf("an answer that nobody gave: %q", clip(answer.Body))
				}
			}
		})
	}
	for seed := range 3 {
		_, _ = testkit.HTTPClient(s.HTTP).Try(testkit.Call{Target: fmt.Sprintf("/scribble?%d", seed)})
		testkit.Eventually(t, 2*callTimeout, func() error { // the pauses after deaths grow
			answer, err := testkit.HTTPClient(s.HTTP).Try(testkit.Call{})
			if err == nil && answer.Status != 200 {
				err = fmt.Errorf("seed %d: status %d", seed, answer.Status)
			}
			return err
		})
	}
	close(done)
	group.Wait()
	if s.Exited() {
		t.Fatal("penknife has ended")
	}
	for _, alarm := range []string{"panic", "fatal error"} {
		if strings.Contains(s.Output(), alarm) {
			t.Errorf("the log has %q", alarm)
		}
	}
}
