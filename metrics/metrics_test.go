package metrics

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func newSet() *Set {
	return New("1.2.3", Names{Fronts: []string{"", "http", "uwsgi"}, Kinds: []string{"", "bad_request", "app_error"},
		Rejected: map[int]string{2: "queue_full"}, Exits: []string{"oom"},
		Refusals: []string{"connections", "address"}, Static: []string{"", "memory", "missed"}})
}

// page gives what a scrape would read.
func page(t *testing.T, s *Set) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	s.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if recorder.Code != http.StatusOK {
		t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
	return recorder.Body.String()
}

func expect(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%q is not on the page", line)
		}
	}
}

func TestStatic(t *testing.T) {
	s := newSet()
	s.Static.Watch(func() int64 { return 4711 })
	s.Static.Answered(1)
	s.Static.Answered(1)
	s.Static.Answered(0)
	s.Static.Answered(99)
	text := page(t, s)
	expect(t, text, `penknife_static_requests_total{outcome="memory"} 2`, `penknife_static_requests_total{outcome="missed"} 0`,
		"penknife_static_memory_bytes 4711")
	if strings.Contains(text, `outcome="unknown"`) {
		t.Error("outcome 0 has a series")
	}
}

// samplePool has two workers with two threads each, of which two are busy.
var samplePool = Pool{
	Ready: true, Python: "3.12.1", Generation: 3, Waiting: 40, InFlight: 42, Places: 99, Threads: 4, Busy: 2,
	States: []string{"ready", "draining"}, ZygoteRSS: 4096,
	Workers: []PoolWorker{{Index: 0, State: "ready"}, {Index: 1, State: "ready", RSS: 2048, Anonymous: 1024}},
}

func TestRequests(t *testing.T) {
	s := newSet()
	s.Requests.Done(1, []byte("GET"), 200, 100, 3*time.Millisecond)
	s.Requests.Done(1, []byte("GET"), 204, 0, 3*time.Millisecond)
	s.Requests.Done(2, []byte("BREW"), 0, 0, time.Hour)
	s.Requests.Done(77, nil, 999, -1, 0)
	s.Requests.Failed(2)
	s.Requests.Failed(-1)
	s.Requests.Failed(99)
	s.Requests.Waited(30 * time.Microsecond)
	s.Requests.Waited(2 * time.Second)
	s.Requests.Served(20 * time.Millisecond)
	expect(t, page(t, s),
		`penknife_requests_total{class="2xx",front="http",method="GET"} 2`,
		`penknife_requests_total{class="none",front="uwsgi",method="other"} 1`,
		`penknife_requests_total{class="none",front="unknown",method="other"} 1`,
		`penknife_request_duration_seconds_bucket{front="http",le="0.0025"} 0`,
		`penknife_request_duration_seconds_bucket{front="http",le="0.005"} 2`,
		`penknife_request_duration_seconds_count{front="uwsgi"} 1`,
		`penknife_response_body_bytes_total{front="http"} 100`,
		`penknife_request_errors_total{kind="app_error"} 1`,
		`penknife_request_errors_total{kind="unknown"} 2`,
		`penknife_requests_rejected_total{reason="queue_full"} 1`,
		`penknife_request_queue_duration_seconds_bucket{le="1"} 1`,
		`penknife_request_queue_duration_seconds_sum 2.00003`,
		`penknife_request_application_duration_seconds_bucket{le="0.025"} 1`,
		`penknife_request_errors_total{kind="bad_request"} 0`,
	)
}

func TestFrontsAndWorkers(t *testing.T) {
	s := newSet()
	http := s.Fronts.Of(1)
	http.ConnectionOpened()
	http.ConnectionOpened()
	http.ConnectionClosed()
	http.ConnectionRefused("address")
	http.ConnectionRefused("no reason")
	s.Fronts.Of(2).ProtocolError("length")
	s.Workers.WorkerStarted(20 * time.Millisecond)
	s.Workers.WorkerStarted(time.Minute)
	s.Workers.WorkerExited("signal")
	s.Workers.WorkerRetired("max_rss")
	s.Workers.RequestOverdue()
	s.Workers.BodySpooled(100, false)
	s.Workers.BodySpooled(1<<20, true)
	s.Workers.Watch(func() Pool { return samplePool })
	expect(t, page(t, s),
		`penknife_connections{front="http"} 1`,
		`penknife_connections_accepted_total{front="http"} 2`,
		`penknife_connections_refused_total{front="http",reason="address"} 1`,
		`penknife_connections_refused_total{front="http",reason="connections"} 0`,
		`penknife_protocol_errors_total{front="uwsgi",reason="length"} 1`,
		`penknife_worker_starts_total 2`,
		`penknife_worker_start_duration_seconds_bucket{le="0.025"} 1`,
		`penknife_worker_exits_total{cause="signal"} 1`,
		`penknife_worker_retirements_total{reason="max_rss"} 1`,
		`penknife_requests_overdue_total 1`,
		`penknife_request_body_bytes_total{spool="memory"} 100`,
		`penknife_request_body_bytes_total{spool="file"} 1.048576e+06`,
		`penknife_worker_exits_total{cause="oom"} 0`,
		`penknife_ready 1`,
		`penknife_workers{state="ready"} 2`,
		`penknife_workers{state="draining"} 0`,
		`penknife_requests_in_flight 42`,
		`penknife_queue_requests 40`,
		`penknife_queue_places 99`,
		`penknife_worker_busy_ratio 0.5`,
		`penknife_worker_resident_memory_bytes{worker="1"} 2048`,
		`penknife_worker_anonymous_memory_bytes{worker="1"} 1024`,
		`penknife_zygote_resident_memory_bytes 4096`,
		`penknife_python_info{version="3.12.1"} 1`,
	)
}

func TestFrontThatDoesNotExistShowsNoConnections(t *testing.T) {
	s := newSet()
	stranger := s.Fronts.Of(99)
	stranger.ConnectionOpened()
	stranger.ConnectionRefused("address")
	stranger.ConnectionClosed()
	if text := page(t, s); strings.Contains(text, "unknown\"} 1\n") || strings.Contains(text, `connections{front="unknown"`) {
		t.Error("an unknown front is shown")
	}
}

func TestLabelsAreBounded(t *testing.T) {
	s := newSet()
	for i := range 3 * boundedLimit {
		s.Fronts.Of(1).ProtocolError(fmt.Sprintf("reason %d", i))
	}
	text := page(t, s)
	if n := strings.Count(text, "\npenknife_protocol_errors_total{"); n != boundedLimit+1 {
		t.Errorf("%d series, want %d", n, boundedLimit+1)
	}
	expect(t, text, fmt.Sprintf(`penknife_protocol_errors_total{front="http",reason="other"} %d`, 2*boundedLimit))
}

// Truth: the naming rules of Prometheus, as promlint has them, and our own.
func TestNames(t *testing.T) {
	s := newSet()
	s.Requests.Done(1, []byte("GET"), 200, 1, 1)
	s.Fronts.Of(1).ProtocolError("a")
	s.Workers.WorkerExited("a")
	s.Workers.Watch(func() Pool { return samplePool })
	text := page(t, s)
	problems, err := promlint.New(bytes.NewBufferString(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !strings.HasPrefix(p.Metric, "go_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	name := regexp.MustCompile(`^(penknife|go|process)_[a-z0-9_]+$|^promhttp_`)
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok && !name.MatchString(strings.Fields(rest)[0]) {
			t.Errorf("name of %s", rest)
		}
	}
	if !strings.Contains(text, `version="1.2.3"`) {
		t.Error("no build info")
	}
}

func TestCountingFromManyGoroutines(t *testing.T) {
	s := newSet()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 1000 {
				s.Requests.Done(1, []byte("POST"), 500, 1, time.Millisecond)
				s.Fronts.Of(1).ProtocolError("x")
			}
		})
	}
	wait.Wait()
	expect(t, page(t, s),
		`penknife_requests_total{class="5xx",front="http",method="POST"} 8000`,
		`penknife_protocol_errors_total{front="http",reason="x"} 8000`,
	)
}

func TestDoneAllocatesNothing(t *testing.T) {
	s := newSet()
	method := []byte("GET")
	if n := testing.AllocsPerRun(100, func() { s.Requests.Done(1, method, 200, 10, time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations for each request", n)
	}
}

// TestScrapeOfManyWorkers: with a thousand workers a scrape has three series for each, and no more.
func TestScrapeOfManyWorkers(t *testing.T) {
	s := newSet()
	pool := Pool{States: []string{"ready"}}
	for i := range 1024 {
		pool.Workers = append(pool.Workers, PoolWorker{Index: i, State: "ready", RSS: 1, Anonymous: 1, CPU: time.Second})
	}
	s.Workers.Watch(func() Pool { return pool })
	text := page(t, s)
	expect(t, text, `penknife_workers{state="ready"} 1024`, `penknife_worker_cpu_seconds_total{worker="1023"} 1`)
	if n := strings.Count(text, `{worker="`); n != 3*1024 {
		t.Errorf("%d series", n)
	}
}

func BenchmarkScrapeOfManyWorkers(b *testing.B) {
	s := newSet()
	pool := Pool{States: []string{"ready"}}
	for i := range 1024 {
		pool.Workers = append(pool.Workers, PoolWorker{Index: i, State: "ready", RSS: 1, Anonymous: 1, CPU: time.Second})
	}
	s.Workers.Watch(func() Pool { return pool })
	handler := s.Handler()
	for b.Loop() {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
}
