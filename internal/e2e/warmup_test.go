package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"penknife/internal/testkit"
)

// TestWarmup: each worker has answered the requests by itself before the first client's, also one that takes the place of
// another; at a reload a bad answer changes nothing.
func TestWarmup(t *testing.T) {
	for _, preload := range []string{"true", "false"} {
		t.Run("preload "+preload, func(t *testing.T) {
			file := testkit.Write(t, testkit.Dir(t), "warm", "200 OK")
			s := serve(t, "warm:application", testkit.Options{
				Processes: 2, Errors: aFailedReloadAndDeath, Env: []string{"WARM=" + file},
				Config: "app: {preload: " + preload + ", warmup: [\"/one?a=1\", \"http://example.org/h%C3%A9\"]}\n",
			})
			const want = "2 True example.org /h\u00c3\u00a9"
			for range 10 {
				expectBody(t, testkit.HTTPClient(s.HTTP).Get(t, "/"), want)
			}
			write := func(text string) {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			reload := func() (int, string) { return testkit.Run(t, callTimeout, "reload", "--uwsgi", "unix:"+s.Uwsgi) }

			write("503 Service Unavailable")
			if code, output := reload(); code != 3 || !strings.Contains(output, "the warm-up request /one?a=1 answered with 503 Service Unavailable") {
				t.Errorf("%d\n%s", code, output)
			}
			write("raise")
			code, output := reload()
			if code != 3 || !strings.Contains(output, "/one?a=1 raised LookupError") || !strings.Contains(output, "LookupError: nothing is there yet") ||
				strings.Contains(output, "penknife/warmup.py") {
				t.Errorf("%d\n%s", code, output)
			}
			expectBody(t, testkit.HTTPClient(s.HTTP).Get(t, "/"), want)

			// A replacement serves although its warm-up fails, and the log says so.
			if err := syscall.Kill(pidOf(t, testkit.HTTPClient(s.HTTP).Get(t, "/")), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, callTimeout, func() error {
				if !strings.Contains(s.Output(), "a warm-up request failed; the worker serves in spite of it") {
					return errNotYet
				}
				return nil
			})
			awaitWorkers(t, s, 2)
			write("404 Not Found")
			if code, output := reload(); code != 0 {
				t.Errorf("%d\n%s", code, output)
			}
		})
	}
}

// TestWarmupAtTheStart: a server whose application cannot answer does not start.
func TestWarmupAtTheStart(t *testing.T) {
	for status, want := range map[string]string{
		"500 Oops": "the warm-up request / answered with 500 Oops",
		"hang":     "a worker was not ready in time (workers.start_timeout)",
	} {
		file := testkit.Write(t, testkit.Dir(t), "warm", status)
		t.Setenv("WARM", file)
		t.Setenv("PENKNIFE_WORKERS_START_TIMEOUT", "3s")
		code, output := testkit.Run(t, callTimeout, "serve", "warm:application", "--chdir", apps(t), "--warmup", "/",
			"--http", testkit.FreeAddress(t), "--control", "off", "--python", testkit.DefaultPython(t))
		if code != 3 || !strings.Contains(output, want) {
			t.Errorf("%s: %d\n%s", status, code, output)
		}
		if status == "hang" && !strings.Contains(output, "in application\"") {
			t.Errorf("nobody says where it hangs\n%s", output)
		}
	}
}
