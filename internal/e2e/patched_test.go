package e2e

import (
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// TestPatchedLibrary: an application that gives the standard library an event loop (gevent, eventlet) is served by processes with
// one thread. With more threads its locks would wait for each other, so it is refused.
func TestPatchedLibrary(t *testing.T) {
	for _, preload := range []string{"true", "false"} {
		t.Run("preload "+preload, func(t *testing.T) {
			s := serve(t, "patched", testkit.Options{Processes: 2, Config: "app: {preload: " + preload + "}\n"})
			expectBody(t, testkit.HTTPClient(s.HTTP).Get(t, "/"), "patched\n")
			code, output := testkit.Run(t, callTimeout, "serve", "patched", "--chdir", apps(t), "--http", "127.0.0.1:0",
				"--threads", "2", "--preload="+preload)
			if code != 3 || !strings.Contains(output, "workers.threads is 2: set it to 1 and raise workers.processes") {
				t.Errorf("%d\n%s", code, output)
			}
		})
	}
}
