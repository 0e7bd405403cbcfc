package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, metrics http.Handler, ready func() error) (*Server, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Deps{Metrics: metrics, Ready: ready, Audience: Nobody, Log: slog.New(slog.DiscardHandler)})
	s.Start(listener)
	return s, "http://" + listener.Addr().String()
}

func get(t *testing.T, method, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(body))
}

func TestAnswers(t *testing.T) {
	var notReady error
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "numbers") })
	s, url := start(t, metrics, func() error { return notReady })
	tests := []struct {
		method, path string
		notReady     error
		status       int
		body         string
	}{
		{"GET", "/metrics", nil, 200, "numbers"},
		{"GET", "/livez", errors.New("starting"), 200, "alive"},
		{"HEAD", "/livez", nil, 200, ""},
		{"GET", "/readyz", nil, 200, "ready"},
		{"GET", "/readyz", errors.New("draining"), 503, "draining"},
		{"GET", "/", nil, 200, "penknife: /metrics /livez /readyz"},
		{"GET", "/other", nil, 404, "404 page not found"},
		{"POST", "/livez", nil, 405, "Method Not Allowed"},
	}
	for _, test := range tests {
		notReady = test.notReady
		status, body := get(t, test.method, url+test.path)
		if status != test.status || body != test.body {
			t.Errorf("%s %s: %d %q, want %d %q", test.method, test.path, status, body, test.status, test.body)
		}
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestShutdownCutsWhatDoesNotEnd(t *testing.T) {
	entered := make(chan struct{})
	metrics := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})
	s, url := start(t, metrics, func() error { return nil })
	result := make(chan error, 1)
	go func() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", nil)
		if err == nil {
			var response *http.Response
			if response, err = (&http.Transport{DisableKeepAlives: true}).RoundTrip(request); err == nil {
				err = errors.Join(errors.New("answered"), response.Body.Close())
			}
		}
		result <- err
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-result; err == nil || !strings.Contains(err.Error(), "EOF") {
		t.Errorf("the client got %v", err)
	}
}
