package admin

import (
	"errors"
	"testing"

	"penknife/gateway"
)

func TestHealth(t *testing.T) {
	passed := errors.New("passed on")
	var notReady error
	h := &Health{Livez: "/alive", Ready: func() error { return notReady }, Readyz: "/ready",
		Next: gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return nil, passed })}
	for _, test := range []struct {
		method, path string
		notReady     error
		status       int // 0: passed on
		text         string
	}{
		{"GET", "/alive", errors.New("x"), 200, "alive\n"}, {"HEAD", "/alive", nil, 200, "alive\n"}, {"GET", "/ready", nil, 200, "ready\n"},
		{"GET", "/ready", errors.New("stopping"), 503, "stopping\n"}, {"POST", "/ready", nil, 0, ""}, {"GET", "/ready/", nil, 0, ""}, {"GET", "", nil, 0, ""},
	} {
		notReady = test.notReady
		r := &gateway.Request{Method: []byte(test.method), Path: []byte(test.path)}
		response, err := h.Serve(r)
		if test.status == 0 {
			if !errors.Is(err, passed) || r.Trace.Engine != "" {
				t.Errorf("%s %s was not passed on", test.method, test.path)
			}
			continue
		}
		if err != nil || response.Status != test.status || string(response.Whole) != test.text || int64(len(test.text)) != response.Length ||
			r.Trace.Engine != Engine {
			t.Errorf("%s %s: %+v, %v", test.method, test.path, response, err)
		}
		response.Body.CloseWithError(nil)
	}
	only := &Health{Readyz: "/ready", Ready: h.Ready, Next: h.Next}
	if _, err := only.Serve(&gateway.Request{Method: []byte("GET")}); !errors.Is(err, passed) {
		t.Error("a request without a path is taken for a path that is not set")
	}
}
