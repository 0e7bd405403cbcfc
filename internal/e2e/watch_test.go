package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// awaitBody waits until the application answers that.
func awaitBody(t *testing.T, s *testkit.Server, path, want string) {
	t.Helper()
	testkit.Eventually(t, 20*time.Second, func() error {
		answer, err := testkit.HTTPClient(s.HTTP).Try(testkit.Call{Target: path})
		if err == nil && string(answer.Body) != want {
			err = fmt.Errorf("%s: %d %.100q, want %q", path, answer.Status, answer.Body, want)
		}
		return err
	})
}

const watchedApp = `
import helper

def application(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/late":
        import late
        return [late.TEXT]
    return [helper.TEXT]
`

// TestReloadOnChange is a day of a developer: change a module, one that is imported by the first request only, break one,
// mend it.
func TestReloadOnChange(t *testing.T) {
	for _, preload := range []string{"true", "false"} {
		t.Run("preload "+preload, func(t *testing.T) {
			dir := testkit.Dir(t)
			testkit.Write(t, dir, "app.py", watchedApp)
			testkit.Write(t, dir, "helper.py", "TEXT = b'one'\n")
			testkit.Write(t, dir, "late.py", "TEXT = b'late one'\n")
			s := serve(t, "app:application", testkit.Options{
				Errors: aFailedReloadAndDeath,
				Chdir:  dir, Flags: []string{"--reload", "--preload=" + preload},
			})
			awaitBody(t, s, "/", "one")
			testkit.Write(t, dir, "helper.py", "TEXT = b'two, and longer'\n")
			awaitBody(t, s, "/", "two, and longer")
			awaitBody(t, s, "/late", "late one")
			s.AwaitOutput(t, "reloaded") // and what the new workers have imported by the way is told within a moment
			changeUntil(t, s, filepath.Join(dir, "late.py"), "/late", "late")
			testkit.Write(t, dir, "helper.py", "TEXT = b'broken\n")
			s.AwaitOutput(t, "SyntaxError")
			awaitBody(t, s, "/", "two, and longer")
			testkit.Write(t, dir, "helper.py", "TEXT = b'mended'\n")
			awaitBody(t, s, "/", "mended")
		})
	}
}

// changeUntil writes a module again and again, since nothing tells when a worker has reported it, until one change is
// served.
func changeUntil(t *testing.T, s *testkit.Server, path, target, text string) {
	t.Helper()
	n, written := 0, time.Time{}
	testkit.Eventually(t, 20*time.Second, func() error {
		answer, err := testkit.HTTPClient(s.HTTP).Try(testkit.Call{Target: target})
		if err != nil {
			return err
		}
		if n > 0 && strings.HasPrefix(string(answer.Body), text+" changed") {
			return nil
		}
		if time.Since(written) < time.Second {
			return fmt.Errorf("still %q", answer.Body)
		}
		n, written = n+1, time.Now()
		content := fmt.Sprintf("TEXT = b'%s changed %0*d'\n", text, n, n) // of another size each time: .pyc files go by second and size
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
		return fmt.Errorf("still %q", answer.Body)
	})
}

// TestTouchReload: the file need not be there at first, and a broken application leaves the old one.
func TestTouchReload(t *testing.T) {
	dir := testkit.Dir(t)
	testkit.Write(t, dir, "app.py", watchedApp)
	testkit.Write(t, dir, "helper.py", "TEXT = b'one'\n")
	touched := filepath.Join(dir, "reload.me")
	s := serve(t, "app:application", testkit.Options{Chdir: dir, Config: "app: {touch_reload: [" + touched + "]}\n", Errors: aFailedReload})
	testkit.Write(t, dir, "helper.py", "TEXT = b'two, and longer'\n")
	awaitBody(t, s, "/", "one")
	testkit.Write(t, dir, "reload.me", "")
	awaitBody(t, s, "/", "two, and longer")
	testkit.Write(t, dir, "helper.py", "raise ValueError('no')\n")
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(touched, later, later); err != nil {
		t.Fatal(err)
	}
	s.AwaitOutput(t, "ValueError: no")
	awaitBody(t, s, "/", "two, and longer")
}
