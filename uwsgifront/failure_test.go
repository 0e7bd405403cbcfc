package uwsgifront

import (
	"strings"
	"testing"

	"penknife/gateway"
)

// Whoever ends a request logs it, once.
func TestFailuresAreLoggedOnce(t *testing.T) {
	for name, m := range modes {
		t.Run(name, func(t *testing.T) {
			f := start(t, ":0", testLimits(), inMode(m, func(*gateway.Request) (*gateway.Response, error) {
				return nil, gateway.Errorf(gateway.KindWorkerDied, "killed by SIGSEGV")
			}))
			if answer, _ := f.dial(t).send(get("REQUEST_URI=/die")).answer("GET"); answer.StatusCode != 502 {
				t.Errorf("status %d", answer.StatusCode)
			}
			f.outcome(t)
			logs := f.logs.String()
			if strings.Count(logs, "request failed") != 1 || !strings.Contains(logs, "kind=worker_died") ||
				!strings.Contains(logs, "target=/die") {
				t.Errorf("log: %s", logs)
			}
		})
	}
}
