package e2e

import (
	"testing"

	"penknife/internal/testkit"
)

// TestEveryPython runs the same binary with each CPython of the machine.
func TestEveryPython(t *testing.T) {
	for _, python := range testkit.Interpreters(t) {
		t.Run(python.Version, func(t *testing.T) {
			s := serve(t, "probe:validated", testkit.Options{Python: python.Path})
			eachFront(t, s, func(t *testing.T, c testkit.Client) {
				got := decode[probed](t, c.Do(t, testkit.Call{Method: "POST", Body: pattern(200_000)}))
				if got.Python != python.Version || got.Size != 200_000 || got.SHA256 != digest(pattern(200_000)) {
					t.Errorf("Python %s, %d bytes", got.Python, got.Size)
				}
			})
			hello := serve(t, "hello:validated", testkit.Options{Python: python.Path, Processes: 2, Threads: 2})
			eachFront(t, hello, func(t *testing.T, c testkit.Client) {
				for range 20 {
					expectBody(t, c.Do(t, testkit.Call{}), "hello\n")
				}
			})
			rules := serve(t, "pep3333:application", testkit.Options{Python: python.Path})
			checkExcInfo(t, rules)
			checkExcInfoCycle(t, rules)
			checkInputMethods(t, rules)
			checkFileWrapper(t, rules)
			checkFreshEnviron(t, rules)
		})
	}
}

// TestValidator runs each fixture that keeps to the specification behind wsgiref's validator, which raises (500) and
// writes AssertionError at the first fault of the server's.
func TestValidator(t *testing.T) {
	for module, path := range map[string]string{
		"hello": "/", "probe": "/", "streams": "/file?n=1", "talk": "/",
		"frameworks_flask": "/json", "frameworks_bottle": "/json", "frameworks_falcon": "/json",
	} {
		t.Run(module, func(t *testing.T) {
			s := serve(t, module+":validated", testkit.Options{Python: testkit.Virtualenv(t)})
			nginx := testkit.NginxPass(t, s.Uwsgi, "")
			for _, c := range append(s.Fronts(), nginx.Client()) {
				expectStatus(t, c.Do(t, testkit.Call{Target: path}), 200)
				expectStatus(t, c.Do(t, testkit.Call{Method: "HEAD", Target: path}), 200)
			}
			expectNotLogged(t, s, "AssertionError", "WSGIWarning", "without being closed")
		})
	}
}
