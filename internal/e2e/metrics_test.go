package e2e

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// watched is a penknife with an admin listener.
type watched struct {
	*testkit.Server
	admin string // its address
}

// serveWatched starts penknife with an admin listener; config is the text of further keys below admin, or of whole
// sections.
func serveWatched(t testing.TB, app, config string, options testkit.Options) *watched {
	t.Helper()
	w := &watched{admin: testkit.FreeAddress(t)}
	options.Flags = append(options.Flags, "--admin", w.admin)
	options.Config = config
	w.Server = serve(t, app, options)
	return w
}

// scrape gives what Prometheus would read.
func (w *watched) scrape(t testing.TB) string {
	t.Helper()
	return string(testkit.HTTPClient(w.admin).Get(t, "/metrics").Body)
}

// promtool runs Prometheus' own tool on an input and fails the test unless it is content.
func promtool(t testing.TB, input string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, testkit.Command(t, "promtool"), arguments...)
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return string(output)
}

// TestMetrics_PromtoolIsContent: Prometheus' own judgement of names, help, types and the format, after both front ends
// were asked, refused and broken with, and a worker died and was replaced.
func TestMetrics_PromtoolIsContent(t *testing.T) {
	w := serveWatched(t, "deaths:application", "", testkit.Options{Processes: 2, Errors: aDeadWorker})
	for _, client := range w.Fronts() {
		expectStatus(t, client.Do(t, testkit.Call{Method: "POST", Target: "/", Body: []byte("some bytes")}), 200)
		expectStatus(t, client.Do(t, testkit.Call{Target: "/systemexit"}), 500)
	}
	expectStatus(t, testkit.HTTPClient(w.HTTP).Do(t, testkit.Call{Proto: "HTTP/4.7"}), 505)
	expectStatus(t, testkit.HTTPClient(w.HTTP).Do(t, testkit.Call{Target: "/segfault"}), 502)
	var text string
	testkit.Eventually(t, 10*time.Second, func() error {
		text = w.scrape(t)
		if !strings.Contains(text, "penknife_workers{state=\"ready\"} 2\n") ||
			strings.Count(text, "\npenknife_worker_resident_memory_bytes{") != 2 { // /proc is read now and then
			return errNotYet
		}
		return nil
	})
	if output := promtool(t, text, "check", "metrics"); output != "" {
		t.Errorf("promtool says:\n%s", output)
	}
	for _, want := range []string{
		`penknife_requests_total{class="2xx",front="uwsgi",method="POST"} 1`,
		`penknife_requests_total{class="5xx",front="uwsgi",method="GET"} 1`,
		`penknife_request_body_bytes_total{spool="memory"} 20`,
		`penknife_worker_exits_total{cause="signal"} 1`, `penknife_worker_exits_total{cause="oom"} 0`,
		`penknife_requests_rejected_total{reason="queue_full"} 0`,
		`penknife_ready 1`, `penknife_queue_requests 0`, `penknife_worker_threads 2`,
		`penknife_reload_last_successful 1`,
		`penknife_python_info{version="3.`,
		`penknife_build_info{go_version="go`, `penknife_protocol_errors_total{front="http",reason="`,
		`penknife_worker_resident_memory_bytes{worker="0"} `, `penknife_worker_resident_memory_bytes{worker="1"} `,
		`penknife_zygote_resident_memory_bytes `,
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("%s is not in the scrape", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}
